"""Exact coding as a candidate for every column: within a bound, no column is larger than it is without
loss."""

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
from baler_root.format.encodings.packed_float import PackedFloat, PackedFloatEncoding
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.page import EncodedColumn, pack_page

WHOLE = 1 << 17
"""Longest column that is always compared as a whole; a longer one only if a part of it leaves a doubt."""


CHUNKS, CHUNK = 16, 1 << 10
"""Parts of a long column that are compared first: their number, and their length in values."""


HOPELESS = 2.0
"""A column whose parts are larger by this factor with exact symbols isn't compared as a whole.

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


def smaller(column: EncodedColumn, exact: EncodedColumn) -> EncodedColumn:
    """`exact`, the column without loss, if `classic` stores it in fewer bytes; otherwise `column`."""
    if column.encoding.length > WHOLE and column.symbols is not None and exact.symbols is not None:
        row = math.prod(column.encoding.symbol_shape)
        if row == 1 and _part_size(exact) > HOPELESS * _part_size(column):
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
