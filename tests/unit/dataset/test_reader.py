"""Reading: any range of any branch is a part of the whole, in any thread, and belongs to its reader."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import baler_root
from baler_root.dataset.reader import context
from baler_root.dataset.reader.file_reader import FileReader, open_file
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import CorruptFileError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from tests.conftest import fixed_columns, flat_columns, jagged_columns, nested_columns
from tests.helpers.forge import Forger

Make = Callable[..., Path]
N = 230


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TTree and an RNTuple of every kind of column, in clusters of 50 entries."""
    folder = tmp_path_factory.mktemp("reader")
    root = folder / "in.root"
    flat = {**flat_columns(N), **fixed_columns(N)}
    types = {name: np.dtype((values.dtype, values.shape[1:])) for name, values in flat.items()}
    jagged = jagged_columns(N)
    with uproot.recreate(root) as file:
        file.mktree("Events", {**types, "Muon": ak.type(jagged["Muon"]).content})
        file["Events"].extend({**flat, **jagged})
        option = ak.Array([1.5, None, None, 2.5, None] * (N // 5))
        record = ak.zip({"a": ak.Array(np.arange(N)), "b": ak.Array(np.arange(N) % 7 == 0)})
        columns = {**nested_columns(N), "option": option, "record": record}
        file.mkrntuple("Nested", ak.Array(columns))
    baler_root.compress(root, folder / "in.baler", bound="lossless", cluster_size=50)
    return folder / "in.baler"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_range_is_a_part_of_the_whole(mixed: Path, data: st.DataObject) -> None:
    """One open file, ranges in any order: what is remembered from one read never shows in another."""
    with open_file(mixed) as file:
        for _ in range(4):
            tree = data.draw(st.sampled_from(file.trees))
            branches = data.draw(st.lists(st.sampled_from(tree.schema.stored()), min_size=1, unique=True))
            start = data.draw(st.integers(0, N))
            stop = data.draw(st.integers(start, N))
            found = tree.read(branches, start, stop)
            with open_file(mixed) as fresh:
                whole = fresh.trees[file.trees.index(tree)].read(branches, 0, N)
            for branch in branches:
                assert len(found[branch]) == stop - start
                assert found[branch].type.content == whole[branch].type.content
                assert ak.array_equal(found[branch], whole[branch][start:stop], equal_nan=True)


def test_whole_trees_are_what_uproot_reads(mixed: Path) -> None:
    with open_file(mixed) as file, uproot.open(mixed.with_suffix(".root")) as root:
        for tree in file.trees:
            expected = root[tree.schema.path]
            for branch, array in tree.read(tree.schema.stored(), 0, N).items():
                original = expected[tree.schema.path_of(branch)].array()
                assert array.type == original.type
                assert ak.array_equal(array, original, equal_nan=True, dtype_exact=True)


def test_many_threads_one_file(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With so little remembered that pages come and go all the time."""
    monkeypatch.setattr(context, "PAGE_CACHE_SIZE", 2000)
    with open_file(mixed) as file:
        tree = file.trees[0]
        branches = tree.schema.stored()
        whole = tree.read(branches, 0, N)

        def work(seed: int) -> None:
            rng = np.random.default_rng(seed)
            for _ in range(15):
                start = int(rng.integers(0, N - 30))
                chosen = rng.choice(branches, 3, replace=False).tolist()
                for branch, array in tree.read(chosen, start, start + 30).items():
                    assert ak.array_equal(array, whole[branch][start : start + 30], equal_nan=True)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(16)))


@pytest.mark.parametrize("steps", [(0, N), (0, 60), (10, 20)])
def test_what_is_read_belongs_to_who_asked(steps: tuple[int, int], mixed: Path) -> None:
    """Writing into an array changes neither another column of the same values, nor what is read next."""
    with baler_root.open(mixed) as file:
        options: dict[str, Any] = {"entry_start": steps[0], "entry_stop": steps[1], "library": "np"}
        first = file["Events"].arrays(["energy", "energy_copy", "i8", "u8", "trigger"], **options)
        before = {name: values.copy() for name, values in first.items()}
        first["energy"] /= 1000
        first["i8"][:] = 3
        first["u8"][:] = 3
        first["trigger"][:] = True
        assert (first["energy_copy"] == before["energy_copy"]).all()
        again = file["Events"].arrays(["energy", "energy_copy", "i8", "u8", "trigger"], **options)
        for name, values in again.items():
            assert values.tobytes() == before[name].tobytes(), name


def test_lists_of_one_collection_share_their_offsets(mixed: Path) -> None:
    with open_file(mixed) as file:
        tree = file.trees[0]
        members = [i for i, b in enumerate(tree.schema.branches) if b.name.startswith("Muon_")]
        arrays = tree.read(members, 0, N)
        offsets = {arrays[i].layout.offsets.data.__array_interface__["data"][0] for i in members}
        assert len(members) == 4
        assert len(offsets) == 1
        lists = {tree.stored.lists[n] for n, c in enumerate(_counts(tree)) if c.branch in members}
        assert len(lists) == 1
        assert tree.stored.tables[lists.pop()] == "Muon"


def _counts(tree: TreeReader) -> list[Any]:
    return [column for column in tree.columns if column.role == "counts"]


def test_equal_columns_of_other_width_come_back_in_their_own(make_root: Make, tmp_path: Path) -> None:
    """A bit and a count that are the same numbers are stored once, whatever their types."""
    bits = np.random.default_rng(0).random(3000) < 0.5
    columns = {"bit": bits, "u8": bits.astype("u1"), "i64": bits.astype("i8"), "f4": bits.astype("f4")}
    root = make_root("a.root", t=columns)
    baler_root.compress(root, tmp_path / "a.baler")
    with open_file(tmp_path / "a.baler") as file:
        tree = file.trees[0]
        for branch, (name, values) in enumerate(columns.items()):
            found = ak.to_numpy(tree.read([branch], 0, 3000)[branch])
            assert found.dtype == values.dtype, name
            assert (found == values).all()
    assert baler_root.verify(tmp_path / "a.baler", root).ok


def test_entry_sizes(mixed: Path) -> None:
    with open_file(mixed) as file:
        tree = file.trees[0]
        names = [branch.name for branch in tree.schema.branches]
        assert tree.entry_size(names.index("i64")) == 8
        assert tree.entry_size(names.index("grid")) == 36 * 8
        assert tree.entry_size(names.index("trigger")) == 1
        total = int(ak.sum(tree.read([names.index("nMuon")], 0, N)[names.index("nMuon")]))
        assert tree.entry_size(names.index("Muon_pt")) == pytest.approx((4 * total + 4 * N) / N)


def test_closing_twice_and_threads_given(mixed: Path) -> None:
    file = open_file(mixed)
    assert isinstance(file, FileReader)
    file.close()
    file.close()


# Pages that contradict the tree, under right checksums


def test_a_column_of_another_length_is_refused(make_root: Make, tmp_path: Path) -> None:
    for name, n in (("a", 10), ("b", 11)):
        baler_root.compress(make_root(f"{name}.root", t={"x": np.arange(n)}), tmp_path / f"{name}.baler")
    other = Forger(tmp_path / "b.baler").pages[0][1]
    lie = Forger(tmp_path / "a.baler").write(tmp_path / "lie.baler", page=lambda *_: other)
    with (
        open_file(lie) as file,
        pytest.raises(CorruptFileError, match="a column of 11 values where 10 are due"),
    ):
        file.trees[0].read([0], 0, 1)


def test_a_column_of_another_type_is_refused(make_root: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, values in (("a", rng.random(10)), ("b", rng.integers(0, 99, 10)), ("c", rng.random(10) < 0.5)):
        baler_root.compress(
            make_root(f"{name}.root", t={"x": values}), tmp_path / f"{name}.baler", bound="lossless"
        )
    other = Forger(tmp_path / "a.baler").pages[0][1]
    for name in ("b", "c"):
        lie = Forger(tmp_path / f"{name}.baler").write(tmp_path / "lie.baler", page=lambda *_: other)
        with (
            open_file(lie) as file,
            pytest.raises(CorruptFileError, match="float64 symbols cannot become a column of"),
        ):
            file.trees[0].read([0], 0, 1)


def test_copies_of_copies_and_of_later_columns_are_refused(make_root: Make, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random(10)
    root = make_root("a.root", t={"x": x, "y": x, "z": x})
    baler_root.compress(root, tmp_path / "a.baler", bound="lossless")
    forger = Forger(tmp_path / "a.baler")
    ((_, payload, _),) = forger.pages
    cursor = Cursor(payload)
    directory = bytes(unpack_bytes(cursor, 1 << 20))
    rest = bytes(cursor.rest())
    assert directory.endswith(bytes([1, 10, 0, 1, 10, 0]))  # copies, of 10 values, of column 0
    for copies, said in (
        ([1, 10, 0, 1, 10, 1], "a copy or sum of a column that is not like it"),
        ([1, 10, 0, 1, 10, 2], "a copy or sum of a later column"),
        ([1, 10, 1, 1, 10, 0], "a copy or sum of a later column"),
        ([1, 10, 0, 1, 10, 99], "a copy or sum of a later column"),
    ):
        lie = pack_bytes(directory[:-6] + bytes(copies)) + rest
        path = forger.write(tmp_path / "lie.baler", page=lambda *_, lie=lie: lie)
        with open_file(path) as file, pytest.raises(CorruptFileError, match=said):
            file.trees[0].read([0, 1, 2], 0, 10)


@pytest.mark.parametrize("step", [7, 50, 90])
def test_steps_decode_each_cluster_once_and_hold_no_more(
    mixed: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Iterating costs one pass, and what is given out is as small as the step."""
    decoded: list[int] = []
    read_columns = TreeReader.read_columns

    def counting(self: TreeReader, clusters: list[int], columns: list[int]) -> Any:
        decoded.extend(clusters)
        return read_columns(self, clusters, columns)

    monkeypatch.setattr(TreeReader, "read_columns", counting)
    with open_file(mixed) as file:
        tree = file.trees[0]
        branch = next(i for i in tree.schema.stored() if tree.schema.branches[i].name == "energy")
        for start in range(0, N, step):
            stop = min(N, start + step)
            assert tree.read([branch], start, stop)[branch].nbytes == 4 * (stop - start)
    assert decoded == list(range(5))
