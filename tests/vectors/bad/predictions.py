"""Bad files whose columns are wrongly predicted."""

from __future__ import annotations

import struct
from collections.abc import Callable

from baler_root.format.binary.varint import pack_varint
from tests.vectors.bad.files import ENTRIES, bad, page
from tests.vectors.bad.payloads import N, f64, paged, planes

PLAIN = struct.pack("<dd", 1.0, 0.0)
OF_FIRST = b"\0" + PLAIN + b"\1\0"
"""The first column, of int32, as it is."""


LOG = b"\3" + pack_varint(347)
STEPS = b"\1\4\0"
"""Symbols of one byte, at most four steps, no special values."""


def predicted(
    formula: bytes = OF_FIRST,
    grid: bytes = LOG,
    steps: bytes = STEPS,
    symbols: bytes = bytes(ENTRIES),
    group: int = 1,
) -> Callable[[], bytes]:
    """The good file with a column, of float64 unless the group is 0, predicted."""
    return page(group, paged(b"\x07" + N + formula + grid + steps + b"\0", planes(symbols)))


bad("predicted-grid", "a grid of no kind", "unknown kind of grid 4", predicted(grid=b"\4\1"))


bad("predicted-step", "a step of 0", "a linear grid of 0.0", predicted(grid=b"\2" + f64(0.0)))


bad("predicted-integers", "integers on a log grid", "of int32", predicted(b"\0" + PLAIN + b"\1\1", group=0))


bad("predicted-width", "symbols of 3 bytes", "steps of 3 bytes", predicted(steps=b"\3\4\0"))


bad("predicted-far", "2^14 steps", "16384 steps", predicted(steps=b"\1" + pack_varint(1 << 14) + b"\0"))


bad(
    "predicted-factor",
    "steps whose factors are not finite",
    "1023 steps",
    predicted(grid=b"\3\1", steps=b"\1" + pack_varint(1023) + b"\0"),
)


bad(
    "predicted-special",
    "65 special values",
    "65 special values",
    predicted(steps=b"\1\4\x41" + bytes(8 * 65)),
)


bad(
    "predicted-symbol",
    "a symbol above the limit",
    "steps from 0 to 5",
    predicted(symbols=b"\5" + bytes(ENTRIES - 1)),
)


bad(
    "predicted-itself",
    "a column predicted by itself",
    "computed from itself",
    predicted(b"\0" + PLAIN + b"\1\1"),
)


bad(
    "predicted-particles",
    "a mass of seven columns",
    "mass of 7 columns",
    predicted(b"\x19" + PLAIN + b"\7" + bytes(7)),
)


bad(
    "predicted-lists",
    "the sums of lists, with lengths that are no lengths",
    "lengths of lists",
    predicted(b"\x23" + PLAIN + b"\2\0\0"),
)
