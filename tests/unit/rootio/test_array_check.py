"""Faults of arrays are found where an entry points to them, and only there."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest

from baler_root.rootio.array_check import find_fault

C = ak.contents


def index(*values: int) -> ak.index.Index64:
    return ak.index.Index64(np.array(values))


FAULTY = C.ListOffsetArray(index(0, 2, 1, 3, 0, 3), C.NumpyArray(np.arange(3)))
"""Five lists, of which the second and the fourth go backwards."""

TAGS = ak.index.Index8(np.array([0, 1, 0], np.int8))


def option(*present: bool) -> Any:
    return C.ByteMaskedArray(ak.index.Index8(np.array(present, np.int8)), FAULTY, valid_when=True)


POINTING: dict[str, tuple[Any, int | None]] = {
    "lists that leave the faults out": (C.ListArray(index(0, 2, 4), index(1, 3, 5), FAULTY), None),
    "lists of which one has the second fault": (C.ListArray(index(0, 2, 4), index(1, 4, 5), FAULTY), 1),
    "offsets that begin behind the first fault": (C.ListOffsetArray(index(2, 3, 5), FAULTY), 1),
    "offsets that end before the faults": (C.ListOffsetArray(index(0, 1, 1), FAULTY), None),
    "empty lists": (C.ListOffsetArray(index(1, 1, 1), FAULTY), None),
    "no lists": (C.ListOffsetArray(index(0), FAULTY), None),
    "positions without a fault": (C.IndexedArray(index(4, 0, 2), FAULTY), None),
    "positions of the second fault": (C.IndexedArray(index(4, 0, 3), FAULTY), 2),
    "missing values": (C.IndexedOptionArray(index(-1, 0, -1), FAULTY), None),
    "missing values and the second fault": (C.IndexedOptionArray(index(-1, 0, 3), FAULTY), 2),
    "a mask over the faults": (option(True, False, True, False, True), None),
    "a mask over the first fault": (option(True, False, True, True, True), 3),
    "a union without a fault": (C.UnionArray(TAGS, index(0, 0, 4), [FAULTY, C.NumpyArray(np.ones(1))]), None),
    "a union with the second fault": (
        C.UnionArray(TAGS, index(0, 0, 3), [FAULTY, C.NumpyArray(np.ones(1))]),
        2,
    ),
    "lists of options without a fault": (
        C.ListOffsetArray(index(0, 2, 3), C.IndexedOptionArray(index(0, -1, 4, 1), FAULTY)),
        None,
    ),
}


@pytest.mark.parametrize("kind", POINTING)
def test_a_fault_counts_where_an_entry_points_to_it(kind: str) -> None:
    layout, entry = POINTING[kind]
    fault = find_fault(ak.Array(layout))
    assert (None if fault is None else fault.position) == entry
