"""Columns of a form: the flat buffers that hold arrays of that form (formats/pages.md#columns).

An awkward array is a form (its nested structure), a length, and flat buffers. The buffers of a form, in a
fixed order, are the columns of a branch. Offsets are stored as counts, one per list, because counts are
small, repeat, and are the same wherever the entries are cut into clusters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from baler_root.errors import SourceError
from baler_root.format.limits import MAX_AXES, MAX_FORM_DEPTH
from baler_root.format.schema import Tree

Role = Literal["data", "text", "counts", "index", "tags", "mask"]
"""Role of a column: `data` are numbers, which may have an error bound; all other columns are always exact."""


Form = dict[str, Any]


INDEX_TYPES = {"i8": "int8", "u8": "uint8", "i32": "int32", "u32": "uint32", "i64": "int64"}


LISTS = ("ListOffsetArray", "ListArray")


_PRIMITIVE = re.compile(
    r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|(datetime|timedelta)64(\[\d*[a-zA-Zμ]+\])?"
)


MAX_ROW = 1 << 28
"""Most values in a fixed-size array."""


@dataclass(frozen=True, slots=True)
class Column:
    """One flat buffer of a branch."""

    branch: int
    """Position in `Tree.branches`."""
    key: str
    """Name of the buffer in the form: number of the node (depth first) and attribute."""
    role: Role
    dtype: np.dtype[Any]
    table: int
    """Table of the rows: 0 if each entry is a row; each list node opens a further table."""
    shape: tuple[int, ...] = ()
    """Values per row, for fixed-size arrays."""
    field: str = ""
    """Names of the record fields that contain the column, joined by dots; empty outside records."""
    opens: int = 0
    """For counts: the table whose rows are the items of the lists; otherwise 0."""

    @property
    def has_values(self) -> bool:
        """Whether the column holds values of the user, not structure."""
        return self.role in ("data", "text")

    @property
    def values_per_row(self) -> int:
        """Values in one row: 1, or the size of a fixed-size array."""
        return math.prod(self.shape)

    def name_in(self, tree: Tree) -> str:
        """Name for people: `branch`, or `branch.field` for a field of a record."""
        path = tree.path_of(self.branch)
        return f"{path}.{self.field}" if self.field else path


def tree_columns(tree: Tree) -> list[Column]:
    """The columns of all stored branches of a tree, in the order of the file."""
    return columns_of([(n, branch.form) for n, branch in enumerate(tree.branches) if branch.form is not None])


def columns_of(forms: Sequence[tuple[int, Form]]) -> list[Column]:
    """The columns of branches, given as `(position, form)`, in order; tables are numbered as they appear."""
    columns: list[Column] = []
    tables = 1
    for branch, form in forms:
        for column in _walk(branch, form, tables - 1):
            tables = max(tables, column.table + 1, column.opens + 1)
            columns.append(column)
    return columns


def _walk(branch: int, form: Form, last_table: int) -> Iterator[Column]:
    """A column for every buffer, depth first; new tables count up from `last_table`."""
    form_size(form)
    nodes = 0
    tables = last_table

    def new_table() -> int:
        nonlocal tables
        tables += 1
        return tables

    def visit(
        node: Form, table: int, shape: tuple[int, ...], field: str, text: bool = False
    ) -> Iterator[Column]:
        nonlocal nodes
        number = nodes
        nodes += 1
        name = node["class"]

        def column(attribute: str, role: Role, index: str) -> Column:
            return Column(
                branch, f"{number}-{attribute}", role, np.dtype(INDEX_TYPES[index]), table, shape, field
            )

        if name == "NumpyArray":
            dtype, extra = storage_dtype(node["primitive"])
            inner = _sizes([*shape, *node.get("inner_shape", ()), *extra])
            yield Column(branch, f"{number}-data", "text" if text else "data", dtype, table, inner, field)
        elif name in LISTS:
            opened = new_table()
            if node["offsets"] not in INDEX_TYPES:
                raise SourceError(f"lists with offsets of type {node['offsets']!r:.40} cannot be stored")
            yield replace(column("offsets", "counts", "u32"), opens=opened)
            text = node.get("parameters", {}).get("__array__") in ("string", "bytestring")
            yield from visit(node["content"], opened, (), field, text)
        elif name == "RegularArray":
            yield from visit(node["content"], table, _sizes([*shape, node["size"]]), field)
        elif name == "RecordArray":
            fields = node.get("fields") or list(map(str, range(len(node["contents"]))))
            if not all(isinstance(inner_name, str) for inner_name in fields):
                raise SourceError(f"record fields {fields!r:.40} cannot be stored: names are text")
            for inner_name, content in zip(fields, node["contents"], strict=True):
                yield from visit(content, table, shape, f"{field}.{inner_name}" if field else inner_name)
        elif name in ("IndexedArray", "IndexedOptionArray"):
            yield column("index", "index", node["index"])
            yield from visit(node["content"], new_table(), (), field)
        elif name == "ByteMaskedArray":
            yield column("mask", "mask", node["mask"])
            yield from visit(node["content"], table, shape, field)
        elif name == "BitMaskedArray":
            content_table = table
            table, content_shape, shape = new_table(), shape, ()
            yield column("mask", "mask", node["mask"])
            yield from visit(node["content"], content_table, content_shape, field)
        elif name == "UnmaskedArray":
            yield from visit(node["content"], table, shape, field)
        elif name == "UnionArray":
            yield column("tags", "tags", node["tags"])
            yield column("index", "index", node["index"])
            for content in node["contents"]:
                yield from visit(content, new_table(), (), field)
        elif name != "EmptyArray":
            raise SourceError(f"awkward form class {name!r} cannot be stored")

    yield from visit(form, 0, (), "")


def form_size(form: Form) -> int:
    """Number of nodes of a form; raises SourceError if they are nested too deeply."""
    level, size = [form], 0
    for _ in range(MAX_FORM_DEPTH):
        size += len(level)
        level = [inner for node in level for inner in _contents(node)]
        if not level:
            return size
    raise SourceError(f"arrays nested more than {MAX_FORM_DEPTH} levels deep cannot be stored")


def _contents(node: Form) -> list[Form]:
    return [node["content"]] if "content" in node else list(node.get("contents", ()))


def _sizes(sizes: Sequence[Any]) -> tuple[int, ...]:
    """The lengths of fixed-size axes; raises SourceError if they are not valid."""
    if len(sizes) > MAX_AXES:
        raise SourceError(
            f"fixed-size arrays with {len(sizes)} axes cannot be stored; at most {MAX_AXES} are allowed"
        )
    if not all(type(size) is int and 0 <= size <= MAX_ROW for size in sizes) or math.prod(sizes) > MAX_ROW:
        raise SourceError(f"fixed-size arrays of shape {sizes!r:.40} cannot be stored")
    return tuple(sizes)


def storage_dtype(primitive: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Stored dtype and inner shape of a primitive: complex numbers are pairs, times are int64."""
    if not _PRIMITIVE.fullmatch(primitive):
        raise SourceError(f"values of type {primitive:.40} cannot be stored")
    if primitive.startswith("complex"):
        return np.dtype(f"float{int(primitive[7:]) // 2}"), (2,)
    if primitive.startswith(("datetime64", "timedelta64")):
        return np.dtype("int64"), ()
    return np.dtype(primitive), ()


def is_plain(form: Form) -> bool:
    """Whether columns of several clusters can be concatenated (the form has no index, mask or tags)."""
    if form["class"] not in ("NumpyArray", "EmptyArray", "RegularArray", "RecordArray", *LISTS):
        return False
    return all(is_plain(content) for content in _contents(form))
