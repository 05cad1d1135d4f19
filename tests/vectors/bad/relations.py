"""Bad files whose columns are wrongly sums, formulas, lookups or interpolated."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from baler_root.format.binary.varint import pack_varint
from tests.vectors.bad.files import ENTRIES, TRUNCATED, bad, page
from tests.vectors.bad.payloads import N, classic_payload, f64, paged, planes

# ---- sums


def total(terms: bytes, outliers: bytes = b"\0") -> bytes:
    """A page of one column that is a sum."""
    return paged(b"\x03" + N + terms + outliers, classic_payload(b""))


bad("sum-empty", "a sum of no columns", "a sum of 0 columns", page(1, total(b"\0")))


bad("sum-many", "a sum of 17 columns", "a sum of 17 columns", page(1, total(b"\x11" + bytes(34))))


bad("sum-sign", "a sign that is none", "a sign of 2", page(1, total(b"\x01\x02\0")))


bad("sum-later", "a sum of a later column", "later column", page(0, total(b"\x01\0\x01")))


bad("sum-of-another-type", "floats as a sum of integers", "not like it", page(1, total(b"\x01\0\0")))


bad(
    "sum-outliers",
    "more outliers than values",
    "9 outliers among 8",
    page(1, total(b"\x01\0\0", b"\x09")),
)


# ---- interpolation


def interpolated(head: bytes, symbols: bytes = bytes(ENTRIES), width: int = 1) -> bytes:
    """A page of one interpolated column."""
    return paged(b"\x06" + N + head + bytes([width]) + b"\0", planes(symbols))


ONE_UNIT = f64(1.0) + b"\1\1\1"


bad(
    "interpolated-integers", "an interpolated column of integers", "of int32", page(0, interpolated(ONE_UNIT))
)


bad("interpolated-step", "a step of 0", "with step 0.0", page(1, interpolated(f64(0.0) + b"\1\1\1")))


bad(
    "interpolated-infinite",
    "a step without end",
    "with step inf",
    page(1, interpolated(f64(np.inf) + b"\1\1\1")),
)


bad(
    "interpolated-rows",
    "rows of a kind that is none",
    "rows of kind 3",
    page(1, interpolated(f64(1.0) + b"\3\1\1")),
)


bad("interpolated-no-units", "no units", "0 units", page(1, interpolated(f64(1.0) + b"\1\0")))


bad(
    "interpolated-many-units",
    "33 units",
    "33 units",
    page(1, interpolated(f64(1.0) + b"\1\x21" + b"\1" * 33)),
)


bad("interpolated-unit", "a unit of 0", "in units of (0,)", page(1, interpolated(f64(1.0) + b"\1\1\0")))


bad(
    "interpolated-wide-unit",
    "a unit above 2^20",
    "in units of (1048577,)",
    page(1, interpolated(f64(1.0) + b"\1\1" + pack_varint((1 << 20) + 1))),
)


bad(
    "interpolated-width", "symbols of 3 bytes", "symbols of 3 bytes", page(1, interpolated(ONE_UNIT, width=3))
)


bad(
    "interpolated-symbol",
    "a symbol above all limits",
    "symbol 18446744073709551615 leads off the lattice",
    page(1, interpolated(ONE_UNIT, b"\xff" * 8 * ENTRIES, width=8)),
)


bad(
    "interpolated-off",
    "points that leave the lattice together",
    "leaves its lattice",
    page(
        1,
        interpolated(
            ONE_UNIT, np.full(ENTRIES, 1 << 52, "<u8").view("u1").reshape(-1, 8).T.tobytes(), width=8
        ),
    ),
)


# ---- formulas


def formula(entry: bytes, symbols: bytes = classic_payload(b"")) -> bytes:
    """A page of one column that is a formula."""
    return paged(b"\x04" + N + entry, symbols)


PLAIN = struct.pack("<dd", 1.0, 0.0)


bad(
    "formula-unknown",
    "a function that is none",
    "unknown function 255",
    page(1, formula(b"\xff" + PLAIN + b"\1\0\0\0")),
)


bad(
    "formula-few",
    "energy of two columns",
    "energy of 2 columns",
    page(1, formula(b"\6" + PLAIN + b"\2\0\0\0\0")),
)


bad(
    "formula-many",
    "an angle of three columns",
    "arctan2 of 3 columns",
    page(1, formula(b"\7" + PLAIN + b"\3\0\0\0\0\0")),
)


bad(
    "formula-none",
    "a formula of nothing",
    "a formula of 0 columns",
    page(1, formula(b"\0" + PLAIN + b"\0\0\0")),
)


bad(
    "formula-infinite",
    "an infinite scale",
    "times inf",
    page(1, formula(b"\0" + struct.pack("<dd", np.inf, 0.0) + b"\1\0\0\0")),
)


bad(
    "formula-constant",
    "a mass that is NaN",
    "with nan",
    page(1, formula(b"\x0a" + PLAIN + f64(np.nan) + b"\1\0\0\0")),
)


for which, about, keys in (
    ("empty", "a mass by a table of no keys", []),
    ("twice", "a table with a key twice", [1, 2, 1, 3]),
    ("nan", "a table with a mass that is NaN", [1, np.nan]),
    ("infinite", "a table with an infinite key", [np.inf, 1]),
    ("large", "a table of 257 keys", [*range(2 * 257)]),
):
    table = pack_varint(len(keys) // 2) + np.array(keys, "<f8").tobytes()
    bad(
        f"formula-table-{which}",
        about,
        f"a table of {len(keys) // 2} keys",
        page(1, formula(b"\x0c" + PLAIN + table + b"\2\0\0\0\0")),
    )


bad(
    "formula-table-alone",
    "a norm of a key alone",
    "norm_by of 1 columns",
    page(1, formula(b"\x0c" + PLAIN + b"\1" + f64(1.0) * 2 + b"\1\0\0\0")),
)


bad("formula-itself", "a formula of itself", "not like it", page(1, formula(b"\0" + PLAIN + b"\1\1\0\0")))


bad("formula-beyond", "a formula of no column", "not there", page(1, formula(b"\0" + PLAIN + b"\1\x7f\0\0")))


bad(
    "formula-drop",
    "more bits dropped than there are",
    "bits dropped",
    page(1, formula(b"\0" + PLAIN + b"\1\0\x63\1\0")),
)


bad(
    "formula-steps",
    "steps of three bytes",
    "steps of 3 bytes",
    page(1, formula(b"\0" + PLAIN + b"\1\0\1\3\0")),
)


# ---- lookups


def looked_up(entry: bytes, outliers: bytes = b"\0") -> Callable[[], bytes]:
    """The good file with its first column, of int32, looked up by others."""
    return page(0, paged(b"\x05" + N + entry + outliers, classic_payload(b"")))


BY_LENGTHS = b"\1\2\2\0\0"
"""One source, the lengths of the lists, with keys 0 and 1."""


bad("lookup-none", "a lookup of no columns", "lookup of no columns", looked_up(b"\0"))


bad("lookup-itself", "a lookup by itself", "not like it", looked_up(b"\1\0\1\0" + bytes(4)))


bad("lookup-beyond", "a lookup by no column", "not there", looked_up(b"\1\x7f\1\0" + bytes(4)))


bad("lookup-keyless", "a source without keys", "lookup of 0 combinations", looked_up(b"\1\2\0"))


bad(
    "lookup-combinations",
    "three sources of 7 keys each",
    "lookup of 343 combinations",
    looked_up(b"\3" + 3 * (b"\2\7" + bytes(7)) + bytes(4 * 343)),
)


bad(
    "lookup-key",
    "a key of 2^63",
    "which no source can be",
    looked_up(b"\1\2\2\0" + pack_varint((1 << 63) - 1)),
)


bad(
    "lookup-cut",
    "a table that ends early",
    "ends early",
    page(0, paged(b"\x05" + N + BY_LENGTHS + bytes(7), b"")),
    TRUNCATED,
)


bad("lookup-by-floats", "a lookup by floats", "looked up by", looked_up(b"\1\1\1\0" + bytes(4)))


bad(
    "lookup-of-floats",
    "floats looked up",
    "a lookup of float64",
    page(1, paged(b"\x05" + N + BY_LENGTHS + bytes(16) + b"\0", classic_payload(b""))),
)


bad(
    "lookup-outliers",
    "more outliers than values",
    "9 outliers among 8",
    looked_up(BY_LENGTHS + bytes(8), b"\x09"),
)
