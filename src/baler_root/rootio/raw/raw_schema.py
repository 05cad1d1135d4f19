"""Decides which branches of a TTree are raw, and which are described so that they can be written again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import awkward as ak
import numpy as np

from baler_root.format.columns.to_columns import plain_form
from baler_root.format.schema import Tree
from baler_root.rootio import source_tree
from baler_root.rootio.raw.branch_record import Record, compact, describe_branches, pointed_to
from baler_root.rootio.raw.find_encoding import find_encoding
from baler_root.rootio.raw.object_bytes import Encoding
from baler_root.rootio.raw.raw_branch import AS_BYTES, RAW, RawBranch
from baler_root.rootio.source_tree import SourceTree, cause
from baler_root.rootio.ttree_layout import lay_out_ttree


def with_raw_branches(source: SourceTree, entries: int) -> SourceTree:
    """The tree with its missing branches raw, as far as their bytes can be written to a TTree again.

    Then branches at the top level get a description of everything in them, except plain leaves: the tree will
    be written as it was. So many `entries` are read first. A tree without missing branches is returned as it
    is.
    """
    missing = [position for position, branch in enumerate(source.schema.branches) if branch.missing]
    if not missing:
        return source
    records = describe_branches(source.items)
    branches = list(source.schema.branches)
    handles, first = dict(source.handles), dict(source.first_entries)

    def make_raw(position: int, why: str) -> None:
        try:
            handle = RawBranch(source.items[position])
            array = source_tree.read_array(handle, 0, entries)
        except Exception as error:  # noqa: BLE001 - uproot fails in many ways on what it cannot read
            branches[position] = replace(branches[position], missing=_both(why, cause(error)))
            return
        kind = branches[position].interpretation
        branches[position] = replace(
            branches[position],
            form=plain_form(array),
            missing="",
            raw=why,
            interpretation=kind if kind == "AsGrouped" else RAW,
        )
        handles[position], first[position] = handle, array

    for position in missing:
        why, marker, raw_why = branches[position].missing.partition(AS_BYTES)
        if marker:  # an earlier attempt has met baskets that cannot be read
            branches[position] = replace(branches[position], missing=_both(why, raw_why))
        elif position in records and not is_fault(why):
            make_raw(position, why)
    schema = replace(source.schema, branches=tuple(branches))
    if not any(branch.raw for branch in branches):
        return replace(source, schema=schema)
    described = _described(schema, first, records)
    for position in sorted(described):
        branch = branches[position]
        if position not in records:
            continue
        if branch.form is None and not branch.missing and source.items[position].num_baskets:
            # a collection counts its items itself, which uproot leaves to the branches below it
            make_raw(position, "it counts the items of the branches below it")
        record = records[position]
        if position in first and not branches[position].raw:
            record = _with_encoding(record, source.items[position], first[position])
        branches[position] = replace(branches[position], record=compact(record))
    stored = sorted(handles)
    return replace(
        source,
        schema=replace(schema, branches=tuple(branches)),
        handles={position: handles[position] for position in stored},
        first_entries={position: first[position] for position in stored if position in first},
    )


def is_fault(why: str) -> bool:
    """Whether a branch was read, but contradicts itself: such data are refused, not carried."""
    return why.startswith(("SourceError: ", "the type changes along the entries"))


def _both(why: str, raw_why: str) -> str:
    """Why a branch is not interpreted, and why its bytes cannot be carried either."""
    return why if raw_why == why else f"{why}{AS_BYTES}{raw_why}"


def _described(schema: Tree, first: dict[int, Any], records: dict[int, Record]) -> set[int]:
    """Positions of the branches to describe."""
    layout = lay_out_ttree(schema, first)
    needed = [position for position, branch in enumerate(schema.branches) if branch.raw]
    tops = {schema.top_of(position) for position in (*needed, *layout.unfit)}
    tops |= {
        p
        for p, record in records.items()
        if schema.branches[p].parent is None and record["class"] != "TBranch"
    }
    while True:
        described = {position for position in range(len(schema.branches)) if schema.top_of(position) in tops}
        pointed: Iterable[int] = (
            target for position in described & records.keys() for target in pointed_to(records[position])
        )
        grown = tops | {schema.top_of(position) for position in pointed}
        if grown == tops:
            return described
        tops = grown


def _with_encoding(record: Record, branch: Any, first: Any) -> Record:
    """The description with the encoding of the values, if one is known."""
    try:
        encoding = _encoding(branch, first)
    except Exception:  # noqa: BLE001 - without its bytes there is no encoding
        return record
    return record if encoding is None else {**record, "encoding": encoding}


def _encoding(branch: Any, first: Any) -> Encoding | None:
    """The encoding of the values of a branch, whose `first` entries are given; None if none is known.

    If these have no records, it is learned from later entries. If no entry has any, what all records would
    share is zeros.
    """
    raw = RawBranch(branch)
    step = max(1, len(first))
    entries = raw.array(0, len(first))["bytes"]
    encoding = find_encoding(branch, first, entries)
    if encoding is not None or (unused := find_encoding(branch, first, entries, used=False)) is None:
        return encoding
    lengths = np.unique(ak.num(entries))
    for start in range(step, raw.num_entries, step):
        stop = min(start + step, raw.num_entries)
        entries = raw.array(start, stop)["bytes"]
        grown = np.union1d(lengths, ak.num(entries))
        if len(grown) > len(lengths):  # entries of the same lengths as before have no more records
            lengths = grown
            encoding = find_encoding(branch, source_tree.read_array(branch, start, stop), entries)
            if encoding is not None:
                return encoding
    return unused
