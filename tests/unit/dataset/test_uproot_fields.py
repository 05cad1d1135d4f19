"""RNTuples: names, types and arrays as uproot gives them for the original."""

from __future__ import annotations

import io
from typing import Any

from tests.helpers.uproot_pairs import Pair, both


def test_fields(fields: Pair) -> None:
    for call in (
        lambda t: t.name,
        lambda t: t.object_path,
        lambda t: t.num_entries,
        len,
        lambda t: t.keys(),
        lambda t: t.keys(full_paths=False),
        lambda t: t.typenames(),
        lambda t: t.keys(filter_name="/.*[a-m]t?.*/", filter_typename="*std::*"),
        lambda t: t.keys(filter_field=lambda field: field.top_level),
        lambda t: [(f.name, f.path, f.description, f.top_level, len(f)) for f in t.values()],
    ):
        both(fields, call)


def test_show_fields(fields: Pair) -> None:
    def shown(tree: Any) -> str:
        stream = io.StringIO()
        tree.show(stream=stream)
        return stream.getvalue()

    both(fields, shown)
    both(fields, lambda t: shown(t[0]))


def test_arrays_of_fields(fields: Pair) -> None:
    for options in ({}, {"entry_start": -10, "how": dict}, {"entry_stop": 3, "how": tuple}):
        both(fields, lambda t, options=options: t.arrays(**options))
    for options in ({"filter_typename": "*float*"}, {"filter_name": "*a*"}, {"filter_name": "none of them"}):
        both(fields, lambda t, options=options: t.arrays(entry_start=2, entry_stop=20, **options))
    plain = [f.name for f in fields.ours.fields if "variant" not in f.typename]
    both(fields, lambda t: t.arrays(filter_name=plain, library="np", entry_stop=5))


def test_each_field(fields: Pair) -> None:
    """Arrays of fields and of fields of fields, on their own, by name, by filter, by steps."""
    keys = fields.theirs.keys()
    for key in keys[:: len(keys) // 40 + 1]:
        for call in (
            lambda t, key=key: t[key].array(entry_start=1, entry_stop=20),
            lambda t, key=key: t[key].array(entry_stop=2, ak_add_doc=True).layout.form,
            lambda t, key=key: t[key].arrays(entry_stop=5),
            lambda t, key=key: t.arrays(filter_name=key, entry_start=2, entry_stop=20),
            lambda t, key=key: t.arrays([key], entry_stop=20),
            lambda t, key=key: list(t.iterate([key], step_size=7, entry_stop=20)),
        ):
            both(fields, call)
        if "variant" not in fields.theirs[key].typename:
            both(fields, lambda t, key=key: t[key].array(library="np", entry_stop=5))


def test_documentation_of_fields(fields: Pair) -> None:
    both(fields, lambda t: t.arrays(entry_stop=1, ak_add_doc=True).layout.form)
