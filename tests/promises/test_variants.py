"""Variants of RNTuples keep their values in every cluster, where uproot gives those of the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root.rootio.rntuple_reader import join_arrays
from baler_root.rootio.source import RootSource
from baler_root.rootio.write import write_root
from tests.helpers.rootio_write import tree_of

C, I8, I64 = ak.contents, ak.index.Index8, ak.index.Index64


def variants(length: int, seed: int = 0) -> Any:
    """Integers and floats in turn, by a random tag."""
    tags = np.random.default_rng(seed).integers(0, 2, length).astype(np.int8)
    index = np.where(tags == 0, np.cumsum(tags == 0), np.cumsum(tags == 1)) - 1
    numbers = np.flatnonzero(tags == 0).astype(np.int32)
    floats = np.flatnonzero(tags == 1).astype(np.float32) / 2
    return C.UnionArray(I8(tags), I64(index), [C.NumpyArray(numbers), C.NumpyArray(floats)])


LENGTH = 24


def columns() -> dict[str, ak.Array]:
    offsets = np.concatenate([[0], np.cumsum(np.arange(LENGTH) % 4)])
    lists = C.ListOffsetArray(I64(offsets), variants(int(offsets[-1]), 1))
    strings = ak.Array([f"s{i}" for i in range(LENGTH)])
    record = C.RecordArray([variants(LENGTH, 2), C.NumpyArray(np.arange(LENGTH))], ["v", "n"])
    return {"v": ak.Array(variants(LENGTH)), "l": ak.Array(lists), "r": ak.Array(record), "s": strings}


@pytest.mark.parametrize("step", [3, 7, 24])
@pytest.mark.parametrize("size", [1, 5, "64 MB"])
def test_variants_in_all_clusters(tmp_path: Path, step: int, size: int | str) -> None:
    source, target = tmp_path / "a.root", tmp_path / "a.baler"
    write_root(source, [tree_of(columns(), step=step, kind="RNTuple")])
    baler_root.compress(source, target, cluster_size=size, codec="classic")
    assert baler_root.verify(target, against=source).ok
    with baler_root.open(target) as file:
        for name, array in columns().items():
            assert file["t"][name].array().to_list() == array.to_list(), name
    with RootSource(source) as root:
        tree = root.open_tree("t;1")
        for start, stop in ((2, 9), (5, 6), (0, LENGTH)):
            arrays = tree.read(tree.schema.stored(), start, stop)
            values = [array.to_list() for array in arrays.values()]
            assert values == [array[start:stop].to_list() for array in columns().values()]


def test_joined_arrays_keep_their_form() -> None:
    arrays = [
        *columns().values(),
        ak.Array([[1, None], [], None] * 8),
        ak.Array(np.arange(48).reshape(24, 2)),
    ]
    for array in arrays:
        joined = join_arrays([array[:5], array[5:5], array[5:]])
        assert joined.to_list() == array.to_list()
        assert joined.type.content == ak.to_packed(array).type.content


def test_arrays_of_two_forms_are_not_joined() -> None:
    with pytest.raises(TypeError, match="different forms"):
        join_arrays([ak.Array([1]), ak.Array([[1]])])
