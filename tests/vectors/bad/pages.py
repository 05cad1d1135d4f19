"""Bad files whose pages are wrong: columns, quantisers, outliers, codings."""

from __future__ import annotations

import struct
from collections.abc import Callable

from baler_root.format.binary.packed import zstd_frame
from baler_root.format.binary.varint import pack_varint
from tests.vectors.bad.files import ENTRIES, TRUNCATED, bad, claiming, page
from tests.vectors.bad.payloads import (
    BOOL,
    FLOAT64,
    INT32,
    OWN,
    ZEROS,
    N,
    classic_payload,
    exact,
    f64,
    paged,
    planes,
    quantiser,
)

HALF = pack_varint(1 << 27)


bad(
    "zstd-bomb",
    "a frame of 16 MB where 40 bytes are due",
    "zstd frame",
    page(0, claiming(40, zstd_frame(bytes(1 << 24)))),
)


bad(
    "zstd-broken",
    "a frame that is none",
    "zstd frame",
    page(0, pack_varint(7 << 1 | 1) + pack_varint(40) + b"\0\xff\xff\xff\xff\xff"),
)


bad("varint-endless", "a varint of eleven bytes", "varint", page(0, b"\xff" * 11))


bad("page-empty", "a page without bytes", "0 left", page(0, b""), TRUNCATED)


bad(
    "column-2-60",
    "a column of 2^60 values",
    "at most 268435456",
    page(0, paged(b"\0" + pack_varint(1 << 60) + b"\0\x03\0", b"")),
)


bad("column-length", "a column longer than its cluster", "8 are due", page(0, exact(INT32, bytes(36), 9)))


bad("column-kind", "an unknown kind of column", "kind of column", page(0, paged(b"\x09" + N, b"")))


bad(
    "boolean-2",
    "a boolean of the byte 2",
    "neither 0 nor 1",
    page(0, exact(BOOL, b"\1\0\2" + bytes(ENTRIES - 3), ENTRIES)),
)


bad(
    "page-too-large",
    "1 GB of symbols in a page",
    "more than 268435456",
    page(2, paged(b"\0" + HALF + b"\0\x07\0\0" + HALF + b"\0\x02\0", b"")),
)


bad(
    "directory-left-over",
    "bytes behind the page directory",
    "left over",
    page(0, paged(OWN + b"\0\x03\0\0", planes(ZEROS))),
)


bad(
    "type-mismatch",
    "a column of floats held as strings of bits of another type",
    "cannot become",
    page(0, exact(FLOAT64, bytes(64), ENTRIES)),
)


bad(
    "copy-forward",
    "a copy of a later column",
    "later column",
    page(0, paged(b"\x01" + N + b"\x01", classic_payload(b""))),
)


bad(
    "copy-itself",
    "a copy of itself",
    "later column",
    page(0, paged(b"\x01" + N + b"\0", classic_payload(b""))),
)


bad(
    "copy-of-floats",
    "integers copied from floats",
    "not like it",
    page(2, paged(b"\x01" + N + b"\x01" + b"\0\x06\0\x02\0", classic_payload(b"\0\0\0"))),
)


bad(
    "copy-of-another-length",
    "a copy longer than its source",
    "not like it",
    page(2, paged(OWN + b"\0\x07\0" + b"\x01" + pack_varint(6) + b"\0", classic_payload(b"\0\1\0\0\0"))),
)


bad(
    "copy-of-a-copy",
    "a copy of a copy",
    "not like it",
    page(2, paged(b"\x01" + N + b"\0" + b"\x01" + N + b"\x02", classic_payload(b""))),
)


bad("recipe-kind", "an unknown recipe", "unknown kind", page(0, quantiser(9, INT32, b"")))


bad("recipe-type", "an unknown type", "unknown dtype", page(0, quantiser(0, 99, b"")))


bad(
    "recipe-nan",
    "a step that is NaN",
    "positive number",
    page(1, quantiser(2, FLOAT64, f64(float("nan")) + b"\0\x01\0")),
)


bad(
    "recipe-range",
    "multiples beyond 2^53",
    "outside",
    page(1, quantiser(2, FLOAT64, f64(1.0) + pack_varint(1 << 60) + b"\x01\0")),
)


bad(
    "recipe-steps",
    "2^40 steps per octave",
    "steps per octave",
    page(1, quantiser(3, FLOAT64, pack_varint(1 << 40) + b"\0\0\x01\0")),
)


bad(
    "recipe-shift",
    "53 bits dropped of 52",
    "bits dropped",
    page(1, quantiser(1, FLOAT64, pack_varint(53) + b"\0\0\x01\0")),
)


bad(
    "recipe-integers",
    "multiples that do not fit an int32",
    "outside",
    page(0, quantiser(2, INT32, struct.pack("<Q", 1 << 30) + b"\0\x09\0")),
)


bad(
    "atoms-2-40",
    "2^40 atoms",
    "2 left",
    page(1, quantiser(2, FLOAT64, f64(1.0) + b"\0\x01" + pack_varint(1 << 40))),
    TRUNCATED,
)


bad(
    "atom-symbol",
    "an atom's symbol out of range",
    "atom symbol",
    page(1, quantiser(2, FLOAT64, f64(1.0) + b"\0\x01\x01\x05" + f64(0.5))),
)


bad(
    "symbol",
    "a symbol out of range",
    "symbol 200",
    page(1, quantiser(2, FLOAT64, f64(1.0) + b"\0\x05\0", b"\0" * 7 + b"\xc8")),
)


bad(
    "symbol-width",
    "symbols of three bytes",
    "symbols of 3 bytes",
    page(1, paged(OWN + b"\x02\x0b" + f64(1.0) + b"\0\x01\0\x03\0", planes(bytes(8)))),
)


bad(
    "outliers-many",
    "more outliers than values",
    "outliers among",
    page(0, exact(INT32, ZEROS, ENTRIES, b"\x09")),
)


bad(
    "outliers-position",
    "an outlier behind the end",
    "positions",
    page(0, exact(INT32, ZEROS, ENTRIES, b"\x01" + struct.pack("<Ii", 8, 5))),
)


bad(
    "outliers-order",
    "two outliers at one position",
    "positions",
    page(0, exact(INT32, ZEROS, ENTRIES, b"\x02" + struct.pack("<IIii", 3, 0, 5, 6))),
)


bad(
    "lattice-nan",
    "a lattice with a NaN step",
    "cannot become",
    page(1, paged(b"\x02" + N + f64(float("nan")) + f64(0.0) + b"\0\x07\0", planes(ZEROS))),
)


# ---- the codec `classic`


def stream(
    entries: bytes, pool: bytes = b"", streams: bytes = b"", dtype: int = INT32
) -> Callable[[], bytes]:
    """The good file whose first page (or second, of floats) has this payload of the codec."""
    return page(
        0 if dtype == INT32 else 1, paged(OWN + bytes([0, dtype, 0]), classic_payload(entries, pool, streams))
    )


bad("stream-code", "an unknown coding", "unknown stream code", stream(b"\x0f"))


bad("stream-transform", "an unknown transform", "unknown stream code", stream(b"\x90"))


bad("pool-short", "a pool that ends too early", "31 left", stream(b"\x01", bytes(31)), TRUNCATED)


bad("pool-left-over", "a pool with bytes left over", "left over", stream(b"\x01", bytes(33)))


bad("streams-left-over", "bytes behind the streams", "left over", stream(b"\x01", ZEROS, b"\0"))


bad(
    "dictionary-position",
    "a position beyond the dictionary",
    "dictionary of 1",
    stream(b"\x31\x01" + bytes(4), bytes(7) + b"\x01"),
)


bad(
    "dictionary-constant",
    "a constant position beyond the dictionary",
    "dictionary of 1",
    stream(b"\x30\x01" + bytes(4) + b"\x07"),
)


bad("dictionary-empty", "a dictionary without values", "dictionary of 0", stream(b"\x31\0", bytes(8)))


bad(
    "bits-padding",
    "one bit too many",
    "padding",
    page(2, paged(OWN + b"\0\x07\0" + b"\0\x06\0\x05\0", classic_payload(b"\0\1\0\0\0\x02", b"\xc0"))),
)


bad(
    "delta-floats",
    "running sums of floats",
    "differences of float64",
    stream(b"\x11", bytes(64), dtype=FLOAT64),
)


bad("pco-broken", "a pco stream that is none", "pco", stream(b"\x03\x06", b"", b"\xff" * 6))


bad("pco-empty", "a pco stream without bytes", "pco", stream(b"\x03\0"))


bad(
    "counts-wrong",
    "counts that add up to more items than there are",
    "do not fit",
    page(2, paged(OWN + b"\0\x07\0" + b"\0\x06\0\x02\0", classic_payload(b"\0\2\0\0\0\0\0\0"))),
)
