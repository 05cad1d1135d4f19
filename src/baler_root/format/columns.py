"""Arrays taken apart into flat columns, and put together again.

An awkward array is a form (what nests in what), a length, and flat buffers. The buffers of a form, in a fixed
order, are the columns of a branch; offsets are held as counts, one per list, because counts are small, repeat,
and can be cut anywhere. `formats/pages.md#columns` has the rules in words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError, SourceError
from baler_root.format.limits import MAX_PAGE_LENGTH
from baler_root.format.schema import Tree

if TYPE_CHECKING:
    import awkward as ak


Role = Literal["data", "text", "counts", "index", "tags", "mask"]
"""`data` are numbers and may have an error bound; all else is always exact."""


Form = dict[str, Any]


_INDEX = {"i8": "int8", "u8": "uint8", "i32": "int32", "u32": "uint32", "i64": "int64"}


_LISTS = ("ListOffsetArray", "ListArray")


_PRIMITIVE = re.compile(
    r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|(datetime|timedelta)64(\[\d*[a-zA-Zμ]+\])?"
)


MAX_ROW = 1 << 28
"""Values that a fixed-size array may have."""


@dataclass(frozen=True, slots=True)
class Column:
    """One flat buffer of a branch."""

    branch: int
    """Position in `Tree.branches`."""
    key: str
    """Buffer name inside the form: node number (depth first), attribute."""
    role: Role
    dtype: np.dtype[Any]
    table: int
    """Which length it shares: 0 for one row per entry, others by list node."""
    shape: tuple[int, ...] = ()
    """Values per row, for fixed-size arrays."""
    field: str = ""
    """Names of the record fields that lead to it, with dots."""
    opens: int = 0
    """Of counts: the table whose length they add up to."""

    @property
    def has_values(self) -> bool:
        """Whether it holds what the user stored, rather than structure."""
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
    """The columns of the branches `(position, form)`, in order; tables are numbered as they appear."""
    columns: list[Column] = []
    tables = 1
    for branch, form in forms:
        for column in _walk(branch, form, tables - 1):
            tables = max(tables, column.table + 1, column.opens + 1)
            columns.append(column)
    return columns


def _walk(branch: int, form: Form, last_table: int) -> Iterator[Column]:
    """A column for every buffer, depth first; new tables count up from `last_table`."""
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
            return Column(branch, f"{number}-{attribute}", role, np.dtype(_INDEX[index]), table, shape, field)

        if name == "NumpyArray":
            dtype, extra = storage_dtype(node["primitive"])
            inner = (*shape, *_sizes(node.get("inner_shape", ())), *extra)
            yield Column(branch, f"{number}-data", "text" if text else "data", dtype, table, inner, field)
        elif name in _LISTS:
            opened = new_table()
            if node["offsets"] not in _INDEX:
                raise SourceError(f"lists with offsets of type {node['offsets']!r:.40} cannot be stored")
            yield replace(column("offsets", "counts", "u32"), opens=opened)
            text = node.get("parameters", {}).get("__array__") in ("string", "bytestring")
            yield from visit(node["content"], opened, (), field, text)
        elif name == "RegularArray":
            yield from visit(node["content"], table, (*shape, *_sizes([node["size"]])), field)
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
            inside = table
            table, shape_of_content, shape = new_table(), shape, ()
            yield column("mask", "mask", node["mask"])
            yield from visit(node["content"], inside, shape_of_content, field)
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


def _sizes(sizes: Sequence[Any]) -> tuple[int, ...]:
    """The lengths of fixed-size axes, once they are known to be lengths."""
    if not all(type(size) is int and 0 <= size <= MAX_ROW for size in sizes) or math.prod(sizes) > MAX_ROW:
        raise SourceError(f"fixed-size arrays of shape {sizes!r:.40} cannot be stored")
    return tuple(sizes)


def storage_dtype(primitive: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """How a primitive is held: dtype and inner shape (complex numbers as pairs, times as int64)."""
    if not _PRIMITIVE.fullmatch(primitive):
        raise SourceError(f"values of type {primitive:.40} cannot be stored")
    if primitive.startswith("complex"):
        return np.dtype(f"float{int(primitive[7:]) // 2}"), (2,)
    if primitive.startswith(("datetime64", "timedelta64")):
        return np.dtype("int64"), ()
    return np.dtype(primitive), ()


def plain_form(array: ak.Array) -> Form:
    """The form of an array once packed, as a plain dictionary without buffer names."""
    form: Form = _normalise(_packed(array).layout.form.to_dict(verbose=False))
    return form


def _packed(array: ak.Array) -> ak.Array:
    """The array in one contiguous piece; options in unions by index, since their kind depends on the values."""
    import awkward as ak

    packed = ak.to_packed(array)
    form = str(packed.layout.form)
    if "UnmaskedArray" not in form or "UnionArray" not in form:
        return packed
    return ak.Array(_options_by_index(packed.layout))


def _options_by_index(layout: Any, in_union: bool = False) -> Any:
    """The same layout without UnmaskedArray in unions; `ak.transform` would simplify the unions on the way."""
    if hasattr(layout, "contents"):
        contents = [_options_by_index(content, layout.is_union) for content in layout.contents]
        layout = layout.copy(contents=contents)
    elif hasattr(layout, "content"):
        layout = layout.copy(content=_options_by_index(layout.content))
    unmasked = type(layout).__name__ == "UnmaskedArray"
    return layout.to_IndexedOptionArray64() if unmasked and in_union else layout


def _normalise(form: Any) -> Any:
    """The same form in one spelling: every class by its full dictionary, lists always ListOffsetArray."""
    if isinstance(form, str):
        return {"class": "NumpyArray", "primitive": form}
    out = {key: value for key, value in form.items() if key not in ("form_key", "content", "contents")}
    if out["class"] == "ListArray":
        out["class"] = "ListOffsetArray"
        out["offsets"] = out.pop("starts")
        out.pop("stops")
    if out.get("inner_shape") == []:
        del out["inner_shape"]
    if "content" in form:
        out["content"] = _normalise(form["content"])
    if "contents" in form:
        contents = form["contents"]
        if isinstance(contents, dict):
            out["fields"] = list(contents)
            contents = list(contents.values())
        out["contents"] = [_normalise(content) for content in contents]
    return out


def to_columns(array: ak.Array, form: Form, columns: Sequence[Column]) -> list[NDArray[Any]]:
    """The buffers of one branch, in the order of its `columns`, offsets as counts.

    Raises SourceError when the array has another form than the branch was declared to have.
    """
    import awkward as ak

    found, _, buffers = ak.to_buffers(_packed(array), form_key="{id}", byteorder="<")
    if (plain := _normalise(found.to_dict(verbose=False))) != form:
        raise SourceError(f"the type changes along the entries: {plain} after {form}")
    out = []
    for column in columns:
        raw = np.asarray(buffers[column.key])
        if column.role == "counts":
            raw = np.diff(raw).astype(np.uint32)
        flat = np.ascontiguousarray(raw).reshape(-1)
        if flat.dtype == np.bool_:
            flat = flat.view(np.uint8) != 0  # a ROOT file may hold any byte for "true"
        out.append(flat if flat.dtype == column.dtype else flat.view(column.dtype))
    return out


def from_columns(
    form: Form, length: int, columns: Sequence[Column], buffers: Sequence[NDArray[Any]]
) -> ak.Array:
    """The array of `length` entries that `to_columns` took apart.

    `buffers` are in the order of `columns`; counts columns may be given as offsets already (int64, one longer).
    """
    import awkward as ak

    container: dict[str, NDArray[Any]] = {}
    for column, buffer in zip(columns, buffers, strict=True):
        container[column.key] = buffer
    try:
        array = ak.from_buffers(
            _with_offsets(form), length, container, buffer_key="{form_key}-{attribute}", byteorder="<"
        )
        problem = "" if is_plain(form) else _wild_index(array.layout)
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        problem = f"{type(error).__name__}: {error}"
    if problem:
        raise CorruptFileError(f"columns do not fit together: {problem}")
    return array


def _wild_index(layout: Any) -> str:
    """Which index or tag points outside what it picks from; empty when none does."""
    contents = (
        layout.contents
        if hasattr(layout, "contents")
        else [layout.content]
        if hasattr(layout, "content")
        else []
    )
    if layout.is_union:
        tags, index = np.asarray(layout.tags), np.asarray(layout.index)[: len(layout.tags)]
        if len(tags) and not 0 <= tags.min() <= tags.max() < len(contents):
            return f"tags from {tags.min()} to {tags.max()} for {len(contents)} types"
        for tag, content in enumerate(contents):
            own = index[tags == tag]
            if len(own) and not 0 <= own.min() <= own.max() < len(content):
                return f"union index from {own.min()} to {own.max()} for {len(content)} values"
    elif layout.is_indexed:
        index = np.asarray(layout.index)
        if len(index) and not (-1 if layout.is_option else 0) <= index.min() <= index.max() < len(
            layout.content
        ):
            return f"index from {index.min()} to {index.max()} for {len(layout.content)} values"
    return next((problem for content in contents if (problem := _wild_index(content))), "")


_FORMS: dict[int, Any] = {}


def _with_offsets(form: Form) -> Any:
    """The awkward Form object with node numbers as buffer names; cached by identity of the dictionary."""
    import awkward as ak

    cached = _FORMS.get(id(form))
    if cached is None or cached[0] is not form:
        numbers = iter(range(1 << 30))

        def number(node: Form) -> Form:
            out = {**node, "form_key": str(next(numbers))}
            if "content" in node:
                out["content"] = number(node["content"])
            if "contents" in node:
                out["contents"] = [number(content) for content in node["contents"]]
            return out

        if len(_FORMS) > 10_000:
            _FORMS.clear()
        cached = _FORMS[id(form)] = (form, ak.forms.from_dict(number(form)))
    return cached[1]


def offsets_dtypes(form: Form) -> list[np.dtype[Any]]:
    """The dtype of each list's offsets, in the order of the counts columns."""
    out: list[np.dtype[Any]] = []

    def visit(node: Form) -> None:
        if node["class"] in _LISTS:
            out.append(np.dtype(_INDEX[node["offsets"]]))
        for content in [node["content"]] if "content" in node else node.get("contents", ()):
            visit(content)

    visit(form)
    return out


def offsets_from(counts: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Offsets (one longer, starting at 0) of lists with these counts; CorruptFileError if they would wrap around."""
    total = int(counts.sum(dtype=np.uint64))
    if total > np.iinfo(dtype).max:
        raise CorruptFileError(f"lists of {total} items in all, more than {dtype} offsets can reach")
    offsets = np.zeros(len(counts) + 1, dtype=dtype)
    np.cumsum(counts, out=offsets[1:], dtype=dtype)
    return offsets


def rows_between(
    columns: Sequence[Column], buffers: Sequence[NDArray[Any]], start: int, stop: int
) -> list[tuple[int, int]]:
    """Which values of each column (from, to) belong to the entries `start` to `stop` of a plain branch.

    `buffers` has the counts columns as counts.
    """
    rows = {0: (start, stop)}
    out = []
    for column, buffer in zip(columns, buffers, strict=True):
        first, last = (row * column.values_per_row for row in rows[column.table])
        out.append((first, last))
        if column.role == "counts":
            begin = int(buffer[:first].sum(dtype=np.int64))
            rows[column.opens] = (begin, begin + int(buffer[first:last].sum(dtype=np.int64)))
    return out


def is_plain(form: Form) -> bool:
    """Whether columns of several clusters can simply be put end to end (no index, mask or tags)."""
    if form["class"] not in ("NumpyArray", "EmptyArray", "RegularArray", "RecordArray", *_LISTS):
        return False
    inner = [form["content"]] if "content" in form else form.get("contents", [])
    return all(is_plain(content) for content in inner)


def flatten(schema: Tree, columns: Sequence[Column], arrays: dict[int, ak.Array]) -> list[NDArray[Any]]:
    """The buffers of all columns; raises SourceError where an array does not have the planned form."""
    by_branch: dict[int, list[Column]] = {}
    for column in columns:
        by_branch.setdefault(column.branch, []).append(column)
    out: list[NDArray[Any]] = []
    size = 0
    for branch in schema.stored():
        form = schema.branches[branch].form
        where = f"tree {schema.path!r}, branch {schema.path_of(branch)!r}"
        if form is None:
            continue
        try:
            buffers = to_columns(arrays[branch], form, by_branch.get(branch, []))
        except SourceError as error:
            raise SourceError(f"{where}: {error}") from None
        size += sum(values.nbytes for values in buffers)
        if size > MAX_PAGE_LENGTH:
            raise SourceError(
                f"{where}: with it a cluster has more than {MAX_PAGE_LENGTH >> 20} MB; use a smaller --cluster-size"
            )
        out += buffers
    return out
