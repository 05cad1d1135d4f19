"""Lays out the branches that a TTree has as in its source, from their descriptions."""

from __future__ import annotations

from collections.abc import Mapping

from baler_root.format.schema import Tree
from baler_root.rootio.raw.branch_record import Record, check_counters, expand
from baler_root.rootio.raw.object_bytes import check_encoding
from baler_root.rootio.raw.record_writer import OutputRecord


def described_branches(tree: Tree) -> dict[int, OutputRecord]:
    """The branches at the top level that are written as in the source, by position, with all below them.

    A branch whose values cannot become bytes again is not among them. Raises CorruptFileError for
    descriptions that are not valid.
    """
    records = {
        position: expand(branch.record, len(tree.branches))
        for position, branch in enumerate(tree.branches)
        if branch.record is not None
    }
    check_counters(records)
    children: dict[int | None, list[int]] = {}
    for position, branch in enumerate(tree.branches):
        children.setdefault(branch.parent, []).append(position)
    tops = {top: _item(tree, top, records, children) for top in children.get(None, []) if top in records}
    return {top: item for top, item in tops.items() if item is not None}


def _item(
    tree: Tree, position: int, records: Mapping[int, Record], children: Mapping[int | None, list[int]]
) -> OutputRecord | None:
    """One described branch; None if neither it nor any below has values."""
    if position not in records:
        return None
    branch, record = tree.branches[position], records[position]
    below = [_item(tree, child, records, children) for child in children.get(position, [])]
    encoding = None if branch.raw else record.get("encoding")
    if encoding is not None:
        check_encoding(encoding)
    has_values = branch.form is not None and (bool(branch.raw) or encoding is not None)
    item = OutputRecord(branch.name, branch.title, record, position, encoding, has_values)
    item.children = [child for child in below if child is not None]
    return item if has_values or item.children else None
