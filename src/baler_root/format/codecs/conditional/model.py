"""Model of one table: an axis for each column, and for some columns a network or histograms.

A model is data: JSON that lists layers, cuts and counts, and arrays of integers (formats/codecs.md#models).
Files name it by the SHA-256 of its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import BalerError, CorruptFileError
from baler_root.format.binary.bounded_json import integer, load_json
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.axis import CODE_LIMIT, QuantileAxis
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.histograms import MAX_CELLS, Histograms, contexts_of
from baler_root.format.codecs.model_arrays import (
    MAX_COLUMNS,
    MAX_MODEL_LENGTH,
    ArrayReader,
    axis_arrays,
    axis_from_arrays,
    check_places,
    count,
    joined,
)
from baler_root.format.entropy.histogram_table import HistogramTable
from baler_root.format.limits import (
    MAX_ALL_CONTEXTS,
    MAX_ALL_ROOTS,
    MAX_COMPONENTS,
    MAX_CONTEXTS,
    MAX_MANIFEST_LENGTH,
    MAX_NET_PRODUCTS,
    MAX_PARENTS,
    MAX_ROOTS,
    MAX_WEIGHTS,
)
from baler_root.format.networks.dense import Dense, FixedPointNet

FORMAT = "baler-root conditional model 1"


KINDS = ("value", "entry", "length", "position")
"""Kinds of columns: a column of the page; a column of the entries, repeated for the items of their lists; the
length of the list of an item; the position of an item in its list.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """Distribution of a column given others: the inputs of `net` are the codes of the columns `parents`, in
    this order.

    If the column itself is among them, its value in the previous item of the same list is meant.
    """

    parents: tuple[int, ...]
    net: FixedPointNet


@dataclass(frozen=True, eq=False)
class ModelColumn:
    """A column of a model."""

    name: str
    quantiser: bytes
    """Quantiser (bytes) used in training; needed to compress further files, not to read."""
    axis: QuantileAxis
    conditional: Conditional | Histograms | None
    """Distribution of the column; None for a column that is only a parent of others."""
    kind: str = "value"
    """One of `KINDS`: `value` for a column of the page, another kind for context."""
    dropped_bits: int | None = None
    """For exact floats: low bits that the axis leaves out of their bit patterns; None for other columns."""
    values_per_row: int = 1
    """Number of values in a row; more than 1 for fixed-size arrays."""

    @property
    def products(self) -> int:
        """Multiplications for each value in the column's network; 0 if it has none."""
        return self.conditional.net.products if isinstance(self.conditional, Conditional) else 0

    @cached_property
    def table(self) -> HistogramTable:
        """Histograms of the column as the coder uses them; raises TypeError if it has none."""
        if not isinstance(self.conditional, Histograms):
            raise TypeError(f"column {self.name!r} has no histograms")
        return HistogramTable(self.axis.cumulative, self.conditional.cells, self.conditional.roots)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Columns in decoding order: the parents of a column come before it, or are the column itself."""

    columns: tuple[ModelColumn, ...]
    training_record: dict[str, Any]
    """Notes on the training, for users."""

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads; equal models have equal bytes."""
        arrays: list[NDArray[Any]] = []
        for column in self.columns:
            arrays += axis_arrays(column.axis)
        conditionals = [column.conditional for column in self.columns]
        nets = [conditional.net for conditional in conditionals if isinstance(conditional, Conditional)]
        layers = [layer for net in nets for layer in net.layers]
        arrays.append(joined((layer.weight for layer in layers), np.int8))
        arrays.append(joined((layer.bias for layer in layers), np.int32))
        histograms = [conditional for conditional in conditionals if isinstance(conditional, Histograms)]
        if histograms:
            arrays.append(joined((np.diff(table.cells)[:-1] for table in histograms), np.uint32))
            arrays.append(joined((table.roots for table in histograms), np.uint8))
        document = {
            "format": FORMAT,
            "about": self.training_record,
            "columns": [_column_to_json(column) for column in self.columns],
            "lengths": [len(array) for array in arrays],
        }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        quantisers = b"".join(column.quantiser for column in self.columns)
        payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
        return pack_bytes(text) + pack_bytes(quantisers) + payload

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Model:
        """The model in these bytes; raises CorruptFileError if they are not a model."""
        cursor = Cursor(memoryview(data))
        try:
            document = load_json(unpack_bytes(cursor, MAX_MANIFEST_LENGTH))
            quantisers = Cursor(unpack_bytes(cursor, MAX_MODEL_LENGTH))
            if document["format"] != FORMAT:
                raise CorruptFileError(f"a model of the format {document['format']!r}, not {FORMAT!r}")
            return _model(document, quantisers, cursor.rest())
        except BalerError as error:
            raise CorruptFileError(f"the model is not valid: {error}") from None
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise CorruptFileError(f"the model is not valid ({type(error).__name__}: {error})") from None


def _column_to_json(column: ModelColumn) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "low": column.axis.low, "recipe": len(column.quantiser)}
    if column.kind != "value":
        entry["kind"] = column.kind
    conditional = column.conditional
    if conditional is not None:
        entry["parents"] = list(conditional.parents)
    if isinstance(conditional, Conditional):
        layers = conditional.net.layers
        entry["layers"] = [[len(layer.weight), layer.shift, layer.low, layer.high] for layer in layers]
    if isinstance(conditional, Histograms):
        entry["cuts"], entry["cells"] = [list(cuts) for cuts in conditional.cuts], len(conditional.cells) - 1
    return entry


def _model(document: dict[str, Any], quantisers: Cursor, payload: memoryview) -> Model:
    lengths = [count(length, MAX_MODEL_LENGTH) for length in document["lengths"]]
    described = document["columns"]
    dtypes: list[Any] = [np.uint32] * (2 * len(described)) + [np.int8, np.int32]
    if any("cuts" in entry for entry in described):
        dtypes += [np.uint32, np.uint8]
    if len(lengths) != len(dtypes) or sum(lengths) > MAX_MODEL_LENGTH or len(described) > MAX_COLUMNS:
        raise CorruptFileError("its arrays are too many, too few or too long")
    _check_sizes(described, lengths[2 * len(described) :])
    specs = [SymbolSpec(np.dtype(dtype), length) for dtype, length in zip(dtypes, lengths, strict=True)]
    arrays = Classic().decode(payload, specs)
    weights, biases, *histogram_readers = (
        ArrayReader(arrays[number]) for number in range(2 * len(described), len(lengths))
    )
    columns = []
    for number, entry in enumerate(described):
        axis = axis_from_arrays(entry["low"], arrays[2 * number], arrays[2 * number + 1])
        conditional: Conditional | Histograms | None = None
        parents = tuple(count(parent, number - ("cuts" in entry)) for parent in entry.get("parents", ()))
        if len(parents) > MAX_PARENTS:
            raise CorruptFileError(f"column {number} has {len(parents)} parents; at most {MAX_PARENTS}")
        if "cuts" in entry:
            conditional = _histograms(entry, parents, axis.length, *histogram_readers)
        elif "parents" in entry:
            conditional = Conditional(parents, _net(entry["layers"], len(parents), weights, biases))
        quantiser = bytes(quantisers.take(count(entry["recipe"], 1 << 24)))
        kind = entry.get("kind", "value")
        if kind not in KINDS or (kind != "value" and conditional is not None):
            raise CorruptFileError(f"column {number} is of the kind {kind!r}")
        columns.append(ModelColumn(str(entry["name"]), quantiser, axis, conditional, kind))
    for reader in (weights, biases, *histogram_readers):
        reader.finish()
    check_places(column.axis for column in columns)
    quantisers.finish("the recipes")
    return Model(tuple(columns), dict(document["about"]))


def _check_sizes(described: Sequence[Any], lengths: Sequence[int]) -> None:
    """Raise CorruptFileError if the networks or histograms of a model are too large together.

    `lengths` are those of weights, biases, cells and roots; nothing is decoded yet.
    """
    histograms = [entry for entry in described if "cuts" in entry]
    each = [contexts_of(entry["cuts"]) for entry in histograms]
    for contexts, entry in zip(each, histograms, strict=True):
        count(contexts * count(entry["cells"], MAX_CELLS), MAX_ROOTS)
    if max(each, default=0) > MAX_CONTEXTS:
        raise CorruptFileError(f"histograms of more than {MAX_CONTEXTS} contexts")
    contexts, roots = sum(each), lengths[-1] if each else 0
    if contexts > MAX_ALL_CONTEXTS or roots > MAX_ALL_ROOTS:
        raise CorruptFileError(f"histograms of {contexts} contexts and {roots} roots together")
    if lengths[0] > MAX_WEIGHTS:
        raise CorruptFileError(f"networks of {lengths[0]} weights together")


def _net(layers: Sequence[Any], inputs: int, weights: ArrayReader, biases: ArrayReader) -> FixedPointNet:
    dense_layers, products = [], 0
    for outputs, shift, low, high in layers:
        shape = (count(outputs, 1 << 12), inputs)
        products += shape[0] * inputs
        if products > MAX_NET_PRODUCTS:
            raise CorruptFileError(
                f"a network of {products} products for each row; at most {MAX_NET_PRODUCTS}"
            )
        weight = weights.take(shape[0] * inputs).reshape(shape)
        dense_layers.append(
            Dense(weight, biases.take(outputs), count(shift, 64), integer(low), integer(high))
        )
        inputs = outputs
    if inputs % 3 or inputs > 3 * MAX_COMPONENTS or not dense_layers:
        raise CorruptFileError(f"a network with {inputs} outputs, which is not a mixture")
    return FixedPointNet(dense_layers, -CODE_LIMIT, CODE_LIMIT - 1)


def _histograms(
    entry: dict[str, Any], parents: tuple[int, ...], num_places: int, cells: ArrayReader, roots: ArrayReader
) -> Histograms:
    cuts = tuple(tuple(integer(cut) for cut in values) for values in entry["cuts"])
    num_cells = count(entry["cells"], MAX_CELLS)
    inner = np.cumsum(cells.take(max(0, num_cells - 1)), dtype=np.int64)
    size = count(contexts_of(cuts) * num_cells, MAX_ROOTS)
    bounds = np.concatenate([[0], inner, [num_places]])
    return Histograms(parents, cuts, bounds, roots.take(size).reshape(-1, max(1, num_cells)))
