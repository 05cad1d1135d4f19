"""Descriptions of one branch in several files: whether they can be joined, and the joined one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from baler_root.rootio.raw.branch_record import Record, expand

_IS_REFERENCED = 1 << 4
"""Bit of a branch that is not written again."""


_LARGEST = ("fBasketSize", "fEntryOffsetLen", "fMaximum")
"""Numbers of a branch that grow with its data."""


_LARGEST_OF_LEAF = ("fMaximum",)


_SMALLEST_OF_LEAF = ("fMinimum",)


def record_difference(record: Any, reference: Any, branches: int, *, values: bool) -> str:
    """The first member in which two descriptions of one of so many branches differ; empty if they fit.

    With `values`, how values become bytes is compared, too: a file without entries does not know it. Raises
    CorruptFileError.
    """
    if record is None or reference is None:
        return "" if record is reference else "only one of them describes how ROOT stores it"
    one, other = _compared(expand(record, branches)), _compared(expand(reference, branches))
    if values and (encoding := one.get("encoding")) != other.get("encoding"):
        return f"its encoding is {encoding!r:.60}, not {other.get('encoding')!r:.60}"
    for name in sorted((one.keys() | other.keys()) - {"encoding", "fLeaves"}):
        if one.get(name) != other.get(name):
            return f"its {name} is {one.get(name)!r:.60}, not {other.get(name)!r:.60}"
    if len(one["fLeaves"]) != len(other["fLeaves"]):
        return f"it has {len(one['fLeaves'])} leaves, not {len(other['fLeaves'])}"
    for leaf, expected in zip(one["fLeaves"], other["fLeaves"], strict=True):
        for name in sorted(leaf.keys() | expected.keys()):
            if leaf.get(name) != expected.get(name):
                return f"{name} of its leaf is {leaf.get(name)!r:.60}, not {expected.get(name)!r:.60}"
    return ""


def _compared(record: Record) -> Record:
    """The members that must be the same: without those that only depend on the number or range of values."""
    members = {name: value for name, value in record.items() if name not in _LARGEST}
    members["fBits"] &= ~_IS_REFERENCED
    members["fEntryOffsetLen"] = bool(record["fEntryOffsetLen"])
    members["fLeaves"] = [
        {name: value for name, value in leaf.items() if name not in _varying(leaf)}
        for leaf in record["fLeaves"]
    ]
    return members


def join_records(records: Sequence[Any], with_values: int) -> Any:
    """The description for the entries of all files; `with_values` is the position of the first that has
    entries, whose encoding is taken."""
    if records[0] is None:
        return None
    joined = dict(records[0])
    joined.pop("encoding", None)
    if "encoding" in records[with_values]:
        joined["encoding"] = records[with_values]["encoding"]
    for name in _LARGEST:
        _set(joined, name, max(record.get(name, 0) for record in records))
    joined["fLeaves"] = [
        _join_leaves(leaves) for leaves in zip(*(r["fLeaves"] for r in records), strict=True)
    ]
    return joined


def _join_leaves(leaves: Sequence[Record]) -> Record:
    joined = dict(leaves[0])
    for name in _varying(joined):
        choose = min if name in _SMALLEST_OF_LEAF else max
        _set(joined, name, choose(leaf.get(name, 0) for leaf in leaves))
    return joined


def _varying(leaf: Record) -> tuple[str, ...]:
    """Members of a leaf that depend on its values."""
    length = ("fLen",) if leaf["class"] == "TLeafC" else ()
    return (*_SMALLEST_OF_LEAF, *_LARGEST_OF_LEAF, *length)


def _set(record: Record, name: str, value: float) -> None:
    """Set a number, which is absent if it is 0."""
    record.pop(name, None)
    if value:
        record[name] = value
