"""Awkward arrays as NumPy or pandas ones, and their grouping, as uproot's libraries do it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.dataset.request import How

if TYPE_CHECKING:
    import awkward as ak


Context = list[tuple[str, dict[str, Any]]]
"""(name, facts about it) of each array to group; uproot's own form."""


_CONTAINER = re.compile(r"As(Vector|RVec|List|Set|Map|Array|Jagged)\(")


def library_name(library: Any) -> str:
    """`"ak"`, `"np"` or `"pd"`, of any spelling that uproot knows; raises ValueError for others."""
    return library if library in ("ak", "np", "pd") else str(uproot_library(library).name)


def uproot_library(library: Any) -> Any:
    """uproot's object for a library."""
    from uproot.interpretation.library import _regularize_library

    return _regularize_library(library)


def convert(array: ak.Array, interpretation: str, library: str, start: int, stop: int) -> Any:
    """The array of one TTree branch, entries `start` to `stop`, in this library."""
    if library == "ak":
        return array
    if library == "np":
        return numpy_of(array, interpretation)
    import uproot

    pandas = uproot.extras.pandas()
    values: Any = None
    if array.ndim == 1 and not array.fields and array.layout.is_numpy:
        values = np.asarray(array)
    else:
        values = uproot.extras.awkward_pandas().AwkwardExtensionArray(array)
    return pandas.Series(values, index=pandas.RangeIndex(start, stop))


def group(arrays: Mapping[str, Any], context: Context, how: How, library: str) -> Any:
    """Named arrays as one result: a record array, a dictionary, a DataFrame, or what `how` says."""
    if library == "ak" and how is None and arrays:
        import awkward as ak

        return ak.Array({facts.get("rename") or name: arrays[name] for name, facts in context})
    return uproot_library(library).group(arrays, context, how)


def concatenate(parts: Sequence[Any], library: str) -> Any:
    """Results of `group`, end to end."""
    return parts[0] if len(parts) == 1 else uproot_library(library).concatenate(parts)


def numpy_of(array: ak.Array, interpretation: str = "") -> NDArray[Any]:
    """A NumPy array: numbers as they are, records structured, lists and strings one object per entry.

    Lists are arrays where uproot has arrays (`AsJagged`), and uproot's STL containers where it has those.
    Objects such as TLorentzVector are structured values; uproot makes instances of Python classes of them.
    """
    return _numpy(array.layout, iter(_CONTAINER.findall(interpretation)))


def _numpy(layout: ak.contents.Content, kinds: Iterator[str]) -> NDArray[Any]:
    import awkward as ak

    if layout.parameter("__array__") in ("string", "bytestring"):
        return _objects(ak.to_list(layout))
    if layout.is_numpy:
        return np.asarray(layout.data)
    if layout.is_regular:
        content = _numpy(layout.content[: len(layout) * layout.size], kinds)
        return content.reshape(len(layout), layout.size, *content.shape[1:])
    if layout.is_list:
        return _lists(layout, kinds)
    if layout.is_record:
        columns = [_numpy(layout.content(field), kinds) for field in layout.fields]
        dtype = [
            (field, column.dtype, column.shape[1:])
            for field, column in zip(layout.fields, columns, strict=True)
        ]
        records = np.empty(len(layout), dtype=dtype)
        for field, column in zip(layout.fields, columns, strict=True):
            records[field] = column
        return records
    try:
        return np.asarray(ak.to_numpy(layout))
    except ValueError:
        return _objects(ak.to_list(layout))


def _lists(layout: ak.contents.Content, kinds: Iterator[str]) -> NDArray[Any]:
    """One object per list: an array, or the STL container named next."""
    from uproot import containers

    kind = next(kinds, "Array")
    layout = layout.to_ListOffsetArray64(True)
    offsets = np.asarray(layout.offsets).tolist()
    if kind == "Map":
        keys, values = (_numpy(layout.content.content(field), kinds) for field in layout.content.fields)
        return _objects([containers.STLMap(keys[a:b], values[a:b]) for a, b in pairwise(offsets)])
    content = _numpy(layout.content, kinds)
    pieces = (content[a:b] for a, b in pairwise(offsets))
    if kind in ("Array", "Jagged"):
        return _objects(list(pieces))
    make = {
        "Vector": containers.STLVector,
        "RVec": containers.STLVector,
        "List": containers.STLList,
        "Set": containers.STLSet,
    }[kind]
    return _objects([make(piece) for piece in pieces])


def _objects(items: Sequence[Any]) -> NDArray[Any]:
    """An array of Python objects, one per item, whatever they are."""
    objects = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        objects[index] = item
    return objects


def numpy_of_field(array: ak.Array) -> NDArray[Any]:
    """A NumPy array of an RNTuple field; lists of equal lengths become further axes, as uproot has it."""
    try:
        values: NDArray[Any] = array.to_numpy()
    except (ValueError, TypeError):
        return _uneven(array)
    return values


def _uneven(array: Any) -> NDArray[Any]:
    import awkward as ak

    if isinstance(array, ak.Array) and array.layout.is_record:
        try:
            return np.asarray(array.to_numpy())
        except (ValueError, TypeError):
            columns = {field: _uneven(array[field]) for field in array.fields}
        dtype = [(field, column.dtype if column.ndim == 1 else "O") for field, column in columns.items()]
        rows = [tuple(column[row] for column in columns.values()) for row in range(len(array))]
        return np.array(rows, dtype=dtype)
    if not isinstance(array, ak.Array) or len(array) == 0:
        return np.asarray(array)
    items = [item if isinstance(item, str) else _uneven(item) for item in array]
    shapes = {item.shape if isinstance(item, np.ndarray) else (1,) for item in items}
    return np.array(items) if len(shapes) == 1 else _objects(items)
