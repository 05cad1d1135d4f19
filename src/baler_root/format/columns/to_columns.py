"""Arrays to columns: the flat buffers of an awkward array, with offsets as counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import SourceError, UnreadableBranchError
from baler_root.format.columns.form_columns import Column, Form
from baler_root.format.limits import MAX_PAGE_LENGTH
from baler_root.format.schema import Tree

if TYPE_CHECKING:
    import awkward as ak


def plain_form(array: ak.Array) -> Form:
    """The form of an array after packing, as a dictionary without buffer names."""
    form: Form = _normalise(_packed(array).layout.form.to_dict(verbose=False))
    return form


def _packed(array: ak.Array) -> ak.Array:
    """The array with contiguous buffers; options in unions become indexed, since their class depends on the
    values."""
    import awkward as ak

    packed = ak.to_packed(array)
    form = str(packed.layout.form)
    if "UnmaskedArray" not in form or "UnionArray" not in form:
        return packed
    return ak.Array(_options_by_index(packed.layout))


def _options_by_index(layout: Any, in_union: bool = False) -> Any:
    """The layout without UnmaskedArray in unions; `ak.transform` would also simplify the unions."""
    if hasattr(layout, "contents"):
        contents = [_options_by_index(content, layout.is_union) for content in layout.contents]
        layout = layout.copy(contents=contents)
    elif hasattr(layout, "content"):
        layout = layout.copy(content=_options_by_index(layout.content))
    unmasked = type(layout).__name__ == "UnmaskedArray"
    return layout.to_IndexedOptionArray64() if unmasked and in_union else layout


def _normalise(form: Any) -> Any:
    """The form in one spelling: full dictionaries for all classes, and ListOffsetArray for all lists."""
    if isinstance(form, str):
        return {"class": "NumpyArray", "primitive": form}
    normalised = {key: value for key, value in form.items() if key not in ("form_key", "content", "contents")}
    if normalised["class"] == "ListArray":
        normalised["class"] = "ListOffsetArray"
        normalised["offsets"] = normalised.pop("starts")
        normalised.pop("stops")
    if normalised.get("inner_shape") == []:
        del normalised["inner_shape"]
    if "content" in form:
        normalised["content"] = _normalise(form["content"])
    if "contents" in form:
        contents = form["contents"]
        if isinstance(contents, dict):
            normalised["fields"] = list(contents)
            contents = list(contents.values())
        normalised["contents"] = [_normalise(content) for content in contents]
    return normalised


def to_columns(array: ak.Array, form: Form, columns: Sequence[Column]) -> list[NDArray[Any]]:
    """The buffers of one branch, in the order of its `columns`, with offsets as counts.

    Raises SourceError if the array does not have the form `form`.
    """
    import awkward as ak

    array_form, _, buffers = ak.to_buffers(_packed(array), form_key="{id}", byteorder="<")
    if (normalised := _normalise(array_form.to_dict(verbose=False))) != form:
        raise SourceError(f"the type changes along the entries: {normalised} after {form}")
    flat_buffers = []
    for column in columns:
        buffer = np.asarray(buffers[column.key])
        if column.role == "counts":
            buffer = np.diff(buffer).astype(np.uint32)
        flat = np.ascontiguousarray(buffer).reshape(-1)
        if flat.dtype == np.bool_:
            flat = flat.view(np.uint8) != 0  # a ROOT file may hold any byte for "true"
        flat_buffers.append(flat if flat.dtype == column.dtype else flat.view(column.dtype))
    return flat_buffers


def flatten(schema: Tree, columns: Sequence[Column], arrays: dict[int, ak.Array]) -> list[NDArray[Any]]:
    """The buffers of all columns of a tree, from the array of each branch by its position.

    Raises UnreadableBranchError if an array does not have the form in the schema, SourceError if the cluster
    is too large.
    """
    by_branch: dict[int, list[Column]] = {}
    for column in columns:
        by_branch.setdefault(column.branch, []).append(column)
    flat_buffers: list[NDArray[Any]] = []
    size = 0
    for branch in schema.stored():
        form = schema.branches[branch].form
        location = f"tree {schema.path!r}, branch {schema.path_of(branch)!r}"
        if form is None:
            continue
        try:
            buffers = to_columns(arrays[branch], form, by_branch.get(branch, []))
        except SourceError as error:
            raise UnreadableBranchError(schema.path, schema.path_of(branch), str(error)) from None
        size += sum(values.nbytes for values in buffers)
        if size > MAX_PAGE_LENGTH:
            raise SourceError(
                f"{location}: with it a cluster has more than {MAX_PAGE_LENGTH >> 20} MB; use a smaller --cluster-size"
            )
        flat_buffers += buffers
    return flat_buffers
