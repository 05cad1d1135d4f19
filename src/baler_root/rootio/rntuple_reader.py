"""Reads RNTuples through uproot: fields in one pass, entries one cluster at a time where uproot needs that
(docs/upstream.md)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import awkward as ak


def link_fields(ntuple: Any) -> None:
    """Give every field of uproot's RNTuple the list of its sub-fields, which `fields` then returns.

    Time is linear in the number of fields. The lists are those that uproot makes: sub-fields without a name
    are replaced by their own sub-fields.
    """
    fields = ntuple.all_fields
    children: dict[int, list[int]] = {}
    for number, record in enumerate(ntuple.field_records):
        if record.parent_field_id != number:
            children.setdefault(record.parent_field_id, []).append(number)
    for number in reversed(range(len(fields))):  # a field comes after its parent
        below: list[Any] = []
        for child in children.get(number, ()):
            below += fields[child].fields if fields[child].is_anonymous else [fields[child]]
        fields[number]._fields = below


def cluster_ranges(field: Any, start: int, stop: int) -> list[tuple[int, int]]:
    """Entry ranges in which uproot must read a field; one range for fields that it reads right at once.

    uproot doesn't shift the positions of a `std::variant` by the clusters before its own.
    """
    clusters = field.ntuple.cluster_summaries
    if len(clusters) < 2 or "UnionArray" not in field.to_akform()[0].to_json():
        return [(start, stop)]
    starts = [int(cluster.num_first_entry) for cluster in clusters]
    edges = [start, *(edge for edge in starts if start < edge < stop), stop]
    return list(pairwise(edges))


def join_arrays(arrays: Sequence[ak.Array]) -> ak.Array:
    """The entries of several arrays of one form; unions keep their alternatives, unlike in awkward's own.

    Raises TypeError where the forms differ.
    """
    import awkward as ak

    return ak.Array(_join([ak.to_packed(array).layout for array in arrays]))


def _join(layouts: Sequence[Any]) -> Any:
    import awkward as ak

    c, first = ak.contents, layouts[0]
    parameters = first.parameters
    if {type(layout) for layout in layouts} != {type(first)}:
        raise TypeError("clusters of one field have arrays of different forms")
    if isinstance(first, c.EmptyArray):
        return first
    if isinstance(first, c.NumpyArray):
        return c.NumpyArray(
            np.concatenate([np.asarray(part.data) for part in layouts]), parameters=parameters
        )
    if isinstance(first, c.RecordArray):
        contents = [_join(members) for members in zip(*(part.contents for part in layouts), strict=True)]
        fields = None if first.is_tuple else first.fields
        return c.RecordArray(contents, fields, sum(map(len, layouts)), parameters=parameters)
    if isinstance(first, c.UnionArray):
        contents = [_join(parts) for parts in zip(*(part.contents for part in layouts), strict=True)]
        shifts = np.cumsum(
            [[0] * len(contents), *([len(a) for a in part.contents] for part in layouts)], axis=0
        )
        tags = [np.asarray(part.tags.data) for part in layouts]
        index = [
            np.asarray(part.index.data)[: len(tag)] + shift[tag]
            for part, tag, shift in zip(layouts, tags, shifts, strict=False)
        ]
        return c.UnionArray(
            ak.index.Index8(np.concatenate(tags)), ak.index.Index64(np.concatenate(index)), contents,
            parameters=parameters,
        )  # fmt: skip
    content = _join([part.content for part in layouts])
    lengths = np.cumsum([0, *(len(part.content) for part in layouts)])
    if isinstance(first, c.ListOffsetArray):
        offsets = [np.asarray(part.offsets.data)[1:] + n for part, n in zip(layouts, lengths, strict=False)]
        return c.ListOffsetArray(
            ak.index.Index64(np.concatenate([[0], *offsets])), content, parameters=parameters
        )
    if isinstance(first, c.RegularArray):
        return c.RegularArray(content, first.size, sum(map(len, layouts)), parameters=parameters)
    if isinstance(first, c.UnmaskedArray):
        return c.UnmaskedArray(content, parameters=parameters)
    if isinstance(first, c.IndexedOptionArray):
        parts = [np.asarray(part.index.data) for part in layouts]
        index = [np.where(part < 0, -1, part + n) for part, n in zip(parts, lengths, strict=False)]
        return c.IndexedOptionArray(ak.index.Index64(np.concatenate(index)), content, parameters=parameters)
    raise TypeError(f"clusters of a {type(first).__name__} cannot be joined")
