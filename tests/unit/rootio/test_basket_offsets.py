"""Baskets come back with offsets of their entries where the source has them, without where it has not."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.rootio.raw.raw_branch import GENERATED_OFFSETS, OTHER_OFFSETS, RawBranch
from baler_root.rootio.raw.record_writer import OutputRecord
from baler_root.rootio.ttree_writer import TTreeWriter
from tests.helpers.raw_ttrees import baskets

LEAF = {
    "class": "TLeafI", "fName": "x", "fTitle": "x", "fLen": 1, "fLenType": 4, "fOffset": 0, "fIsRange": 0,
    "fIsUnsigned": 0, "fMinimum": 0, "fMaximum": 0, "fLeafCount": None,
}  # fmt: skip
SIZES = {"even": [4, 4, 4], "uneven": [1, 4, 6], "one entry": [7]}
"""Bytes of each entry of a basket."""
BRANCHES = list(product([0, 40], [0, GENERATED_OFFSETS], SIZES))
"""fEntryOffsetLen and fIOBits of a branch, and the sizes in its baskets."""


def write_baskets(path: Path, entry_offset_len: int, io_bits: int, sizes: list[int]) -> Path:
    """A branch of two leaves with one name, which has a basket with offsets between two without."""
    record: dict[str, Any] = {
        "class": "TBranch", "fBits": 0, "fBasketSize": 32000, "fEntryOffsetLen": entry_offset_len, "fOffset": 0,
        "fSplitLevel": 0, "fFirstEntry": 0, "fIOBits": io_bits, "fLeaves": [LEAF, LEAF],
    }  # fmt: skip
    item = OutputRecord("odd", "x/I:x/I", record, 0)
    data = bytes(range(sum(sizes)))
    with uproot.recreate(path, compression=None) as file:
        writer = TTreeWriter(file, "t", "", [item], {})
        for offsets in (None, np.cumsum([0, *sizes]), None):
            writer._basket(item, data, len(sizes), 4, offsets)
            writer.num_entries += len(sizes)
        writer.close()
    return path


@pytest.mark.parametrize(("entry_offset_len", "io_bits", "sizes"), BRANCHES)
@pytest.mark.parametrize("cluster_size", [2, 1000])
def test_baskets_keep_their_offsets_or_have_none(
    entry_offset_len: int, io_bits: int, sizes: str, cluster_size: int, tmp_path: Path
) -> None:
    source = write_baskets(tmp_path / "a.root", entry_offset_len, io_bits, SIZES[sizes])
    summary = baler_root.compress(source, tmp_path / "a.baler", cluster_size=cluster_size)
    assert [branch.path for branch in summary.trees[0].branches if branch.raw] == ["odd"]
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root")
    with uproot.open(source) as one, uproot.open(tmp_path / "b.root") as two:
        original = baskets(one["t"]["odd"])
        assert [offsets is not None for _, _, offsets, _ in original] == [False, True, False]
        assert baskets(two["t"]["odd"]) == original
    assert baler_root.verify(tmp_path / "a.baler", against=source).ok


@pytest.mark.parametrize(("entry_offset_len", "io_bits", "sizes"), BRANCHES)
def test_only_baskets_unlike_their_branch_are_marked(
    entry_offset_len: int, io_bits: int, sizes: str, tmp_path: Path
) -> None:
    source = write_baskets(tmp_path / "a.root", entry_offset_len, io_bits, SIZES[sizes])
    with uproot.open(source) as file:
        branch = RawBranch(file["t"]["odd"])
        positions = np.asarray(branch.array(0, branch.num_entries)["basket"])
        keys = [key for _, _, _, key in baskets(file["t"]["odd"])]
    has_offsets = bool(entry_offset_len) and not io_bits
    expected = [key + OTHER_OFFSETS * (n == 1) for n, key in enumerate(keys)]
    if has_offsets:
        expected = [key + OTHER_OFFSETS * (n != 1) for n, key in enumerate(keys)]
    assert positions[positions > 0].tolist() == expected
