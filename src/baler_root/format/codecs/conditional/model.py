"""The model of one table: an axis for each column, and for some what tells where on it a value lies.

That is a network, or histograms. A model is data: JSON that lists layers of one kind, cuts and counts, and arrays
of integers (formats/codecs.md#models). It is named by the SHA-256 of its bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import BalerError, CorruptFileError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.axis import CODE_LIMIT, QuantileAxis
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.histograms import MAX_CELLS, MAX_SIZE, Histograms, contexts_of
from baler_root.format.codecs.model_arrays import (
    MAX_COLUMNS,
    MAX_MODEL_LENGTH,
    ArrayReader,
    axis_arrays,
    axis_of,
    check_places,
    count,
    integer,
    joined,
)
from baler_root.format.entropy.histogram_table import HistogramTable
from baler_root.format.networks.dense import Dense, FixedPointNet

FORMAT = "baler-root conditional model 1"


KINDS = ("value", "entry", "length", "position")
"""A column of the page; one of the entries, for each of their items; the length of an item's list; its place in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """How a column depends on others: `net` gets the codes of the columns `parents`, in this order.

    The column itself among them stands for what it has in the item before, in the same list.
    """

    parents: tuple[int, ...]
    net: FixedPointNet


@dataclass(frozen=True, eq=False)
class ModelColumn:
    """A column as its model knows it."""

    name: str
    quantiser: bytes
    """How the values became symbols, for whoever compresses more of them; reading needs it not."""
    axis: QuantileAxis
    conditional: Conditional | Histograms | None
    """None for a column that only others depend on."""
    kind: str = "value"
    """One of `KINDS`: what stands in the page, or what lies around it."""
    dropped_bits: int | None = None
    """Set where the column's values are floats kept exactly, and its axis is of their patterns without so many bits."""
    values_per_row: int = 1
    """Values in a row: of fixed-size arrays there are several."""

    @cached_property
    def shares(self) -> HistogramTable:
        """The column's histograms as the coder uses them."""
        if not isinstance(self.conditional, Histograms):
            raise TypeError(f"column {self.name!r} has no histograms")
        return HistogramTable(self.axis.cumulative, self.conditional.cells, self.conditional.roots)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Columns in the order in which they are decoded: parents come before those that depend on them, or are them."""

    columns: tuple[ModelColumn, ...]
    about: dict[str, Any]
    """How it was trained, for people."""

    def to_bytes(self) -> bytes:
        """The bytes that `from_bytes` reads; the same model gives the same bytes."""
        arrays: list[NDArray[Any]] = []
        for column in self.columns:
            arrays += axis_arrays(column.axis)
        told = [column.conditional for column in self.columns]
        layers = [layer for some in told if isinstance(some, Conditional) for layer in some.net.layers]
        arrays.append(joined((layer.weight for layer in layers), np.int8))
        arrays.append(joined((layer.bias for layer in layers), np.int32))
        histograms = [some for some in told if isinstance(some, Histograms)]
        if histograms:
            arrays.append(joined((np.diff(some.cells)[:-1] for some in histograms), np.uint32))
            arrays.append(joined((some.roots for some in histograms), np.uint8))
        document = {
            "format": FORMAT,
            "about": self.about,
            "columns": [_column_to_json(column) for column in self.columns],
            "lengths": [len(array) for array in arrays],
        }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        quantisers = b"".join(column.quantiser for column in self.columns)
        payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
        return pack_bytes(text) + pack_bytes(quantisers) + payload

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Model:
        """The model in these bytes; raises CorruptFileError for what is none."""
        cursor = Cursor(memoryview(data))
        try:
            document = json.loads(bytes(unpack_bytes(cursor, MAX_MODEL_LENGTH)))
            quantisers = Cursor(unpack_bytes(cursor, MAX_MODEL_LENGTH))
            if document["format"] != FORMAT:
                raise CorruptFileError(f"a model of the format {document['format']!r}, not {FORMAT!r}")
            return _model(document, quantisers, cursor.rest())
        except BalerError as error:
            raise CorruptFileError(f"the model is not valid: {error}") from None
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise CorruptFileError(f"the model is not valid ({type(error).__name__}: {error})") from None


def digest_of(data: bytes | memoryview) -> str:
    """The name of a model: SHA-256 of its bytes."""
    return hashlib.sha256(data).hexdigest()


def _column_to_json(column: ModelColumn) -> dict[str, Any]:
    out: dict[str, Any] = {"name": column.name, "low": column.axis.low, "recipe": len(column.quantiser)}
    if column.kind != "value":
        out["kind"] = column.kind
    told = column.conditional
    if told is not None:
        out["parents"] = list(told.parents)
    if isinstance(told, Conditional):
        out["layers"] = [[len(layer.weight), layer.shift, layer.low, layer.high] for layer in told.net.layers]
    if isinstance(told, Histograms):
        out["cuts"], out["cells"] = [list(cuts) for cuts in told.cuts], len(told.cells) - 1
    return out


def _model(document: dict[str, Any], quantisers: Cursor, payload: memoryview) -> Model:
    lengths = [count(length, MAX_MODEL_LENGTH) for length in document["lengths"]]
    described = document["columns"]
    dtypes: list[Any] = [np.uint32] * (2 * len(described)) + [np.int8, np.int32]
    if any("cuts" in entry for entry in described):
        dtypes += [np.uint32, np.uint8]
    if len(lengths) != len(dtypes) or sum(lengths) > MAX_MODEL_LENGTH or len(described) > MAX_COLUMNS:
        raise CorruptFileError("its arrays are too many, too few or too long")
    specs = [SymbolSpec(np.dtype(dtype), length) for dtype, length in zip(dtypes, lengths, strict=True)]
    arrays = Classic().decode(payload, specs)
    weights, biases, *more = (
        ArrayReader(arrays[number]) for number in range(2 * len(described), len(lengths))
    )
    columns = []
    for number, entry in enumerate(described):
        axis = axis_of(entry["low"], arrays[2 * number], arrays[2 * number + 1])
        conditional: Conditional | Histograms | None = None
        parents = tuple(count(parent, number - ("cuts" in entry)) for parent in entry.get("parents", ()))
        if "cuts" in entry:
            conditional = _histograms(entry, parents, axis.length, *more)
        elif "parents" in entry:
            conditional = Conditional(parents, _net(entry["layers"], len(parents), weights, biases))
        quantiser = bytes(quantisers.take(count(entry["recipe"], 1 << 24)))
        kind = entry.get("kind", "value")
        if kind not in KINDS or (kind != "value" and conditional is not None):
            raise CorruptFileError(f"column {number} is of the kind {kind!r}")
        columns.append(ModelColumn(str(entry["name"]), quantiser, axis, conditional, kind))
    for taker in (weights, biases, *more):
        taker.finish()
    check_places(column.axis for column in columns)
    quantisers.finish("the recipes")
    return Model(tuple(columns), dict(document["about"]))


def _net(layers: Sequence[Any], inputs: int, weights: ArrayReader, biases: ArrayReader) -> FixedPointNet:
    out = []
    for outputs, shift, low, high in layers:
        shape = (count(outputs, 1 << 12), inputs)
        weight = weights.take(shape[0] * inputs).reshape(shape)
        out.append(Dense(weight, biases.take(outputs), count(shift, 64), integer(low), integer(high)))
        inputs = outputs
    if inputs % 3 or not out:
        raise CorruptFileError(f"a network with {inputs} outputs says no mixture")
    return FixedPointNet(out, -CODE_LIMIT, CODE_LIMIT - 1)


def _histograms(
    entry: dict[str, Any], parents: tuple[int, ...], places: int, cells: ArrayReader, roots: ArrayReader
) -> Histograms:
    cuts = tuple(tuple(integer(cut) for cut in some) for some in entry["cuts"])
    num_cells = count(entry["cells"], MAX_CELLS)
    inner = np.cumsum(cells.take(max(0, num_cells - 1)), dtype=np.int64)
    size = count(contexts_of(cuts) * num_cells, MAX_SIZE)
    bounds = np.concatenate([[0], inner, [places]])
    return Histograms(parents, cuts, bounds, roots.take(size).reshape(-1, max(1, num_cells)))
