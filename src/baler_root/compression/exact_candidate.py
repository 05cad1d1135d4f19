"""Exact coding, and its comparison with any other: no column within a bound is larger than without loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.plan import Plan
from baler_root.compression.quantisation.quantise import narrowed, quantise
from baler_root.format.bounds import LOSSLESS
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.encodings.double32 import PackedFloat, PackedFloatEncoding
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.page import EncodedColumn, pack_page

MAX_COMPARED = 1 << 17
"""Values of the longest column that is always compared whole; see `MAX_PART_RATIO` for longer ones."""


CHUNKS, CHUNK = 16, 1 << 10
"""Parts of a long column that are compared first: their number, and their length in values."""


MAX_PART_RATIO = 2.0
"""A long column whose parts are larger by more than this factor with exact symbols is not compared whole.

The comparison would take as long as the rest of the compression. Exact coding is smaller for columns that are
smooth or repeat values, and their parts are so, too.
"""


def encode_exactly(plan: Plan, number: int, values: NDArray[Any]) -> EncodedColumn:
    """Column `number` with `values` to the bit: as packed floats if they are some, otherwise quantised."""
    column = plan.columns[number]
    packing = PackedFloat.of(plan.schema.branches[column.branch].interpretation)
    integers = None if packing is None else packing.integers(values)
    if packing is not None and integers is not None:
        quantised = quantise(integers, LOSSLESS, plan.sentinels)
        encoding = PackedFloatEncoding(packing, QuantisedEncoding.of(quantised, column.shape))
        return EncodedColumn(encoding, quantised.symbols)
    return EncodedColumn.of(quantise(narrowed(values), LOSSLESS, plan.sentinels), column.shape)


def page_size(column: EncodedColumn) -> int:
    """Bytes of a `classic` page with this column alone."""
    payload, _ = pack_page(Classic(), [column])
    return len(payload)


def exact_if_smaller(plan: Plan, number: int, values: NDArray[Any], column: EncodedColumn) -> EncodedColumn:
    """Column `number` encoded exactly if `classic` stores that in fewer bytes; otherwise `column`."""
    exact = encode_exactly(plan, number, values)
    if column.encoding.length > MAX_COMPARED and column.symbols is not None and exact.symbols is not None:
        row = math.prod(column.encoding.symbol_shape)
        if row == 1 and _part_size(exact) > MAX_PART_RATIO * _part_size(column):
            return column
    return exact if page_size(exact) < page_size(column) else column


def _part_size(column: EncodedColumn) -> int:
    """Bytes of the symbols in `CHUNKS` parts of a long column."""
    symbols = column.symbols
    if symbols is None:
        return 0
    starts = np.linspace(0, len(symbols) - CHUNK, CHUNKS).astype(np.int64)
    part = symbols[(starts[:, None] + np.arange(CHUNK)).reshape(-1)]
    payload, _ = Classic().encode([part], [SymbolSpec(part.dtype, len(part), ())])
    return len(payload)
