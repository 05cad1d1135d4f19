"""Exact coding, and its comparison with any other: no column within a bound is larger than without loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.compression.plan import Plan
from baler_root.compression.quantisation.quantise import narrowed, quantise
from baler_root.format.bounds import LOSSLESS
from baler_root.format.codecs.classic.codec import Classic, quick_size
from baler_root.format.encodings.double32 import PackedFloat, PackedFloatEncoding
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.page import EncodedColumn, pack_page

MAX_QUICK_RATIO, MAX_QUICK_EXCESS = 1.5, 256
"""Exact symbols larger by this factor and by these bytes in a quick estimate aren't compared in full.

The full comparison takes as long as the rest of the compression.
"""


PARTS, PART_LENGTH = 16, 1 << 12
"""Parts of a longer column on which the quick estimate is made: their number, and their length in values."""


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
    if (
        column.symbols is not None
        and exact.symbols is not None
        and math.prod(column.encoding.symbol_shape) == 1
    ):
        limit = MAX_QUICK_RATIO * quick_size(_parts(column.symbols)) + MAX_QUICK_EXCESS
        if quick_size(_parts(exact.symbols)) > limit:
            return column
    return exact if page_size(exact) < page_size(column) else column


def exact_columns(
    plan: Plan,
    originals: Sequence[Values],
    encoded: Sequence[EncodedColumn],
    costs: Mapping[int, float],
) -> dict[int, EncodedColumn]:
    """Columns of a model that `classic` stores exactly in fewer bytes than the model needs within a bound.

    `costs` has the bytes of each column that may be stored exactly, by number; so has the result.
    """
    smaller = {}
    for number, cost in costs.items():
        column = encoded[number].quantised
        if column is None or column.quantiser.kind == "exact":
            continue
        exact = encode_exactly(plan, number, originals[number])
        if exact.symbols is None:
            continue
        parts = _parts(exact.symbols)
        estimate = quick_size(parts) * len(exact.symbols) / max(1, len(parts))
        if estimate <= MAX_QUICK_RATIO * cost + MAX_QUICK_EXCESS and page_size(exact) < cost:
            smaller[number] = exact
    return smaller


def _parts(symbols: NDArray[Any]) -> NDArray[Any]:
    """`PARTS` parts of the symbols, end to end; all of them if they are not more than that."""
    if len(symbols) <= PARTS * PART_LENGTH:
        return symbols
    starts = np.linspace(0, len(symbols) - PART_LENGTH, PARTS).astype(np.int64)
    return np.asarray(symbols[(starts[:, None] + np.arange(PART_LENGTH)).reshape(-1)])
