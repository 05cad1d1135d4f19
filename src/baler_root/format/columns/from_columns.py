"""Columns to arrays: an awkward array from its flat buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.columns.form_columns import INDEX_TYPES, LISTS, Column, Form, is_plain

if TYPE_CHECKING:
    import awkward as ak


def from_columns(
    form: Form, length: int, columns: Sequence[Column], buffers: Sequence[NDArray[Any]]
) -> ak.Array:
    """The array of `length` entries with these buffers, in the order of `columns`.

    Counts columns may be given as offsets (int64, one longer). Raises CorruptFileError if the columns do not
    fit together.
    """
    import awkward as ak

    container: dict[str, NDArray[Any]] = {}
    for column, buffer in zip(columns, buffers, strict=True):
        container[column.key] = buffer
    try:
        array = ak.from_buffers(
            _with_offsets(form), length, container, buffer_key="{form_key}-{attribute}", byteorder="<"
        )
        problem = "" if is_plain(form) else _index_problem(array.layout)
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        problem = f"{type(error).__name__}: {error}"
    if problem:
        raise CorruptFileError(f"columns do not fit together: {problem}")
    return array


def _index_problem(layout: Any) -> str:
    """The first index or tag of a layout that points outside its contents, as a message; empty if none
    does."""
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
            part = index[tags == tag]
            if len(part) and not 0 <= part.min() <= part.max() < len(content):
                return f"union index from {part.min()} to {part.max()} for {len(content)} values"
    elif layout.is_indexed:
        index = np.asarray(layout.index)
        if len(index) and not (-1 if layout.is_option else 0) <= index.min() <= index.max() < len(
            layout.content
        ):
            return f"index from {index.min()} to {index.max()} for {len(layout.content)} values"
    return next((problem for content in contents if (problem := _index_problem(content))), "")


_FORMS: dict[int, Any] = {}


def _with_offsets(form: Form) -> Any:
    """The awkward form with node numbers as buffer names, cached by the identity of the dictionary."""
    import awkward as ak

    cached = _FORMS.get(id(form))
    if cached is None or cached[0] is not form:
        numbers = iter(range(1 << 30))

        def number(node: Form) -> Form:
            numbered = {**node, "form_key": str(next(numbers))}
            if "content" in node:
                numbered["content"] = number(node["content"])
            if "contents" in node:
                numbered["contents"] = [number(content) for content in node["contents"]]
            return numbered

        if len(_FORMS) > 10_000:
            _FORMS.clear()
        cached = _FORMS[id(form)] = (form, ak.forms.from_dict(number(form)))
    return cached[1]


def offsets_dtypes(form: Form) -> list[np.dtype[Any]]:
    """Dtype of the offsets of each list node, in the order of the counts columns."""
    dtypes: list[np.dtype[Any]] = []

    def visit(node: Form) -> None:
        if node["class"] in LISTS:
            dtypes.append(np.dtype(INDEX_TYPES[node["offsets"]]))
        for content in [node["content"]] if "content" in node else node.get("contents", ()):
            visit(content)

    visit(form)
    return dtypes


def offsets_from(counts: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Offsets of lists with these counts, starting at 0; CorruptFileError if they do not fit `dtype`."""
    total = int(counts.sum(dtype=np.uint64))
    if total > np.iinfo(dtype).max:
        raise CorruptFileError(f"lists of {total} items in all, more than {dtype} offsets can reach")
    offsets = np.zeros(len(counts) + 1, dtype=dtype)
    np.cumsum(counts, out=offsets[1:], dtype=dtype)
    return offsets


def rows_between(
    columns: Sequence[Column], buffers: Sequence[NDArray[Any]], start: int, stop: int
) -> list[tuple[int, int]]:
    """First and last (exclusive) value of each column for the entries `start` to `stop` of a plain branch.

    `buffers` holds counts columns as counts, not as offsets.
    """
    rows = {0: (start, stop)}
    ranges = []
    for column, buffer in zip(columns, buffers, strict=True):
        first, last = (row * column.values_per_row for row in rows[column.table])
        ranges.append((first, last))
        if column.role == "counts":
            begin = int(buffer[:first].sum(dtype=np.int64))
            rows[column.opens] = (begin, begin + int(buffer[first:last].sum(dtype=np.int64)))
    return ranges
