"""Files and trees: names, closed files, notebook tables, formulas and cuts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.dataset.directory import Directory
from baler_root.dataset.file import File
from baler_root.dataset.views import HTML_ROWS, html_table
from baler_root.errors import ConfigError, KeyInFileError, SourceError
from tests.helpers.processes import run_python
from tests.helpers.uproot_source import FakeFile, FakeTree

Paths = tuple[Path, Path]


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


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_branches_that_were_not_carried(make_root: Callable[..., Path], kind: str) -> None:
    """They are listed, left out of `arrays()`, and asking for one gives the reason."""
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
    run_python(code)
