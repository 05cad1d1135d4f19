"""Checks that an array from uproot is a valid awkward array: nobody else does before it is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import awkward as ak


class Fault(NamedTuple):
    """A place where an array contradicts itself."""

    position: int
    """Entry, counted from the start of the array."""
    text: str


def find_fault(array: ak.Array) -> Fault | None:
    """The first fault in the structure of an array; None for a valid array.

    Offsets must not go backwards, and no list, index or tag may point outside its content. Parts of a content
    that no entry points to may be anything.
    """
    return _fault(array.layout)


def _fault(layout: Any) -> Fault | None:
    import awkward as ak

    c = ak.contents
    if isinstance(layout, c.ListOffsetArray):
        offsets = np.asarray(layout.offsets.data)
        return _list_fault(layout.content, offsets[:-1], offsets[1:])
    if isinstance(layout, c.ListArray):
        starts = np.asarray(layout.starts.data)
        return _list_fault(layout.content, starts, np.asarray(layout.stops.data)[: len(starts)])
    if isinstance(layout, c.RegularArray):
        fault = _fault(layout.content[: len(layout) * layout.size])
        return fault and Fault(fault.position // layout.size, fault.text)
    if isinstance(layout, c.RecordArray):
        for name, content in zip(layout.fields, layout.contents, strict=True):
            if len(content) < len(layout):
                return Fault(len(content), f"member {name!r} has too few values")
        faults = [fault for content in layout.contents if (fault := _fault(content[: len(layout)]))]
        return min(faults, default=None)
    if isinstance(layout, c.UnionArray):
        return _union_fault(layout)
    if isinstance(layout, c.IndexedArray | c.IndexedOptionArray):
        return _index_fault(layout)
    if layout.is_option:
        return _index_fault(layout.to_IndexedOptionArray64())
    return None


def _list_fault(content: Any, starts: NDArray[Any], stops: NDArray[Any]) -> Fault | None:
    wrong = (stops < starts) | (starts < 0) | ((stops > len(content)) & (stops > starts))
    if np.any(wrong):
        entry = int(np.argmax(wrong))
        return Fault(
            entry, f"a list from {starts[entry]} to {stops[entry]} in a content of {len(content)} values"
        )
    if _fault(content) is None:
        return None
    used = np.zeros(len(content) + 1, np.int64)
    filled = stops > starts
    np.add.at(used, starts[filled], 1)
    np.add.at(used, stops[filled], -1)
    places = np.flatnonzero(np.cumsum(used[:-1]))
    return _owner(content, places, lambda place: (starts <= place) & (place < stops))


def _index_fault(layout: Any) -> Fault | None:
    index = np.asarray(layout.index.data)
    lowest = None if layout.is_option else 0
    wrong = index >= len(layout.content)
    if lowest is not None:
        wrong |= index < lowest
    if np.any(wrong):
        entry = int(np.argmax(wrong))
        return Fault(entry, f"position {index[entry]} in a content of {len(layout.content)} values")
    if _fault(layout.content) is None:
        return None
    return _owner(layout.content, np.unique(index[index >= 0]), partial(np.equal, index))


def _union_fault(layout: Any) -> Fault | None:
    tags = np.asarray(layout.tags.data)
    index = np.asarray(layout.index.data)
    if len(index) < len(tags):
        return Fault(len(index), "a union has fewer positions than tags")
    index = index[: len(tags)]
    lengths = np.asarray([len(content) for content in layout.contents])
    wrong = (tags < 0) | (tags >= len(lengths))
    wrong |= (index < 0) | (index >= lengths[np.where(wrong, 0, tags)])
    if np.any(wrong):
        entry = int(np.argmax(wrong))
        return Fault(entry, f"alternative {tags[entry]}, position {index[entry]} of a union does not exist")
    faults = []
    for tag, content in enumerate(layout.contents):
        if _fault(content) is not None:
            positions = np.where(tags == tag, index, -1)
            places = np.unique(positions[positions >= 0])
            faults.append(_owner(content, places, partial(np.equal, positions)))
    return min((fault for fault in faults if fault is not None), default=None)


def _owner(
    content: Any, places: NDArray[np.int64], points_to: Callable[[int], NDArray[np.bool_]]
) -> Fault | None:
    """The first fault among the `places` of a content, at the first entry that points to it.

    None where the faults of the content are at other places: nothing reads those.
    """
    fault = _fault(content[places])
    return fault and Fault(int(np.argmax(points_to(int(places[fault.position])))), fault.text)
