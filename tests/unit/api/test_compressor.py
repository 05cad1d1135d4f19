"""Compression: same bytes each time, every value checked, all or nothing on disk, the input untouched."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from numpy.typing import NDArray

import baler_root
from baler_root.compression import cluster_encoder as cluster
from baler_root.compression import column_encoder as cells
from baler_root.compression.quantisation.quantise import quantise
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import (
    BalerError,
    ConfigError,
    ErrorBoundViolated,
    KeyInFileError,
    OutputError,
    SourceError,
)
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.container import write
from baler_root.format.encodings.quantised import Quantised
from baler_root.rootio import source as rootio
from tests.conftest import fixed_columns, flat_columns, jagged_columns, nested_columns

Make = Callable[..., Path]


def read(path: Path, tree: str = "Events") -> ak.Array:
    with baler_root.open(path) as file:
        return file[tree].arrays()


def original(path: Path, tree: str = "Events") -> ak.Array:
    with uproot.open(path) as file:
        return file[tree].arrays()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def rich_root(make_root: Make) -> Path:
    """Flat, jagged and fixed-size columns, a second tree in a folder."""
    columns = {**flat_columns(500), **jagged_columns(500), **fixed_columns(500)}
    return make_root("rich.root", **{"Events": columns, "runs/Summary": {"lumi": np.arange(3.0)}})


# Round trips


@pytest.mark.parametrize("columns", [flat_columns, jagged_columns, fixed_columns, nested_columns])
@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_lossless_is_identical(
    columns: Callable[[], Any], kind: str, make_root: Make, tmp_path: Path
) -> None:
    if kind == "ttree" and columns is nested_columns:
        kind = "rntuple"
    root = make_root("a.root", kind, Events=columns())
    baler_root.compress(root, tmp_path / "a.baler", bound="lossless", cluster_size=70)
    found, expected = read(tmp_path / "a.baler"), original(root)
    assert found.type == expected.type
    assert ak.array_equal(found, expected, equal_nan=True, dtype_exact=True)
    assert baler_root.verify(tmp_path / "a.baler", root).ok


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_trees_without_entries(kind: str, make_root: Make, tmp_path: Path) -> None:
    empty = {"x": np.zeros(0, np.float32), "y": jagged_columns(3)["Muon"].pt[:0], "z": np.zeros((0, 3))}
    if kind == "rntuple":
        del empty["z"]
    root = make_root("a.root", kind, Events=empty)
    summary = baler_root.compress(root, tmp_path / "a.baler")
    assert summary.trees[0].num_entries == summary.trees[0].clusters == 0
    found = read(tmp_path / "a.baler")
    assert len(found) == 0
    assert found.type == original(root).type
    assert baler_root.verify(tmp_path / "a.baler", root).ok


def test_lists_that_are_all_empty(make_root: Make, tmp_path: Path) -> None:
    lists = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(np.zeros(31, np.int64)), _none("f4")))
    root = make_root("a.root", Events={"x": lists, "n": np.arange(30)})
    baler_root.compress(root, tmp_path / "a.baler", cluster_size=7)
    assert read(tmp_path / "a.baler")["x"].to_list() == [[]] * 30
    assert baler_root.verify(tmp_path / "a.baler", root).ok


def _none(code: str) -> ak.contents.NumpyArray:
    return ak.contents.NumpyArray(np.zeros(0, code))


def test_directories_cycles_and_objects(tmp_path: Path) -> None:
    root = tmp_path / "a.root"
    with uproot.recreate(root) as file:
        for cycle in (1, 2):
            file.mktree("Events", {"x": "i8"})
            file["Events"].extend({"x": np.arange(5) * cycle})
        file.mktree("one/two/Deep", {"x": "f4"})
        file["one/two/Deep"].extend({"x": np.ones(4, "f4")})
        file["one/h"] = np.histogram([1.0, 2.0, 2.5])
        file.mkdir("empty")
    baler_root.compress(root, tmp_path / "a.baler")
    with baler_root.open(tmp_path / "a.baler") as found, uproot.open(root) as expected:
        assert sorted(found.keys()) == sorted(expected.keys())
        for key in ("Events;1", "Events;2", "one/two/Deep"):
            assert found[key]["x"].array().to_list() == expected[key]["x"].array().to_list()
        assert found["one/h"].values().tolist() == expected["one/h"].values().tolist()
        assert found["Events"]["x"].array().to_list() == [0, 2, 4, 6, 8]


def test_only_the_trees_asked_for(rich_root: Path, tmp_path: Path) -> None:
    baler_root.compress(rich_root, tmp_path / "a.baler", trees=["runs/Summary"])
    with open_file(tmp_path / "a.baler") as file:
        assert [tree.schema.path for tree in file.trees] == ["runs/Summary"]
    assert baler_root.verify(tmp_path / "a.baler", rich_root).ok
    with pytest.raises(KeyInFileError, match=r"not found: 'Event'.*nearest: 'Events'"):
        baler_root.compress(rich_root, tmp_path / "b.baler", trees=["Event"])
    assert not (tmp_path / "b.baler").exists()


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """Titles in Latin-1 are common in old files; uproot reads them as surrogates."""
    root = tmp_path / "a.root"
    with uproot.recreate(root) as file:
        file.mktree("t", {"xyz": "f4"}, title="Temperatur in XYZC")
        file["t"].extend({"xyz": np.ones(3, "f4")})
    root.write_bytes(root.read_bytes().replace(b"in XYZC", b"in \xb0\xb5\xb0C"))
    baler_root.compress(root, tmp_path / "a.baler")
    with open_file(tmp_path / "a.baler") as file:
        assert file.trees[0].schema.title.encode(errors="surrogateescape") == b"Temperatur in \xb0\xb5\xb0C"


# The same bytes


def test_same_input_same_bytes(rich_root: Path, tmp_path: Path) -> None:
    for name in ("a.baler", "b.baler"):
        baler_root.compress(rich_root, tmp_path / name, cluster_size=200)
    assert digest(tmp_path / "a.baler") == digest(tmp_path / "b.baler")


def test_same_bytes_whatever_the_number_of_jobs(
    rich_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.POOL_SIZE", 0)
    seen: list[tuple[int, int]] = []
    baler_root.compress(rich_root, tmp_path / "one.baler", cluster_size=200)
    baler_root.compress(
        rich_root, tmp_path / "two.baler", cluster_size=200, jobs=2, progress=lambda a, b: seen.append((a, b))
    )
    assert digest(tmp_path / "one.baler") == digest(tmp_path / "two.baler")
    assert [total for _, total in seen] == [503] * len(seen)
    assert seen[-1][0] == 503


def test_another_bound_gives_another_file(rich_root: Path, tmp_path: Path) -> None:
    sizes = []
    for number, bound in enumerate(["lossless", "rel=1e-4", "rel=1e-2"]):
        sizes.append(baler_root.compress(rich_root, tmp_path / f"{number}.baler", bound=bound).size)
    assert sizes == sorted(sizes, reverse=True)


def test_summary_counts_every_byte(rich_root: Path, tmp_path: Path) -> None:
    summary = baler_root.compress(rich_root, tmp_path / "a.baler", cluster_size=200)
    assert sum(summary.parts.values()) == summary.size == (tmp_path / "a.baler").stat().st_size
    assert summary.source_size == rich_root.stat().st_size
    branches = [branch for tree in summary.trees for branch in tree.branches]
    assert sum(branch.size for branch in branches) == pytest.approx(summary.parts["pages"], rel=0.05)
    arrays = original(rich_root)
    assert sum(b.raw_size for b in branches if b.path == "special") == arrays["special"].nbytes


# Clusters


@pytest.mark.parametrize(
    ("size", "clusters"),
    [
        (500, [500]),
        (200, [200, 200, 100]),
        ("200", [200, 200, 100]),
        (10**9, [500]),
        ("1 GiB", None),
        (450, [500]),
    ],
)
def test_cluster_sizes_in_entries(
    size: int | str, clusters: list[int] | None, make_root: Make, tmp_path: Path
) -> None:
    root = make_root("a.root", Events={"x": np.arange(500)})
    if clusters is None:
        with pytest.raises(ConfigError, match="256 MiB"):
            baler_root.compress(root, tmp_path / "a.baler", cluster_size=size)
        return
    baler_root.compress(root, tmp_path / "a.baler", cluster_size=size)
    with open_file(tmp_path / "a.baler") as file:
        assert list(file.trees[0].stored.clusters) == clusters


def test_cluster_sizes_in_memory(make_root: Make, tmp_path: Path) -> None:
    root = make_root("a.root", Events={"x": np.arange(40_000)})
    lengths = {}
    for size in ("64 kB", "0.064MB", "64000B", ".064 MB", "32 kB", "1 MiB"):
        baler_root.compress(root, tmp_path / "a.baler", cluster_size=size, overwrite=True)
        with open_file(tmp_path / "a.baler") as file:
            lengths[size] = file.trees[0].stored.clusters[0]
    assert len({lengths[size] for size in ("64 kB", "0.064MB", "64000B", ".064 MB")}) == 1
    assert lengths["64 kB"] == pytest.approx(64_000 / 8, rel=0.01)
    assert lengths["32 kB"] == pytest.approx(32_000 / 8, rel=0.01)
    assert lengths["1 MiB"] == 40_000


def test_clusters_are_cut_where_baskets_end(tmp_path: Path) -> None:
    root = tmp_path / "a.root"
    with uproot.recreate(root) as file:
        file.mktree("t", {"x": "i8"})
        for _ in range(10):
            file["t"].extend({"x": np.arange(90)})
    baler_root.compress(root, tmp_path / "a.baler", cluster_size=200)
    with open_file(tmp_path / "a.baler") as opened:
        offsets = opened.trees[0].cluster_offsets
    assert all(offset % 90 == 0 for offset in offsets)
    assert len(offsets) > 3


@pytest.mark.parametrize("size", ["", "big", "-5", "1.2.3 MB", "64 XB", "0 B", "1 GB", "1e3 kB", 0, -3])
def test_cluster_sizes_that_make_no_sense(size: int | str, flat_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cluster size"):
        baler_root.compress(flat_root, tmp_path / "a.baler", cluster_size=size)
    assert not list(tmp_path.glob("*a.baler*"))


# Nothing is left behind


@pytest.fixture
def untouched(flat_root: Path, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Compress with the arguments given, see it fail, see that nothing else changed."""
    before = digest(flat_root)

    def fails(kind: type[BaseException], match: str | None, **options: Any) -> None:
        with pytest.raises(kind, match=match):
            baler_root.compress(flat_root, tmp_path / "out" / "a.baler", **{"cluster_size": 100, **options})
        assert digest(flat_root) == before
        assert list((tmp_path / "out").iterdir()) == []

    (tmp_path / "out").mkdir()
    yield fails
    assert digest(flat_root) == before


def test_disk_full(untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A disk with room for the first few bytes."""

        def __init__(self, file: Any) -> None:
            self._file, self._left = file, 2000

        def write(self, data: bytes) -> int:
            self._left -= len(data)
            if self._left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(self._file.write(data))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    start = write.AtomicFile.__init__

    def full(self: write.AtomicFile, *args: Any, **kwargs: Any) -> None:
        start(self, *args, **kwargs)
        vars(self)["file"] = Full(self.file)

    monkeypatch.setattr(write.AtomicFile, "__init__", full)
    untouched(OutputError, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_disk_full_at_the_end(
    call: str, untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "fsync":
        monkeypatch.setattr("os.fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    untouched(OutputError, "No space left on device")


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted(jobs: int, untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baler_root.compression.workers.POOL_SIZE", 0)

    def interrupt(done: int, total: int) -> None:
        if done * 2 > total:
            raise KeyboardInterrupt

    untouched(KeyboardInterrupt, None, progress=interrupt, jobs=jobs)


class Liar(Classic):
    """Decodes one value of each float column wrongly."""

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        out = super().decode(payload, specs, wanted)
        for values in out.values():
            if values.dtype.kind == "f" and len(values) > 7:
                values[7] = np.nextafter(values[7], values.dtype.type(np.inf))
        return out


def test_a_codec_that_lies_is_found(untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "get_codec", lambda _: Liar())
    untouched(
        ErrorBoundViolated, r"branch '\w+': 1 of 100 decoded values miss the bound lossless", bound="lossless"
    )


def test_a_quantiser_that_lies_is_found(
    untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(values: NDArray[Any], bound: Any, sentinels: Any) -> Any:
        return quantise((values * np.float32(1.002)).astype(values.dtype), bound, sentinels)

    monkeypatch.setattr(cells, "quantise", careless)
    untouched(ErrorBoundViolated, "decoded values miss the bound")


def test_outliers_that_are_forgotten_are_found(
    make_root: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(*args: Any) -> Quantised:
        done = quantise(*args)
        assert len(done.positions) == 5
        return replace(done, positions=done.positions[:0], outliers=done.outliers[:0])

    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    values[::2000] = np.arange(1, 6) * 1.2345678e19  # further apart than the grid reaches
    root = make_root("a.root", t={"x": values})
    baler_root.compress(root, tmp_path / "a.baler", bound="abs=1e-3")
    assert baler_root.inspect(tmp_path / "a.baler")["trees"][0]["branches"][0]["outliers"] == 5
    monkeypatch.setattr(cells, "quantise", careless)
    with pytest.raises(
        ErrorBoundViolated, match=r"branch 'x': 5 of 10000 decoded values miss the bound abs=0\.001"
    ):
        baler_root.compress(root, tmp_path / "b.baler", bound="abs=1e-3")
    assert not list(tmp_path.glob("*b.baler*"))


# Output and input that will not do


def test_overwriting(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    target.write_bytes(b"kept")
    with pytest.raises(OutputError, match=r"a\.baler: exists already; use --overwrite"):
        baler_root.compress(flat_root, target)
    assert target.read_bytes() == b"kept"
    baler_root.compress(flat_root, target, overwrite=True)
    assert baler_root.verify(target).ok
    with pytest.raises(KeyboardInterrupt):
        baler_root.compress(flat_root, target, overwrite=True, progress=_interrupt)
    assert baler_root.verify(target).ok
    assert {path.name for path in tmp_path.iterdir()} == {"a.baler", "flat.root"}


def _interrupt(done: int, total: int) -> None:
    assert done <= total
    raise KeyboardInterrupt


def test_output_is_never_the_input(flat_root: Path, tmp_path: Path) -> None:
    before = digest(flat_root)
    (tmp_path / "link.root").symlink_to(flat_root)
    for target in (flat_root, tmp_path / "link.root"):
        with pytest.raises(ConfigError, match="is the input"):
            baler_root.compress(flat_root, target, overwrite=True)
    assert digest(flat_root) == before


def test_folders(flat_root: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist; create it first"):
        baler_root.compress(flat_root, tmp_path / "none" / "a.baler")
    with pytest.raises(OutputError, match="is a folder"):
        baler_root.compress(flat_root, tmp_path)
    with pytest.raises(SourceError, match="is a folder"):
        baler_root.compress(tmp_path, tmp_path / "a.baler")


def test_inputs_that_will_not_do(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    with pytest.raises(SourceError, match="no such file"):
        baler_root.compress(tmp_path / "none.root", target)
    for name, data in (
        ("text.root", b"no ROOT file at all" * 100),
        ("empty.root", b""),
        ("short.root", flat_root.read_bytes()[:50]),
        ("half.root", flat_root.read_bytes()[: flat_root.stat().st_size // 2]),
        ("cut.root", flat_root.read_bytes()[:-30]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError):
            baler_root.compress(tmp_path / name, target)
        assert not list(tmp_path.glob("*a.baler*")), name
    with uproot.recreate(tmp_path / "h.root") as file:
        file["h"] = np.histogram([1.0])
    with pytest.raises(SourceError, match="holds no TTree and no RNTuple"):
        baler_root.compress(tmp_path / "h.root", target)


def test_rules_that_match_nothing(flat_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'Energy' matches no branch; nearest: 'energy"):
        baler_root.compress(flat_root, tmp_path / "a.baler", branch_bounds=["Energy=rel=1e-2"])
    assert not list(tmp_path.glob("*a.baler*"))


# What cannot be read


@pytest.fixture
def broken_branch(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """`broken_branch(name, start)` makes reading that branch fail from an entry on."""
    whole = rootio.read_array

    def install(name: str, first: int) -> None:
        def fail(handle: Any, start: int, stop: int) -> ak.Array:
            if handle.name == name and stop > first:
                raise ValueError("basket 7 is\nnot what it seems")
            return whole(handle, start, stop)

        monkeypatch.setattr(rootio, "read_array", fail)

    return install


@pytest.mark.parametrize("first", [0, 300], ids=["at once", "further on"])
def test_unreadable_branches_are_listed(
    first: int, broken_branch: Callable[[str, int], None], rich_root: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(rootio, "SAMPLE_ENTRIES", 100)
    broken_branch("special", first)
    target = tmp_path / "a.baler"
    with pytest.raises(SourceError, match=r"special[\s\S]*ValueError: basket 7 is[\s\S]*--skip-unsupported"):
        baler_root.compress(rich_root, target, cluster_size=100)
    assert not list(tmp_path.glob("*a.baler*"))
    summary = baler_root.compress(rich_root, target, cluster_size=100, skip_unsupported=True)
    assert summary.skipped == (("Events: special", "ValueError: basket 7 is"),)
    with baler_root.open(target) as file:
        assert "energy" in file["Events"].keys()  # noqa: SIM118 - as uproot has it
        assert file["Events"].num_entries == 500
    assert baler_root.verify(target).ok
    assert baler_root.inspect(target)["provenance"]["skipped"] == [list(item) for item in summary.skipped]


def test_a_branch_left_out_of_one_tree_stays_in_another(
    broken_branch: Callable[[str, int], None],
    make_root: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rootio, "SAMPLE_ENTRIES", 10)
    root = make_root("a.root", long={"x": np.arange(100), "y": np.arange(100)}, short={"x": np.arange(20)})
    broken_branch("x", 50)
    summary = baler_root.compress(root, tmp_path / "a.baler", skip_unsupported=True)
    assert [name for name, _ in summary.skipped] == ["long: x"]
    assert read(tmp_path / "a.baler", "short")["x"].to_list() == list(range(20))


def test_a_type_that_changes_is_named(
    make_root: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootio, "SAMPLE_ENTRIES", 10)
    root = make_root("a.root", t={"x": np.arange(100)})
    whole = rootio.read_array
    monkeypatch.setattr(
        rootio, "read_array", lambda h, a, b: whole(h, a, b) if b <= 10 else whole(h, a, b) * 1.5
    )
    with pytest.raises(BalerError, match=r"tree 't', branch 'x'.*the type changes along the entries"):
        baler_root.compress(root, tmp_path / "a.baler", cluster_size=50)
    assert not list(tmp_path.glob("*a.baler*"))


def test_provenance_says_where_it_came_from(flat_root: Path, tmp_path: Path) -> None:
    baler_root.compress(flat_root, tmp_path / "a.baler", bound="rel=1e-2", cluster_size=300)
    made = baler_root.inspect(tmp_path / "a.baler")["provenance"]
    assert made["source"]["name"] == "flat.root"
    assert made["source"]["digest"] == f"sha256:{digest(flat_root)}"
    assert made["source"]["size"] == flat_root.stat().st_size
    assert made["versions"]["baler_root"] == baler_root.__version__
    assert str(tmp_path) not in str(made)


def test_equal_columns_are_stored_once(make_root: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.random(5000)
    once = make_root("a.root", t={"x": noise})
    thrice = make_root("b.root", t={"x": noise, "y": noise, "z": noise})
    sizes = [
        baler_root.compress(r, tmp_path / f"{r.stem}.baler", bound="lossless").size for r in (once, thrice)
    ]
    assert sizes[1] < sizes[0] + 300
    assert baler_root.verify(tmp_path / "b.baler", thrice).ok


def test_equal_columns_of_other_bounds_are_not_shared(make_root: Make, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random(5000)
    root = make_root("a.root", t={"x": noise, "y": noise})
    baler_root.compress(root, tmp_path / "a.baler", bound="rel=1e-2", branch_bounds=["y=lossless"])
    found = read(tmp_path / "a.baler", "t")
    assert (found["y"] == noise).to_list() == [True] * 5000
    assert not ak.all(found["x"] == noise)
