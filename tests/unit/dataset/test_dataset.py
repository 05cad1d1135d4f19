"""Reading `.baler` files: names, messages, many files, laziness; what differs from uproot on purpose."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

import baler_root
from baler_root.dataset.directory import Directory
from baler_root.dataset.file import File
from baler_root.dataset.request import entry_range
from baler_root.dataset.views import HTML_ROWS, html_table
from baler_root.errors import ConfigError, KeyInFileError, SourceError
from tests.helpers.compare import assert_same
from tests.helpers.uproot_source import FakeFile, FakeTree

Paths = tuple[Path, Path]


def write_tree(file: uproot.WritableDirectory, path: str, columns: dict[str, np.ndarray]) -> None:
    """Add a TTree; uproot's `file[path] = columns` would add an RNTuple."""
    file.mktree(path, {name: values.dtype for name, values in columns.items()}).extend(columns)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """ROOT file of trees in folders, two cycles of one, an RNTuple and a histogram; and its `.baler` file."""
    folder = tmp_path_factory.mktemp("mixed")
    source, target = folder / "mixed.root", folder / "mixed.baler"
    values = {"x": np.arange(100.0), "y": np.arange(100, dtype=np.int32)}
    jagged = ak.unflatten(np.arange(60.0), [i % 3 for i in range(60)])
    muons = ak.zip({"pt": jagged, "tight": jagged > 20})
    with uproot.recreate(source) as file:
        file["hist"] = np.histogram([1.0, 2.0, 2.0])
        write_tree(file, "Events", {"x": np.zeros(3)})
        write_tree(file, "Events", values)
        write_tree(file, "runs/lumi/Lumi", {"run": np.arange(5)})
        file["runs/counts"] = np.histogram([3.0])
        file.mkrntuple("fields", ak.Array({"muons": muons, "n": np.arange(60)}))
    baler_root.compress(source, target, bound="lossless", cluster_size=30)
    return source, target


def test_file_names_as_uproot(mixed: Paths) -> None:
    with uproot.open(mixed[0]) as theirs, baler_root.open(mixed[1]) as ours:
        for call in (
            lambda f: sorted(f.keys()),
            lambda f: sorted(f.keys(cycle=False)),
            lambda f: sorted(f.keys(recursive=False)),
            lambda f: sorted(f.keys(filter_name="*Lumi")),
            lambda f: sorted(f.keys(filter_classname=["TTree", "TH1D"])),
            lambda f: f.classnames(),
            lambda f: f.classnames(recursive=False, cycle=False),
            len,
            sorted,
            lambda f: sorted(f["runs"].keys()),
            lambda f: sorted(f["runs/lumi"]),
            lambda f: f["runs"].object_path,
            lambda f: f.object_path,
            lambda f: f["Events"].num_entries,
            lambda f: f["Events;1"].num_entries,
            lambda f: f["runs/lumi/Lumi"].object_path,
            lambda f: f["runs"]["lumi"]["Lumi"].name,
            lambda f: f["/runs/lumi/Lumi;1/run"].name,
            lambda f: f["runs/lumi/Lumi:run"].array().to_list(),
            lambda f: f["Events/x"].object_path,
            lambda f: f["hist"].to_numpy()[0].tolist(),
            lambda f: f["runs/counts;1"].classname,
            lambda f: f["runs"]["counts"].classname,
            lambda f: f.classname_of("Events"),
            lambda f: ["Events" in f, "Events;7" in f, "runs/lumi" in f, "Evts" in f],
            lambda f: sorted(type(value).__name__ for value in f.values(filter_classname="TH1*")),
        ):
            assert call(ours) == call(theirs)
        assert isinstance(ours["runs"], Directory)
        assert ours["Events"] is ours["Events;2"]
        assert dict(ours.items(filter_name="Events"))["Events;1"].num_entries == 3
        assert "Events/x" in ours
        assert ours.get("nothing") is None
        assert ours.metadata


def test_wrong_names_give_the_nearest(mixed: Paths) -> None:
    with baler_root.open(mixed[1]) as file:
        for call, message in [
            (lambda: file["Event"], "not found: 'Event'"),
            (lambda: file["Event"], "nearest: 'Events'"),
            (lambda: file["Events;9"], "'Events;2'"),
            (lambda: file["runs/lumi/Lum"], "nearest: 'runs/lumi/Lumi'"),
            (lambda: file["runs"]["count"], "nearest: 'counts'"),
            (lambda: file["Events/xx"], "TTree '/Events;2'"),
            (lambda: file["fields"]["muon"], "nearest: 'muons'"),
            (lambda: file["fields"]["muons.pt_"], "nearest: 'muons.pt'"),
            (lambda: file["fields"].arrays(["muonz"]), "nearest: 'muons'"),
            (lambda: file["fields"].arrays(["n * mouns"]), "nearest: 'muons'"),
            (lambda: file["Events"].arrays(["xx * 2"]), "not found: 'xx'"),
            (lambda: file["Events"].arrays("x", "z > twice", aliases={"z": "y"}), "not found: 'twice'"),
        ]:
            with pytest.raises(KeyInFileError) as caught:
                call()
            assert message in str(caught.value)
            assert "mixed.baler" in str(caught.value)


def test_open_takes_the_path_of_an_object(mixed: Paths) -> None:
    path = mixed[1]
    with baler_root.open(f"{path}:Events") as tree:
        assert tree.num_entries == 100
    with baler_root.open({path: "runs/lumi/Lumi"}) as tree:
        assert tree.num_entries == 5
    with path.open("rb") as stream, baler_root.open(stream) as file:
        assert file["Events"].num_entries == 100
    with baler_root.open(f"{path}:Events/y") as branch:
        assert branch.array(library="np").sum() == 4950
    with pytest.raises(KeyInFileError):
        baler_root.open(f"{path}:Evenst")
    with pytest.raises(ConfigError, match="one file at a time"):
        baler_root.open({path: "Events", "other.baler": "Events"})


def test_closed_files_say_so(mixed: Paths) -> None:
    with baler_root.open(mixed[1]) as file:
        tree = file["Events"]
        kept = tree["x"].array()
        assert not file.closed
    assert file.closed
    assert ak.sum(kept) == 4950
    with pytest.raises(ValueError, match="closed file"):
        tree["x"].array()
    with baler_root.open(mixed[1])["Events"] as tree:
        pass
    assert tree.file.closed


def test_notebook_tables(mixed: Paths) -> None:
    with baler_root.open(mixed[1]) as file:
        assert all(word in file._repr_html_() for word in ("runs/lumi/Lumi;1", "TH1D", "100 × 2"))
        html = file["fields"]._repr_html_()
        assert "muons.pt" in html
        assert "60 entries" in html
        assert "x" in file["Events"]._ipython_key_completions_()
        assert "Events;2" in file._ipython_key_completions_()
        for thing in (file, file["runs"], file["Events"], file["Events/x"]):
            assert repr(thing).startswith("<")


def test_notebook_tables_are_escaped_and_cut() -> None:
    html = html_table("<caption>", ("a & b",), [("vector<float>",)] * (HTML_ROWS + 3))
    assert html.count("vector&lt;float&gt;") == HTML_ROWS
    assert "&lt;caption&gt;" in html
    assert "a &amp; b" in html
    assert "… and 3 more" in html


def test_fields_take_formulas_and_cuts(mixed: Paths) -> None:
    """uproot does not do this on RNTuples yet; it ignores the cut."""
    with baler_root.open(mixed[1]) as file:
        tree = file["fields"]
        whole = tree.arrays()
        mask = (whole.n > 10) & (ak.num(whole.muons) > 0)
        got = tree.arrays(["muons", "2 * n"], "n > 10")
        assert got.fields == ["muons", "2 * n"]
        assert ak.array_equal(got["2 * n"], 2 * whole.n[whole.n > 10])
        assert ak.array_equal(got.muons, whole.muons[whole.n > 10])
        got = tree.arrays(cut="big", aliases={"big": "n > 10"}, filter_name="muons.pt", entry_start=5)
        assert got.fields == ["muons"]
        assert got.muons.fields == ["pt"]
        assert ak.array_equal(got.muons.pt, whole.muons.pt[11:])
        assert tree.arrays("muons.pt + n")["muons.pt + n"].to_list() == (whole.muons.pt + whole.n).to_list()
        parts = list(tree.iterate(["n"], "n > 10", step_size=7, library="np"))
        assert np.concatenate([part["n"] for part in parts]).tolist() == list(range(11, 60))
        assert ak.any(mask)
        with pytest.raises(ConfigError, match="not both"):
            tree.arrays(["n"], filter_name="muons")
        assert tree.arrays(["none_*"]).fields == []


def test_steps_are_at_least_one_entry(mixed: Paths) -> None:
    with baler_root.open(mixed[1]) as file:
        assert len(list(file["Events"].iterate("x", step_size=np.int64(50)))) == 2
        for size in (0, -5):
            with pytest.raises(ConfigError, match="at least one entry"):
                list(file["Events"].iterate("x", step_size=size))
        with pytest.raises(TypeError):
            list(file["Events"].iterate("x", step_size=2.5))


def test_other_interpretations_are_refused(mixed: Paths) -> None:
    with baler_root.open(mixed[1]) as file, pytest.raises(ConfigError, match="no other interpretation"):
        file["Events"].arrays({"x": ">i8"})
    with baler_root.open(mixed[1]) as file, pytest.raises(ConfigError, match="one filter under two names"):
        file["Events"].keys(filter_branch=bool, filter_field=bool)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Path]]:
    """Three files of one tree, and the same as `.baler`; the last has another tree too."""
    folder = tmp_path_factory.mktemp("several")
    sources, targets = [], []
    for number, entries in enumerate((50, 0, 70)):
        source, target = folder / f"part{number}.root", folder / f"part{number}.baler"
        with uproot.recreate(source) as file:
            n = np.arange(entries)
            write_tree(file, "Events", {"x": n + 1000.0 * number, "n": n % 4})
            if number == 2:
                write_tree(file, "other", {"z": np.arange(4)})
        baler_root.compress(source, target, bound="lossless", cluster_size=20)
        sources.append(source)
        targets.append(target)
    return sources, targets


@pytest.mark.parametrize("library", ["ak", "np", "pd"])
def test_concatenate_as_uproot(several: tuple[list[Path], list[Path]], library: str) -> None:
    if library == "pd":
        pytest.importorskip("pandas")
    for options in (
        {},
        {"entry_start": 45, "entry_stop": -60},
        {"entry_start": -3},
        {"expressions": ["2 * x"], "cut": "n == 1"},
        {"filter_name": "n", "how": tuple},
    ):
        theirs = uproot.concatenate([f"{p}:Events" for p in several[0]], library=library, **options)
        ours = baler_root.concatenate([f"{p}:Events" for p in several[1]], library=library, **options)
        assert_same(ours, theirs)


def test_iterate_as_uproot(several: tuple[list[Path], list[Path]]) -> None:
    def steps(module: object, paths: list[Path], **options: object) -> list[object]:
        found = module.iterate([f"{p}:Events" for p in paths], ["x"], step_size=30, report=True, **options)
        return [
            (arrays.x.to_list(), r.start, r.stop, r.tree_entry_start, Path(r.file_path).stem)
            for arrays, r in found
        ]

    assert steps(baler_root, several[1]) == steps(uproot, several[0])
    pytest.importorskip("pandas")
    files = [f"{p}:Events" for p in several[1]]
    index = [list(frame.index) for frame in baler_root.iterate(files, "n", step_size=40, library="pd")]
    assert list(chain(*index)) == list(range(120))


def test_ways_to_name_files(several: tuple[list[Path], list[Path]]) -> None:
    paths = several[1]
    folder = paths[0].parent
    whole = baler_root.concatenate([f"{p}:Events" for p in paths])
    for files in (
        f"{folder}/*.baler:Events",
        {f"{folder}/part?.baler": "Events"},
        {folder / "*.baler": "Events"},
        [{p: "Events"} for p in paths],
    ):
        assert ak.array_equal(baler_root.concatenate(files), whole)
    assert ak.array_equal(baler_root.concatenate(paths[:2]), whole[:50])
    with baler_root.open(paths[0])["Events"] as tree:
        assert ak.array_equal(baler_root.concatenate([tree, paths[1]]), whole[:50])
        assert sum(len(step) for step in baler_root.iterate(tree)) == 50
        assert not tree.file.closed


def test_mistakes_with_many_files(several: tuple[list[Path], list[Path]], mixed: Paths) -> None:
    paths = several[1]
    with pytest.raises(ConfigError, match="holds 2 trees"):
        baler_root.concatenate(paths[2])
    with pytest.raises(SourceError, match="no file matches"):
        baler_root.concatenate(str(paths[0].parent / "none*.baler"))
    with pytest.raises(KeyInFileError, match="nearest: 'other'"):
        baler_root.concatenate({paths[2]: "othr"})
    with pytest.raises(KeyInFileError):
        baler_root.concatenate([{p: "other"} for p in paths])
    with pytest.raises(ConfigError, match="is no tree"):
        baler_root.concatenate({mixed[1]: "hist"})
    with pytest.raises(TypeError):
        baler_root.concatenate(5)
    with pytest.raises(TypeError):
        baler_root.concatenate({paths[0]: 5})
    found = baler_root.concatenate([{p: "other"} for p in paths], allow_missing=True)
    assert found.z.to_list() == [0, 1, 2, 3]
    assert len(list(baler_root.iterate([{p: "other"} for p in paths], allow_missing=True))) == 1
    with pytest.raises(SourceError, match="allow_missing"):
        baler_root.concatenate({paths[0]: "other"}, allow_missing=True)


def test_only_what_is_asked_is_read(jagged_root: Path) -> None:
    source = FakeFile(jagged_root)
    tree, reads = File(source)["Events"], source.trees[0].reads
    position = {name: branch.position for name, branch in tree.items()}
    tree["event"].array(entry_start=5, entry_stop=7)
    tree.arrays(["Muon_pt * 2"], "event > 3", entry_start=1, entry_stop=2)
    tree.arrays(filter_name="Muon_eta", entry_stop=4)
    tree.keys(filter_typename="double")
    tree.show(stream=io.StringIO())
    assert reads == [
        ((position["event"],), 5, 7),
        (tuple(sorted((position["Muon_pt"], position["event"]))), 1, 2),
        ((position["Muon_eta"],), 0, 4),
    ]


class Counting(io.BytesIO):
    """A file in memory that counts the bytes read from it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data

    def readinto(self, buffer: bytearray) -> int:
        size = super().readinto(buffer)
        self.count += size
        return size


def test_one_branch_of_one_range_takes_few_bytes(make_root: Callable[..., Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    columns = {f"x{i}": rng.normal(size=100_000) for i in range(4)}
    target = tmp_path / "wide.baler"
    baler_root.compress(make_root("wide.root", Events=columns), target, bound="lossless", cluster_size=20_000)
    file = Counting(target.read_bytes())
    tree = baler_root.open(file)["Events"]
    opened = file.count
    got = tree["x2"].array(entry_start=41_000, entry_stop=41_100)
    assert got.to_list() == columns["x2"][41_000:41_100].tolist()
    page = target.stat().st_size / 20
    assert file.count - opened < 1.5 * page


@given(st.integers(0, 50), st.none() | st.integers(-99, 99), st.none() | st.integers(-99, 99))
def test_entry_ranges_are_slices(entries: int, start: int | None, stop: int | None) -> None:
    first, last = entry_range(entries, start, stop)
    assert 0 <= first <= last <= entries
    assert list(range(first, last)) == list(range(entries))[start:stop]


def test_num_entries_for(jagged_root: Path) -> None:
    tree = File(FakeFile(jagged_root))["Events"]
    assert tree.num_entries_for("8 kB", ["event"]) == 1000
    assert tree.num_entries_for(1, ["event"]) == 1
    assert tree.num_entries_for("1 MB") < tree.num_entries_for("1 MB", filter_name="event")
    with pytest.raises(TypeError):
        tree.num_entries_for("many")


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_branches_that_were_not_carried(make_root: Callable[..., Path], kind: str) -> None:
    """They are listed, left out of `arrays()`, and asking for one tells why it is not there."""
    columns = {"x": np.arange(9.0), "y": np.arange(9)}
    source = FakeFile(make_root("lack.root", kind=kind, Events=columns))
    tree: FakeTree = source.trees[0]
    branches = list(tree.schema.branches)
    branches[0] = replace(branches[0], form=None, missing="uproot: none of the rules matched")
    tree.schema = replace(tree.schema, branches=tuple(branches))
    events = File(source)["Events"]
    assert list(events.keys()) == ["x", "y"]
    assert events.arrays(entry_stop=3).fields == ["y"]
    assert events.arrays(filter_name="*").fields == ["y"]
    for call in (events["x"].array, lambda: events.arrays(["x"]), lambda: events.arrays(["x + 1"])):
        with pytest.raises(SourceError, match="none of the rules matched"):
            call()


def test_groups_in_groups(data_file: Callable[..., Path]) -> None:
    """uproot fails on these; here they are records in records."""
    events = File(FakeFile(data_file("real", "fcc_edm4hep_100.root"), ["events"]))["events"]
    array = events["PARAMETERS"].array(entry_stop=3)
    assert array.fields == ["_intMap", "_floatMap", "_stringMap"]
    assert array["_intMap"].fields == ["_intMap.first", "_intMap.second"]


def test_plain_reading_leaves_uproot_alone(mixed: Paths) -> None:
    code = (
        "import sys, baler_root\n"
        f"tree = baler_root.open({str(mixed[1])!r})['Events']\n"
        "assert len(tree.arrays()) == 100 and tree['x'].array()[3] == 3\n"
        "assert 'uproot' not in sys.modules, 'uproot was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
