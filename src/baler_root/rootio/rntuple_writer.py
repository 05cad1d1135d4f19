"""Writes RNTuples through uproot; types that its writer or ROOT refuses become the nearest accepted ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from baler_root.errors import OutputError
from baler_root.format.schema import Tree
from baler_root.rootio.anchor import declare_anchor
from baler_root.rootio.ttree_layout import branch_names, distinct_names

_FORBIDDEN = re.compile(r"[./\\\s\x00-\x1f\x7f]")
"""ROOT refuses field names with dots, slashes, spaces and control characters."""


_PRIMITIVES = {
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "float64",
}


@dataclass(slots=True)
class RNTupleLayout:
    """The top-level fields of an RNTuple to be written, in order."""

    fields: dict[int, str] = field(default_factory=dict)
    """Field name of each stored branch."""
    docs: dict[int, str] = field(default_factory=dict)
    """Field description of each stored branch."""
    notes: list[str] = field(default_factory=list)
    """Differences from the source."""
    causes: list[tuple[str, str]] = field(default_factory=list)
    """(Branch, cause) of every branch that an RNTuple cannot hold; empty if it can hold the tree."""


def lay_out_rntuple(tree: Tree) -> RNTupleLayout:
    """Field names, descriptions and notes.

    Forbidden characters become underscores, as in ROOT's importer, and equal names get a number; the
    description of such a field ends with `[source name]`, so that nothing is lost.
    """
    import awkward as ak

    field_layout = RNTupleLayout()
    stored = tree.stored()
    names = branch_names(tree)
    fields = field_names([names[position] for position in stored], [tree.branches[p].name for p in stored])
    for position, name in zip(stored, fields, strict=True):
        branch = tree.branches[position]
        field_layout.fields[position] = name
        field_layout.docs[position] = branch.title
        if name != branch.name:
            field_layout.docs[position] = f"{branch.title} [{tree.path_of(position)}]".strip()
            field_layout.notes.append(f"{tree.path_of(position)}: named {name!r}")
        layout = ak.forms.from_dict(branch.form).length_zero_array(highlevel=False)
        notes: set[str] = set()
        try:
            holdable(layout, notes)
        except _NoFieldError as error:
            field_layout.causes.append((f"{tree.path_of(position)} ({branch.typename})", str(error)))
        field_layout.notes += [
            f"{tree.path_of(position)}: {branch.typename}: {note}" for note in sorted(notes)
        ]
    return field_layout


def field_names(names: Sequence[str], original: Sequence[str]) -> list[str]:
    """Names that RNTuple fields may have, all different, for those wanted.

    A wanted name that is the `original` one and allowed stays; a changed name never takes it.
    """
    return distinct_names([_FORBIDDEN.sub("_", name) or "_" for name in names], original)


class RNTupleWriter:
    """Writes one RNTuple into a directory of an open file, cluster by cluster."""

    def __init__(self, directory: Any, name: str, tree: Tree, field_layout: RNTupleLayout) -> None:
        import awkward as ak

        self.field_layout = field_layout
        self.path = tree.path
        empty = {
            position: ak.forms.from_dict(tree.branches[position].form).length_zero_array()
            for position in field_layout.fields
        }
        declare_anchor(directory.file)
        self._ntuple = directory.mkrntuple(name, self._record(empty, 0).layout.form, tree.title)
        self.cycle: int = self._ntuple._cascading.key.cycle
        self.num_entries = 0

    def extend(self, arrays: Mapping[int, Any], length: int) -> None:
        """Appends one cluster: awkward arrays of `length` entries by branch position.

        Raises OutputError where an array is of another type than its branch was declared.
        """
        if length:
            try:
                self._ntuple.extend(self._record(arrays, length))
            except ValueError as error:
                raise OutputError(
                    f"RNTuple {self.path!r}: cluster does not match its fields: {error}"
                ) from error
            self.num_entries += length

    def close(self) -> None:
        """Nothing is left to do: every cluster leaves a readable file."""

    def _record(self, arrays: Mapping[int, Any], length: int) -> Any:
        import awkward as ak

        contents = []
        for position in self.field_layout.fields:
            layout = holdable(ak.to_packed(arrays[position]).layout, set())
            doc = self.field_layout.docs[position]
            contents.append(
                layout.copy(parameters={**layout.parameters, "__doc__": doc} if doc else layout.parameters)
            )
        return ak.Array(ak.contents.RecordArray(contents, list(self.field_layout.fields.values()), length))


class _NoFieldError(Exception):
    """Reason why a type has no RNTuple field."""


def holdable(layout: Any, notes: set[str]) -> Any:
    """The values in a layout that uproot writes and ROOT reads; changes of type are added to `notes`.

    Class names and behaviours go, as RNTuple has no place for them. Raises _NoFieldError for what has no
    field type.
    """
    import awkward as ak

    c = ak.contents
    kind = layout.parameter("__array__")
    if layout.parameter("__record__") is not None:
        notes.add(f"{layout.parameter('__record__')} written as a record of its members")
    if isinstance(layout, c.EmptyArray):
        notes.add("values of unknown type written as double")
        return c.NumpyArray(np.zeros(0))
    if isinstance(layout, c.NumpyArray):
        if layout.dtype == np.float16:  # every half is a float exactly
            notes.add("half precision written as float")
            layout = c.NumpyArray(layout.data.astype(np.float32), parameters=layout.parameters)
        if str(layout.dtype) not in _PRIMITIVES:
            raise _NoFieldError(f"{layout.dtype} has no field type")
        numbers = c.NumpyArray(layout.data, parameters={"__array__": "char"} if kind == "char" else None)
        return numbers.to_RegularArray()
    if isinstance(layout, c.RegularArray | c.ListArray | c.ListOffsetArray):
        return _list(layout, kind, notes)
    if isinstance(layout, c.RecordArray):
        return _record(layout, notes)
    if isinstance(layout, c.UnionArray):
        return _union(layout, notes)
    if layout.is_option:
        if isinstance(layout, c.UnmaskedArray):
            layout = layout.to_IndexedOptionArray64()
        packed = ak.to_packed(ak.Array(layout.to_IndexedOptionArray64())).layout.to_IndexedOptionArray64()
        return c.IndexedOptionArray(packed.index, holdable(packed.content, notes))
    if layout.is_indexed:
        return holdable(layout.project(), notes)
    raise _NoFieldError(f"{type(layout).__name__} has no field type")


def _list(layout: Any, kind: str | None, notes: set[str]) -> Any:
    import awkward as ak

    c = ak.contents
    if kind == "bytestring":
        notes.add("bytes written as a list of unsigned 8-bit numbers")
    elif kind not in (None, "string"):
        notes.add(f"{kind} written as a list")
    if isinstance(layout, c.RegularArray) and kind not in ("string", "bytestring") and layout.size > 0:
        content = layout.content[: len(layout) * layout.size]
        return c.RegularArray(holdable(content, notes), layout.size, len(layout))
    if isinstance(layout, c.RegularArray) and kind is None:
        notes.add("arrays of no elements written as lists")
    layout = layout.to_ListOffsetArray64(True)
    content = layout.content[: layout.offsets[-1]]
    if kind in ("string", "bytestring"):
        content = c.NumpyArray(
            np.asarray(ak.to_packed(content, highlevel=False).data, np.uint8),
            parameters={"__array__": "char"} if kind == "string" else None,
        )
        return c.ListOffsetArray(
            layout.offsets, content, parameters={"__array__": "string"} if kind == "string" else None
        )
    return c.ListOffsetArray(layout.offsets, holdable(content, notes))


def _record(layout: Any, notes: set[str]) -> Any:
    import awkward as ak

    contents = [holdable(content[: len(layout)], notes) for content in layout.contents]
    if layout.is_tuple and contents:
        return ak.contents.RecordArray(contents, None, len(layout))
    fields = field_names(layout.fields, layout.fields)
    for member, name in zip(layout.fields, fields, strict=True):
        if name != member:
            notes.add(f"member {member!r} named {name!r}")
    return ak.contents.RecordArray(contents, fields, len(layout))


def _union(layout: Any, notes: set[str]) -> Any:
    """A union without what uproot adds to it when it reads one: an empty first content for variants that hold
    nothing, whose entries get the tag -1 instead, and option types that mask nothing."""
    import awkward as ak

    c = ak.contents
    tags, contents = np.asarray(layout.tags.data), list(layout.contents)
    index = np.asarray(layout.index.data)[: len(tags)]
    if contents[0].is_option and contents[0].content.is_unknown:
        contents, tags = contents[1:], (tags - 1).astype(np.int8)
    unmasked = [
        content.to_IndexedOptionArray64().project()
        if content.is_option and not np.any(content.mask_as_bool(valid_when=False))
        else content
        for content in contents
    ]
    converted = [holdable(content, notes) for content in unmasked]
    return c.UnionArray(ak.index.Index8(tags), ak.index.Index64(index), converted)
