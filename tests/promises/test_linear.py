"""Work is linear in the number of branches or fields: counted in executed lines, not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.format.columns.to_columns import plain_form
from baler_root.format.schema import Branch, Tree, TreeKind
from baler_root.rootio.rntuple_reader import link_fields
from baler_root.rootio.rntuple_writer import field_names
from baler_root.rootio.source import RootSource
from baler_root.rootio.ttree_layout import branch_names, lay_out_ttree
from baler_root.rootio.write import write_root

ENTRIES = 3


def lines_run(action: Callable[[], object]) -> int:
    """Lines of Python that an action executes, calls and returns included."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(previous)
    return count


def is_linear(lines: Callable[[int], int], size: int) -> bool:
    """Whether the work for three times `size` grows as much from twice `size` as that from `size`."""
    lines(size)  # imports and caches
    one, two, three = (lines(factor * size) for factor in (1, 2, 3))
    return three - two < 1.04 * (two - one)


def test_a_quadratic_action_is_not_linear() -> None:
    """The test of these tests."""

    def pairs(size: int) -> int:
        return lines_run(lambda: [a + b for a in range(size) for b in range(0, size, 100)])

    def singles(size: int) -> int:
        return lines_run(lambda: [sum(i for i in range(10)) for _ in range(size)])

    assert not is_linear(
        lambda size: lines_run(lambda: any(a * b < 0 for a in range(size) for b in range(size))), 30
    )
    assert is_linear(singles, 30)
    assert pairs(10)


def columns_of(kind: str, number: int) -> dict[str, ak.Array]:
    """Branches of small numbers, or of lists of which twenty have the same lengths."""
    flat = {f"b{i}": ak.Array(np.arange(ENTRIES, dtype=np.int32) + i) for i in range(number)}
    if kind == "flat":
        return flat
    lengths = [[group // 4, group % 4, 9 - group // 4 - group % 4] for group in range(number)]
    return {name: ak.Array([[i] * n for n in lengths[i // 20]]) for i, name in enumerate(flat)}


def source_file(path: Path, columns: dict[str, ak.Array], kind: TreeKind = "TTree") -> Path:
    """A ROOT file with these branches."""
    branches = tuple(Branch(name, None, "", form=plain_form(a)) for name, a in columns.items())
    arrays = dict(enumerate(columns.values()))

    def clusters() -> Iterator[dict[int, ak.Array]]:
        yield arrays

    write_root(path, [(Tree("t", 1, kind, "", ENTRIES, branches), clusters)], compression="none")
    return path


@pytest.mark.parametrize("kind", ["flat", "jagged"])
@pytest.mark.parametrize("tree_kind", ["TTree", "RNTuple"])
def test_opening_a_source(tmp_path: Path, kind: str, tree_kind: TreeKind) -> None:
    """Schema and first entries of a tree, and its handles in another process."""

    def lines(number: int) -> int:
        path = source_file(tmp_path / f"{number}.root", columns_of(kind, number), tree_kind)

        def action() -> None:
            with RootSource(path) as root:
                schema = root.open_tree("t;1").schema
            with RootSource(path) as root:
                root.open_handles("t;1", schema)

        return lines_run(action)

    assert is_linear(lines, 24)


@pytest.mark.parametrize("kind", ["flat", "jagged"])
@pytest.mark.parametrize("tree_kind", ["TTree", "RNTuple"])
def test_writing_a_root_file(tmp_path: Path, kind: str, tree_kind: TreeKind) -> None:
    """Layout, clusters, and the check of the written file."""

    def lines(number: int) -> int:
        columns = columns_of(kind, number)
        return lines_run(lambda: source_file(tmp_path / f"{number}.root", columns, tree_kind))

    assert is_linear(lines, 24)


@pytest.mark.parametrize("kind", ["flat", "jagged"])
def test_reading_branch_by_branch(tmp_path: Path, kind: str) -> None:
    """Each branch of a page of many small columns is read by itself."""

    def lines(number: int) -> int:
        source = source_file(tmp_path / f"{number}.root", columns_of(kind, number))
        target = tmp_path / f"{number}.baler"
        baler_root.compress(source, target, codec="classic", overwrite=True)

        def action() -> None:
            with baler_root.open(target) as file:
                tree = file["t"]
                for name in tree.keys():  # noqa: SIM118 - trees iterate over branches
                    tree[name].array()

        return lines_run(action)

    assert is_linear(lines, 24)


@pytest.mark.parametrize("operation", ["compress", "verify", "inspect", "decompress", "arrays"])
def test_operations_on_a_file(tmp_path: Path, operation: str) -> None:
    """Whole files of an RNTuple, which has the most to look up."""

    def lines(number: int) -> int:
        source = source_file(tmp_path / f"{number}.root", columns_of("flat", number), "RNTuple")
        target, back = tmp_path / f"{number}.baler", tmp_path / f"back{number}.root"
        baler_root.compress(source, target, codec="classic", overwrite=True)

        def arrays() -> None:
            with baler_root.open(target) as file:
                file["t"].arrays()

        actions: dict[str, Callable[[], object]] = {
            "compress": lambda: baler_root.compress(source, target, codec="classic", overwrite=True),
            "verify": lambda: baler_root.verify(target, source),
            "inspect": lambda: baler_root.inspect(target),
            "decompress": lambda: baler_root.decompress(target, back, overwrite=True),
            "arrays": arrays,
        }
        return lines_run(actions[operation])

    assert is_linear(lines, 24)


def test_equal_names() -> None:
    """Names of fields that are all alike, and of branches that lie below many parents."""

    def names(number: int) -> int:
        return lines_run(lambda: field_names(["x."] * number, ["x."] * number))

    assert is_linear(names, 100)
    assert field_names(["x."] * 3, ["x."] * 3) == ["x_", "x__2", "x__3"]

    def tree(number: int) -> Tree:
        groups = [Branch(f"g{i}", None, "") for i in range(number)]
        form = {"class": "NumpyArray", "primitive": "int32"}
        members = [Branch("x", i, "int32_t", form=form) for i in range(number)]
        return Tree("t", 1, "TTree", "", ENTRIES, (*groups, *members))

    assert is_linear(lambda number: lines_run(lambda: branch_names(tree(number))), 100)
    assert list(branch_names(tree(2)).values()) == ["g0.x", "g1.x"]


def test_equal_counter_names() -> None:
    """Counters of many groups of lists whose names begin alike."""

    def lines(number: int) -> int:
        lengths = [[i & 1, i >> 1 & 15, i >> 5] for i in range(number)]
        columns = {
            f"jet_{i}{m}": ak.Array([[1.0] * n for n in lengths[i]]) for i in range(number) for m in "ab"
        }
        branches = tuple(Branch(name, None, "", form=plain_form(a)) for name, a in columns.items())
        tree = Tree("t", 1, "TTree", "", ENTRIES, branches)
        return lines_run(lambda: lay_out_ttree(tree, dict(enumerate(columns.values()))))

    assert is_linear(lines, 24)


def test_linked_fields_are_those_of_uproot(tmp_path: Path) -> None:
    """Records, lists, options, tuples and arrays below one another."""
    path = tmp_path / "nested.root"
    record = ak.Array([{"a": 1, "b": [{"c": [1.5], "d": (2, "x")}], "e": [[1, 2]]}] * 2)
    option = ak.Array([None, {"f": 1}])
    with uproot.recreate(path) as file:
        file.mkrntuple("n", ak.Array({"r": record, "o": option, "i": np.arange(2), "m": np.zeros((2, 3))}))
    with uproot.open(path) as one, uproot.open(path) as two:
        link_fields(one["n"])
        linked, expected = one["n"].all_fields, two["n"].all_fields
        assert len(linked) == len(expected) > 12
        for ours, theirs in zip(linked, expected, strict=True):
            assert [field.field_id for field in ours.fields] == [field.field_id for field in theirs.fields]
        assert one["n"].keys() == two["n"].keys()
        assert ak.array_equal(one["n"].arrays(), two["n"].arrays())
