"""Fields below each field of an RNTuple, found in one pass: uproot searches all of them for each
(docs/upstream.md)."""

from __future__ import annotations

from typing import Any


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
