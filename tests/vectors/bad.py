"""Files that must be refused, with the error each must give; written by `python -m tests.vectors` as `bad/NAME`.

Each starts from one good file. Where the point is what stands behind a checksum, every checksum is right.
"""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from baler_root.format.binary.packed import pack_bytes, unpack_bytes, zstd_frame
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.format.container.layout import HEAD, TRAILER, BlockKind
from tests.helpers.forge import Forger

ENTRIES = 8
"""Of the good file: tree `Events`, columns i (int32), x (float64) and l (counts, int16), one page each of 1, 1 and 2."""

CORRUPT, TRUNCATED, UNSUPPORTED, UNKNOWN, MISSING = (
    "CorruptFileError", "TruncatedFileError", "UnsupportedFeatureError", "UnknownCodecError", "MissingModelError",
)  # fmt: skip


@dataclass(frozen=True)
class Bad:
    """A file, what is wrong with it, and what must be said."""

    about: str
    error: str
    message: str
    build: Callable[[], bytes]
    suffix: str = ".baler"


BAD: dict[str, Bad] = {}


def bad(name: str, about: str, message: str, build: Callable[[], bytes], error: str = CORRUPT) -> None:
    """Add one file."""
    BAD[f"bad/{name}"] = Bad(about, error, message, build)


def good() -> bytes:
    """The file that the others are made from."""
    with tempfile.TemporaryDirectory() as folder:
        return _good(Path(folder)).read_bytes()


def _good(folder: Path) -> Path:
    from tests.vectors.files import Source, flat, write_trees

    lists = ak.unflatten(np.arange(6, dtype="i2"), [1, 0, 2, 0, 0, 3, 0, 0])
    x = np.random.default_rng(0).normal(size=ENTRIES)
    arrays = {"i": flat(np.arange(ENTRIES) ** 3 - 99, "i4"), "x": ak.Array(x), "l": lists}
    write_trees(folder / "good.baler", Source("Events", arrays, groups=(1, 1, 2)))
    return folder / "good.baler"


def forged(**changes: Any) -> Callable[[], bytes]:
    """The good file with some parts changed and all checksums right."""

    def build() -> bytes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            return Forger(_good(folder)).write(folder / "bad.baler", **changes).read_bytes()

    return build


def edited(change: Callable[[bytearray], Any]) -> Callable[[], bytes]:
    """The good file with bytes changed in place."""

    def build() -> bytes:
        data = bytearray(good())
        out = change(data)
        return bytes(data if out is None else out)

    return build


def flipped(position: int) -> Callable[[], bytes]:
    """The good file with one bit flipped at a byte (negative: from the end)."""

    def change(data: bytearray) -> None:
        data[position] ^= 4

    return edited(change)


def tree(key: str, value: Any) -> Callable[[], bytes]:
    """The good file with another value in its tree's entry of the manifest."""
    return forged(manifest=lambda document: document["trees"][0].update({key: value}))


def page(group: int, payload: bytes) -> Callable[[], bytes]:
    """The good file with another payload of one page."""
    return forged(page=lambda place, old: payload if place.group == group else old)


# ---- damage


def _footer(data: bytes | bytearray) -> int:
    """Where the footer begins."""
    return int(struct.unpack_from("<Q", data, len(data) - TRAILER.size)[0])


bad("truncated-empty", "no bytes at all", "not a .baler file", lambda: b"")
bad("truncated-head", "ends inside the head", "not a .baler file", lambda: good()[:10])
bad("truncated-after-head", "only the head is left", "too few", lambda: good()[: HEAD.size], TRUNCATED)
bad("truncated-pages", "ends inside the pages", "truncated", lambda: good()[:200], TRUNCATED)
bad(
    "truncated-footer",
    "ends inside the footer",
    "truncated",
    lambda: good()[: _footer(good()) + 50],
    TRUNCATED,
)
bad("truncated-last-byte", "the last byte is missing", "truncated", lambda: good()[:-1], TRUNCATED)
bad(
    "lengthened",
    "a trailer behind a file that is too long for it",
    "were written",
    lambda: good()[:100] + good()[99:],
    TRUNCATED,
)
bad("flip-head-version", "a bit of the head's major version", "newer", flipped(8), UNSUPPORTED)
bad("flip-head-zero", "a bit of the head's zero field", "head of the file is damaged", flipped(13))
bad(
    "flip-page-header",
    "a bit in the header of the first block",
    "no valid block header",
    flipped(HEAD.size + 6),
)
bad("flip-page-payload", "a bit in the first page", "checksum", flipped(HEAD.size + 40))
bad(
    "flip-footer",
    "a bit in the footer",
    "checksum",
    edited(lambda data: data.__setitem__(_footer(data) + 60, data[_footer(data) + 60] ^ 4)),
)
bad("flip-trailer", "a bit in the trailer", "trailer's checksum", flipped(-60))
bad("flip-tail-magic", "a bit in the last magic", "no .baler trailer", flipped(-3), TRUNCATED)
bad("text-mode", "line endings converted", "mangled", lambda: good().replace(b"\r\n", b"\n"))
bad("other-format", "another kind of file", "not a .baler file", lambda: b"root" + bytes(200))

# ---- files from the future


def _trailer(offset: int, layout: str, value: int) -> Callable[[], bytes]:
    return forged(trailer=lambda trailer: struct.pack_into(layout, trailer, offset, value))


bad(
    "future-version",
    "major version 2 in the trailer",
    "format version 2.0 is newer",
    _trailer(48, "<H", 2),
    UNSUPPORTED,
)
bad(
    "critical-feature",
    "critical feature bit 3",
    "critical feature bit(s) 3",
    _trailer(40, "<I", 8),
    UNSUPPORTED,
)
bad(
    "unknown-codec",
    "pages of a codec that nobody has",
    "nonesuch",
    forged(manifest=lambda d: d.update(codecs=["nonesuch"])),
    UNKNOWN,
)
bad(
    "unknown-codec-number",
    "no codec in the manifest",
    "unknown codec number 0",
    forged(manifest=lambda d: d.update(codecs=[])),
)

# ---- container


def _table(row: int, field: int, change: Callable[[int], int]) -> Callable[[], bytes]:
    def edit(table: bytes) -> bytes:
        rows = np.frombuffer(table, "<u8").reshape(-1, 5).copy()
        rows[row, field] = change(int(rows[row, field]))
        return rows.tobytes()

    return forged(table=edit)


def _claiming(length: int, frame: bytes) -> bytes:
    """Packed bytes that say that a frame holds this many."""
    body = pack_varint(length) + frame
    return pack_varint(len(body) << 1 | 1) + body


def _swap(table: bytes) -> bytes:
    return table[40:80] + table[:40] + table[80:]


bad("footer-outside", "a footer before the file", "outside the file", _trailer(0, "<Q", 1))
bad("overlap", "two pages share bytes", "overlap or leave a hole", _table(1, 0, lambda offset: offset - 8))
bad("hole", "bytes that belong to no block", "overlap or leave a hole", _table(0, 1, lambda size: size - 8))
bad("page-size", "a page of 2^60 bytes", "overlap or leave a hole", _table(2, 1, lambda _: 1 << 60))
bad("swapped-pages", "rows of the page table swapped", "another block", forged(table=_swap))
bad("missing-row", "one row of the page table is missing", "rows", forged(table=lambda table: table[40:]))
bad("odd-table", "a page table of no whole rows", "page table of", forged(table=lambda table: table[:-8]))

# ---- manifest

bad(
    "duplicate-key",
    "a key twice in the JSON",
    "twice",
    forged(text=lambda t: t.replace(b'"codecs":', b'"blocks":[],"codecs":')),
)
bad("nan", "NaN in the JSON", "not allowed", forged(text=lambda t: t.replace(b'"cycle":1', b'"cycle":NaN')))
bad("no-json", "text that is no JSON", "manifest is not valid", forged(text=lambda t: t[:-1]))
bad(
    "no-utf8",
    "text that is no UTF-8",
    "manifest is not valid",
    forged(text=lambda t: t.replace(b"Events", b"Ev\xffnts")),
)
bad("missing-key", "no list of trees", "manifest is not valid", forged(manifest=lambda d: d.pop("trees")))
bad("float-count", "1.5 entries", "count expected", tree("entries", 1.5))
bad(
    "entries-2-60",
    "2^60 entries in one cluster",
    "1 to 268435456 entries",
    forged(manifest=lambda d: d["trees"][0].update(entries=1 << 60, clusters=[1 << 60])),
)
bad("clusters-sum", "clusters that do not add up", "clusters of", tree("clusters", [ENTRIES - 1]))
bad("layout-columns", "a layout with too many columns", "layout does not have", tree("layouts", [[1, 1, 3]]))
bad("layout-unknown", "a cluster of a layout that is not there", "no layout", tree("layout", [[1, 1]]))
bad("titles-missing", "fewer titles than branches", "manifest is not valid", tree("titles", [""]))
bad("parent-later", "a branch before its parent", "before its parent", tree("parents", [1, -1, -1]))
bad(
    "unknown-form",
    "a form of an unknown class",
    "HyperArray",
    forged(manifest=lambda d: d["trees"][0]["forms"].update(of=[{"class": "HyperArray"}] * 3)),
)
bad(
    "same-as-itself",
    "a tree that repeats itself",
    "repeats tree 0",
    forged(
        manifest=lambda d: d["trees"][0].update(
            same_as=0, clusters=[], layouts=[], layout=[], lists=[], tables=[]
        ),
        table=lambda _: b"",
    ),
)
bad(
    "manifest-bomb",
    "2^40 bytes of JSON in a few bytes",
    "claim to hold",
    forged(
        packed=lambda _: _claiming(1 << 40, zstd_frame(b"{}")),
    ),
)
bad(
    "manifest-left-over",
    "bytes behind the manifest",
    "left over",
    forged(packed=lambda packed: packed + b"\0"),
)

# ---- pages


def exact(dtype: int, values: bytes, count: int, outliers: bytes = b"\0") -> bytes:
    """A page of one exact column, held as constant bytes in the stream directory or as planes."""
    return _paged(b"\0" + pack_varint(count) + bytes([0, dtype]) + outliers, _planes(values))


def _paged(directory: bytes, symbols: bytes) -> bytes:
    return pack_bytes(directory) + symbols


def _classic(entries: bytes, pool: bytes = b"", streams: bytes = b"") -> bytes:
    return pack_bytes(pack_varint(len(entries)) + entries + pool) + streams


def _planes(pool: bytes) -> bytes:
    return _classic(b"\x01", pool)


BOOL, INT32, UINT32, FLOAT64 = 0, 3, 7, 11
N = pack_varint(ENTRIES)
ZEROS = bytes(4 * ENTRIES)
OWN = b"\0" + N


def quantiser(kind: int, dtype: int, rest: bytes, symbols: bytes = bytes(ENTRIES)) -> bytes:
    """A page of one column with a recipe and symbols of one byte."""
    return _paged(OWN + bytes([kind, dtype]) + rest + b"\x01\0", _planes(symbols))


def f64(value: float) -> bytes:
    return struct.pack("<d", value)


HALF = pack_varint(1 << 27)
bad(
    "zstd-bomb",
    "a frame of 16 MB where 40 bytes are due",
    "zstd frame",
    page(0, _claiming(40, zstd_frame(bytes(1 << 24)))),
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
    page(0, _paged(b"\0" + pack_varint(1 << 60) + b"\0\x03\0", b"")),
)
bad("column-length", "a column longer than its cluster", "8 are due", page(0, exact(INT32, bytes(36), 9)))
bad("column-kind", "an unknown kind of column", "kind of column", page(0, _paged(b"\x09" + N, b"")))
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
    page(2, _paged(b"\0" + HALF + b"\0\x07\0\0" + HALF + b"\0\x02\0", b"")),
)
bad(
    "directory-left-over",
    "bytes behind the page directory",
    "left over",
    page(0, _paged(OWN + b"\0\x03\0\0", _planes(ZEROS))),
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
    page(0, _paged(b"\x01" + N + b"\x01", _classic(b""))),
)
bad("copy-itself", "a copy of itself", "later column", page(0, _paged(b"\x01" + N + b"\0", _classic(b""))))
bad(
    "copy-of-floats",
    "integers copied from floats",
    "not like it",
    page(2, _paged(b"\x01" + N + b"\x01" + b"\0\x06\0\x02\0", _classic(b"\0\0\0"))),
)
bad(
    "copy-of-another-length",
    "a copy longer than its source",
    "not like it",
    page(2, _paged(OWN + b"\0\x07\0" + b"\x01" + pack_varint(6) + b"\0", _classic(b"\0\1\0\0\0"))),
)
bad(
    "copy-of-a-copy",
    "a copy of a copy",
    "not like it",
    page(2, _paged(b"\x01" + N + b"\0" + b"\x01" + N + b"\x02", _classic(b""))),
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
    page(1, _paged(OWN + b"\x02\x0b" + f64(1.0) + b"\0\x01\0\x03\0", _planes(bytes(8)))),
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
    page(1, _paged(b"\x02" + N + f64(float("nan")) + f64(0.0) + b"\0\x07\0", _planes(ZEROS))),
)

# ---- the codec `classic`


def stream(
    entries: bytes, pool: bytes = b"", streams: bytes = b"", dtype: int = INT32
) -> Callable[[], bytes]:
    """The good file whose first page (or second, of floats) has this payload of the codec."""
    return page(
        0 if dtype == INT32 else 1, _paged(OWN + bytes([0, dtype, 0]), _classic(entries, pool, streams))
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
    page(2, _paged(OWN + b"\0\x07\0" + b"\0\x06\0\x05\0", _classic(b"\0\1\0\0\0\x02", b"\xc0"))),
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
    page(2, _paged(OWN + b"\0\x07\0" + b"\0\x06\0\x02\0", _classic(b"\0\2\0\0\0\0\0\0"))),
)

# ---- sums


def total(terms: bytes, outliers: bytes = b"\0") -> bytes:
    """A page of one column that is a sum."""
    return _paged(b"\x03" + N + terms + outliers, _classic(b""))


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
    return _paged(b"\x06" + N + head + bytes([width]) + b"\0", _planes(symbols))


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


def formula(entry: bytes, symbols: bytes = _classic(b"")) -> bytes:
    """A page of one column that is a formula."""
    return _paged(b"\x04" + N + entry, symbols)


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
    return page(0, _paged(b"\x05" + N + entry + outliers, _classic(b"")))


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
    page(0, _paged(b"\x05" + N + BY_LENGTHS + bytes(7), b"")),
    TRUNCATED,
)
bad("lookup-by-floats", "a lookup by floats", "looked up by", looked_up(b"\1\1\1\0" + bytes(4)))
bad(
    "lookup-of-floats",
    "floats looked up",
    "a lookup of float64",
    page(1, _paged(b"\x05" + N + BY_LENGTHS + bytes(16) + b"\0", _classic(b""))),
)
bad(
    "lookup-outliers",
    "more outliers than values",
    "9 outliers among 8",
    looked_up(BY_LENGTHS + bytes(8), b"\x09"),
)

# ---- the codec `conditional`


def modelled(change: Callable[[bytes, bytes], bytes], golden: str = "conditional") -> Callable[[], bytes]:
    """A golden file with a model whose first page is changed, given its payload and the model's name."""

    def build() -> bytes:
        from tests.vectors.files import GOOD

        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "good.baler"
            GOOD[golden](path)
            forger = Forger(path)
            model = next(payload for kind, _, payload in forger.blocks if kind == BlockKind.MODEL)
            digest = hashlib.sha256(model).digest()[:8]
            return forger.build(page=lambda place, old: change(old, digest) if place.cluster == 0 else old)

    return build


bad(
    "model-unknown",
    "a page whose model is not there",
    "the model 0000000000000000 is not in the file",
    modelled(lambda payload, name: payload.replace(name, bytes(8))),
)
bad(
    "model-page-kind",
    "a page that is neither with nor without a model",
    "unknown kind 9",
    modelled(lambda payload, name: payload.replace(b"\1" + name, b"\x09" + name)),
)
bad(
    "model-column",
    "a column that the model does not have",
    "of a model of 6",
    modelled(lambda payload, name: payload.replace(name + b"\x06", name + b"\x7e")),
)
bad(
    "model-stream-cut",
    "a stream without its last byte",
    "left",
    modelled(lambda payload, _: payload[:-1]),
    TRUNCATED,
)
bad(
    "model-stream-word",
    "a stream with another last word",
    "stream of symbols",
    modelled(lambda payload, _: payload[:-4] + bytes(4)),
)


# ---- histograms


def remodelled(change: Callable[[list[dict[str, Any]], list[Any]], object]) -> Callable[[], bytes]:
    """The golden file `histograms` with another model, given its columns and arrays, whose name the pages know."""

    def build() -> bytes:
        from tests.vectors.files import histograms

        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "good.baler"
            histograms(path)
            forger = Forger(path)
        at = next(at for at, (kind, *_) in enumerate(forger.blocks) if kind == BlockKind.MODEL)
        kind, tree, model = forger.blocks[at]
        cursor = Cursor(model)
        document, quantisers = json.loads(bytes(unpack_bytes(cursor, 1 << 20))), unpack_bytes(cursor, 1 << 20)
        dtypes = [np.uint32] * 2 * len(document["columns"]) + [np.int8, np.int32, np.uint32, np.uint8]
        specs = [SymbolSpec(np.dtype(t), n) for t, n in zip(dtypes, document["lengths"], strict=True)]
        arrays = list(Classic().decode(cursor.rest(), specs).values())
        change(document["columns"], arrays)
        document["lengths"] = [len(array) for array in arrays]
        payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
        changed = pack_bytes(json.dumps(document).encode()) + pack_bytes(bytes(quantisers)) + payload
        forger.blocks[at] = (kind, tree, changed)
        old, new = (hashlib.sha256(data).digest()[:8] for data in (model, changed))
        return forger.build(page=lambda _, payload: payload.replace(old, new))

    return build


def other_array(
    number: int, change: Callable[[Any], Any]
) -> Callable[[list[dict[str, Any]], list[Any]], None]:
    """Replaces an array of a model."""

    def replace(_: list[dict[str, Any]], arrays: list[Any]) -> None:
        arrays[number] = change(arrays[number])

    return replace


bad(
    "histogram-cuts",
    "cuts of a parent that do not increase",
    "cuts between buckets do not increase",
    remodelled(lambda columns, _: columns[1].update(cuts=[[5, -5]])),
)
bad(
    "histogram-cut-far",
    "a cut beyond all codes",
    "cuts between buckets do not increase",
    remodelled(lambda columns, _: columns[1].update(cuts=[[2048]])),
)
bad(
    "histogram-parents",
    "cuts of two parents where there is one",
    "not those that are cut",
    remodelled(lambda columns, _: columns[1].update(cuts=[*columns[1]["cuts"], []])),
)
bad(
    "histogram-cells-order",
    "two cells that begin at one place",
    "cells of a histogram do not increase",
    remodelled(other_array(-2, lambda steps: steps * (np.arange(len(steps)) != 1))),
)
bad(
    "histogram-cells-far",
    "a cell beyond the axis",
    "cells of a histogram do not increase",
    remodelled(other_array(-2, lambda steps: steps + (steps > 0) * np.uint32(1 << 20))),
)
bad(
    "histogram-cells-2-40",
    "more cells than may be",
    "a count up to 256",
    remodelled(lambda columns, _: columns[0].update(cells=1 << 40)),
)
bad(
    "histogram-contexts",
    "more contexts than may be",
    "a count up to 262144",
    remodelled(lambda columns, _: columns[5].update(cuts=[list(range(4000))] * 3)),
)
bad(
    "histogram-roots",
    "fewer roots than contexts and cells",
    "too short",
    remodelled(other_array(-1, lambda roots: roots[:-1])),
)
bad(
    "histogram-roots-more",
    "more roots than contexts and cells",
    "too long",
    remodelled(other_array(-1, lambda roots: np.append(roots, roots[:1]))),
)
bad(
    "histogram-stream-word",
    "a stream with another last word",
    "stream of symbols",
    modelled(lambda payload, _: payload[:-4] + bytes(4), "histograms"),
)


# ---- lists


def listed(old: bytes, new: bytes) -> Callable[[], bytes]:
    """A file with lists, in the last page of which other bytes stand behind the name of the model."""

    def build() -> bytes:
        from tests.helpers.models import list_model
        from tests.vectors.files import Source, flat, write_trees

        # Columns: 0 met, 1 x, 2 the lengths of a, 3 a, 4 y. Each list has one item, so that x passes for items: then the
        # page of x leans on others, too.
        met, x, a, y = (flat(values, "u1") for values in np.random.default_rng(0).integers(0, 9, (4, 40)))
        made = [
            lambda plan, columns, group=group: list_model(
                plan, columns, group=group, lists=2, entries=(0,), items={group: (0, 2)}, seed=group
            )
            for group in (1, 3)
        ]
        arrays = {"met": met, "x": x, "a": ak.unflatten(a, [1] * 40), "y": y}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "good.baler"
            write_trees(path, Source("Events", arrays, groups=(1, 1, 1, 2), made=tuple(made)))
            forger = Forger(path)
        name = hashlib.sha256(forger.blocks[1][2]).digest()[:8]
        return forger.build(page=lambda _, payload: payload.replace(name + old, name + new))

    return build


# Column 2 has the lengths, column 2 of the model is column 0, and the first code is that of column 3 of the model.
for name, about, message, change in (
    ("far", "lengths of lists in a column that is not there", "needs column 126", b"\x7e\1\2\0\x08"),
    ("items", "lengths of lists in a column of items", "needs column 3", b"\3\1\2\0\x08"),
    ("lengths", "lengths of lists that do not add up to the items", "items together", b"\0\1\2\0\x08"),
    ("pair-items", "items as a column of the entries", "needs column 3", b"\2\1\2\3\x08"),
    ("pair-inside", "a column of the page itself as one around it", "needs column 4", b"\2\1\2\4\x08"),
    ("pair-leaning", "a column that leans on others itself", "needs column 1", b"\2\1\2\1\x08"),
    ("pair-twice", "two columns for one of the model", "two columns", b"\2\2\2\0\2\1\x08"),
    ("pair-missing", "a parent that is nowhere", "not in the page", b"\2\0\x08"),
    ("pair-kind", "a column of the page, to the model, as one around it", "or the reverse", b"\2\2\2\0\3\0\x08"),
    ("pairs-2-40", "2^40 pairs", "leans on 1099511627776", b"\2" + pack_varint(1 << 40) + b"\2\0\x08"),
    ("inside", "a column around the page, to the model, in it", "or the reverse", b"\2\0\6"),
):  # fmt: skip
    bad(f"lists-{name}", about, message, listed(b"\2\1\2\0\x08", change))
bad(
    "lists-kind",
    "a column of an unknown kind",
    "of the kind 'neighbour'",
    remodelled(lambda columns, _: columns[0].update(kind="neighbour")),
)
bad(
    "lists-kind-parents",
    "a column of the entries that depends on others",
    "of the kind 'entry'",
    remodelled(lambda columns, _: columns[1].update(kind="entry")),
)
bad(
    "lists-no-lists",
    "a column that sees the item before, in a page without lists",
    "not in the page",
    remodelled(lambda columns, _: columns[4].update(parents=[4])),
)
bad(
    "lists-histograms",
    "histograms of what the item before has",
    "a count up to 0",
    remodelled(lambda columns, _: columns[1].update(parents=[1])),
)


# ---- codecs with latents


@dataclass
class Latents:
    """The payload of a page with latents, taken apart."""

    kind: int
    model: bytes
    rows: int
    codes: list[int]
    latents: bytes
    anomalies: bytes
    missed: bytes
    low_bits: bytes
    rest: bytes
    streams: dict[int, bytes]
    """By column."""

    @classmethod
    def of(cls, data: bytes, columns: int) -> Latents:
        """A payload with so many columns."""
        cursor = Cursor(data)
        kind, model, rows = cursor.byte(), bytes(cursor.take(8)), cursor.varint()
        codes, sizes = [], {}
        for at in range(columns):
            codes.append(cursor.varint())
            if codes[-1]:
                sizes[at] = cursor.varint()
        parts = [bytes(cursor.take(cursor.varint())) for _ in range(5)]
        return cls(kind, model, rows, codes, *parts, {at: bytes(cursor.take(n)) for at, n in sizes.items()})

    def packed(self) -> bytes:
        """The payload again."""
        out = bytes([self.kind]) + self.model + pack_varint(self.rows)
        for at, code in enumerate(self.codes):
            out += pack_varint(code)
            if code:
                out += pack_varint(len(self.streams.get(at, b"")))
        for part in (self.latents, self.anomalies, self.missed, self.low_bits, self.rest):
            out += pack_varint(len(part)) + part
        return out + b"".join(stream for at, stream in sorted(self.streams.items()) if self.codes[at])


def _with_latents(alone: bool = False) -> Forger:
    """A file with latents; `alone`: without streams. Of its columns the model does not know the second."""
    from tests.helpers.models import coding_of, following, latents_from, random_autoencoder
    from tests.vectors.files import flat, latent_tree

    n = np.arange(24) % 5
    floats = np.random.default_rng(1).normal(size=24)
    arrays = {"n": flat(n, "u1"), "w": flat(np.pi * n, "f8")}
    arrays |= {} if alone else {"half": flat(floats, "f2"), "double": flat(floats, "f8")}
    arrays |= {"pair": flat(np.stack([n, n[::-1]], axis=1), "i2"), "flag": flat(n > 2, "?")}

    def make(columns: list[Any], symbols: list[Any]) -> Any:
        if alone:
            return following([0, 0, 0, 0], "none", columns)
        model = random_autoencoder(columns, components=1)
        latents = latents_from(model, symbols)
        anomaly = OutlierDetector.fit(latents, 0.1, 1, seed=0)
        return replace(model, anomaly=anomaly, coding=coding_of(latents).to_bytes(), coded=(0, 1))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.baler"
        latent_tree(path, arrays, {}, [at for at in range(len(arrays)) if at != 1], make)
        return Forger(path)


def latent_page(
    change: Callable[[Latents], object], alone: bool = False, end: bytes = b""
) -> Callable[[], bytes]:
    """That file with something changed in its page, and something put at the end of it."""

    def build() -> bytes:
        forger = _with_latents(alone)
        columns = len(forger.document["trees"][0]["names"])

        def changed(_: Any, old: bytes) -> bytes:
            cursor = Cursor(old)
            unpack_bytes(cursor, 1 << 20)
            page = Latents.of(bytes(cursor.data[cursor.at :]), columns)
            change(page)
            return old[: cursor.at] + page.packed() + end

        return forger.build(page=changed)

    return build


def latent_model(
    change: Callable[[dict[str, Any], list[Any]], object],
    coding: Callable[[bytes], bytes] = lambda coding: coding,
) -> Callable[[], bytes]:
    """The same with another model, given its text and arrays, whose name the page knows."""

    def build() -> bytes:
        forger = _with_latents()
        cursor = Cursor(forger.blocks[0][2])
        text, quantisers, inner = (bytes(unpack_bytes(cursor, 1 << 20)) for _ in range(3))
        document = json.loads(text)
        dtypes = [np.uint32] * 2 * len(document["columns"]) + [np.int8, np.int32] * 2 + [np.float32]
        specs = [SymbolSpec(np.dtype(t), n) for t, n in zip(dtypes, document["lengths"], strict=True)]
        arrays = list(Classic().decode(cursor.rest(), specs).values())
        change(document, arrays)
        document["lengths"] = [len(array) for array in arrays]
        payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
        data = b"".join(map(pack_bytes, (json.dumps(document).encode(), quantisers, coding(inner)))) + payload
        return _renamed(forger, data)

    return build


def _renamed(forger: Forger, model: bytes) -> bytes:
    """The file with another model, under whose name the page knows it."""
    kind, tree, before = forger.blocks[0]
    forger.blocks[0] = (kind, tree, model)
    old, new = (hashlib.sha256(data).digest()[:8] for data in (before, model))
    return forger.build(page=lambda _, payload: payload.replace(old, new))


def _columns(count: int, columns: list[Any]) -> bytes:
    """Rows by themselves."""
    payload, _ = Classic().encode(columns, [SymbolSpec(column.dtype, len(column)) for column in columns])
    return pack_varint(count) + payload


def _rows(gaps: list[int], place: int = 0) -> bytes:
    """Rows by themselves of a file whose latents stand alone, all values at one place."""
    places = [np.full(len(gaps) * values, place, np.uint32) for values in (1, 2, 1)]
    return _columns(len(gaps), [np.array(gaps, np.uint32), *places])


def _other_model() -> bytes:
    """A model for the codec `conditional`."""
    from tests.helpers.models import random_model

    return random_model([("n", b"", np.arange(5))], [()]).to_bytes()


def _swap_codes(page: Latents, one: int, other: int) -> None:
    page.codes[one], page.codes[other] = page.codes[other], page.codes[one]


for name, about, message, change, alone in (
    ("kind", "a page of an unknown kind", "unknown kind 9", lambda page: setattr(page, "kind", 9), False),
    ("model", "a page whose model is not there", "the model 0000000000000000 is not in the file",
     lambda page: setattr(page, "model", bytes(8)), False),
    ("column", "a column that the model does not have", "column 98 of a model of 5",
     lambda page: page.codes.__setitem__(0, 99), False),
    ("twice", "two columns that are one of the model", "two columns are column 0",
     lambda page: page.codes.__setitem__(1, 1), False),
    ("none", "latents of no column", "latents of no column",
     lambda page: page.codes.__setitem__(slice(None), [0] * 6), False),
    ("rows-2-60", "2^60 rows", "a column of 24 values in 1152921504606846976 rows",
     lambda page: setattr(page, "rows", 1 << 60), False),
    ("each", "a number where the model has arrays", "24 values where the model has 2 in a row",
     lambda page: _swap_codes(page, 0, 4), False),
    ("type", "integers where the model has floats", "an axis of uint8 symbols without 4 bits",
     lambda page: _swap_codes(page, 0, 2), False),
    ("floats", "floats where the model has integers", "an axis of float64 symbols",
     lambda page: _swap_codes(page, 0, 1), False),
    ("drop", "more bits left out than there are", "an axis of float16 symbols without 47 bits",
     lambda page: _swap_codes(page, 2, 3), False),
    ("outside", "latents that depend on other pages", "depend on other pages",
     lambda page: setattr(page, "latents", b"\2" + page.latents[1:]), False),
    ("far", "a latent of 2048", "latents from 2048 to 2048",
     lambda page: setattr(page, "latents", b"\0" + _classic(b"\0\0\x08" * 2)), False),
    ("coding", "latents coded with another model", "is not in the file",
     lambda page: setattr(page, "latents", b"\1" + bytes(8) + b"\2\0\4\0\2\2\0"), False),
    ("missed", "rows by themselves beside streams", "rows stored by themselves beside streams",
     lambda page: setattr(page, "missed", b"\1"), False),
    ("stream-word", "a stream with another last word", "stream of symbols",
     lambda page: page.streams.update({0: page.streams[0][:-4] + bytes(4)}), False),
    ("stream-more", "a stream with a block too many", "left over after the last block",
     lambda page: page.streams.update({0: page.streams[0] + b"\0"}), False),
    ("low-far", "low bits that are more than are left out", "4 low bits are 16",
     lambda page: setattr(page, "low_bits", _classic(b"\0\x10\0" + bytes(8))), False),
    ("streams", "streams where the latents stand alone", "streams of a model whose latents stand alone",
     lambda page: page.streams.update({0: b"\0"}), True),
    ("low-none", "low bits of no column", "left over",
     lambda page: setattr(page, "low_bits", _classic(b"\0\0")), True),
    ("missed-order", "a row by itself twice", "do not increase",
     lambda page: setattr(page, "missed", _rows([3, 0])), True),
    ("missed-far", "a row by itself behind the end", "do not increase",
     lambda page: setattr(page, "missed", _rows([3, 21])), True),
    ("missed-2-60", "more rows by themselves than there are", "1152921504606846976 rows stored by themselves",
     lambda page: setattr(page, "missed", pack_varint(1 << 60) + page.missed[1:]), True),
    ("missed-place", "a value beyond the axis", "place 5 of an axis of 5",
     lambda page: setattr(page, "missed", _rows([3, 9], 5)), True),
):  # fmt: skip
    bad(f"latents-{name}", about, message, latent_page(change, alone))
bad("latents-left-over", "bytes behind the streams", "left over", latent_page(lambda _: None, end=b"\0"))
bad(
    "latents-cut",
    "a stream that is longer than what is left",
    "left",
    latent_page(lambda page: page.streams.update({5: page.streams[5][:-1]})),
    TRUNCATED,
)
bad(
    "latents-other-model",
    "a page whose model is one for another codec",
    "a model of the format 'baler-root conditional model 1'",
    lambda: _renamed(_with_latents(), _other_model()),
)

for name, about, message, change in (
    ("format", "a model of a later format", "of the format 'baler-root autoencoder model 2'",
     lambda text, _: text.update(format="baler-root autoencoder model 2")),
    ("residual", "a residual of an unknown kind", "a residual of the kind 'some'",
     lambda text, _: text.update(residual="some")),
    ("components", "no components", "0 components", lambda text, _: text.update(components=0)),
    ("components-many", "17 components", "17 components",
     lambda text, _: text.update(components=17)),
    ("drop", "a boolean for a number of bits", "an integer expected, not True",
     lambda text, _: text["columns"][0].update(dropped_bits=True)),
    ("drop-64", "64 bits left out", "a count up to 63", lambda text, _: text["columns"][0].update(dropped_bits=64)),
    ("each", "a column without values", "a column without values",
     lambda text, _: text["columns"][0].update(each=0)),
    ("each-2-40", "2^40 values in a row", "a count up to 1048576",
     lambda text, _: text["columns"][0].update(each=1 << 40)),
    ("low", "half a symbol", "an integer expected, not 0.5", lambda text, _: text["columns"][0].update(low=0.5)),
    ("latents", "two latents that are one column of their model", "not each one of the 2 columns",
     lambda text, _: text.update(latents=[0, 0])),
    ("latents-far", "a latent that its model does not have", "not each one of the 2 columns",
     lambda text, _: text.update(latents=[0, 2])),
    ("latents-more", "more latents than the encoder makes", "different latents",
     lambda text, arrays: (text.update(latents=[0, 1, None]), text.pop("clusters"), arrays.pop(),
                           arrays.__setitem__(-2, np.insert(arrays[-2], 0, [0] * 8)))),
    ("operation", "an operation with more than it needs", "says more than is known",
     lambda text, _: text["decoder"][0].update(more=1)),
    ("weights", "a weight too many", "too long",
     lambda _, arrays: arrays.__setitem__(-3, np.append(arrays[-3], arrays[-3][:1]))),
    ("biases", "a bias too few", "too short", lambda _, arrays: arrays.__setitem__(-2, arrays[-2][:-1])),
    ("threshold", "a threshold that is NaN", "not told by finite numbers",
     lambda _, arrays: arrays[-1].__setitem__(0, np.nan)),
    ("clusters", "more clusters than are there", "3 clusters of 2 latents",
     lambda text, _: text.update(clusters=3)),
    ("clusters-none", "no clusters that tell anomalies", "0 clusters of 2 latents",
     lambda text, _: text.update(clusters=0)),
):  # fmt: skip
    bad(f"latent-model-{name}", about, message, latent_model(change))
bad(
    "latent-model-coding",
    "a model of the latents that is none",
    "the model is not valid",
    latent_model(lambda *_: None, coding=lambda coding: coding[:-1]),
)
bad(
    "latent-model-pattern",
    "an axis beyond all floats",
    "a pattern beyond those of float16",
    latent_model(lambda text, _: text["columns"][1].update(low=1 << 20)),
)


# ---- models in other files


def _detached(suffix: str, change: Callable[[Forger], bytes]) -> Callable[[], bytes]:
    """One of the golden files `detached`, changed."""

    def build() -> bytes:
        from tests.vectors.files import detached

        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "good.baler"
            detached(path)
            return change(Forger(path.with_suffix(suffix)))

    return build


def _entry(change: Callable[[dict[str, Any]], Any]) -> Callable[[Forger], bytes]:
    """Another entry in `models` of the manifest."""
    return lambda forger: forger.build(manifest=lambda document: change(document["models"][0]))


def _retold(change: Callable[[dict[str, Any]], Any]) -> Callable[[Forger], bytes]:
    """Another text of the model, under its right name."""

    def forge(forger: Forger) -> bytes:
        ((kind, number, payload),) = forger.blocks
        cursor = Cursor(payload)
        document = json.loads(bytes(unpack_bytes(cursor, 1 << 28)))
        change(document)
        data = pack_bytes(json.dumps(document).encode()) + bytes(cursor.rest())
        forger.blocks = [(kind, number, data)]
        name = hashlib.sha256(data).hexdigest()
        return forger.build(manifest=lambda manifest: manifest["models"][0].update(sha256=name))

    return forge


def bad_model(
    name: str, about: str, message: str, change: Callable[[Forger], bytes], error: str = CORRUPT
) -> None:
    """Add a model file."""
    BAD[f"bad/{name}"] = Bad(about, error, message, _detached(".balermodel", change), ".balermodel")


bad(
    "model-missing",
    "a model in another file, which is not there",
    "needs the model",
    _detached(".baler", lambda forger: forger.build()),
    MISSING,
)
bad(
    "model-reference",
    "a model in another file, named by no SHA-256",
    "a SHA-256 expected",
    _detached(".baler", lambda f: f.build(manifest=lambda d: d["detached"][0].__setitem__(0, "../up"))),
)
bad_model("models-none", "a model file that says nothing of its models", "no models for other files",
    lambda forger: forger.build(manifest=lambda document: document.pop("models")))  # fmt: skip
bad_model(
    "models-number",
    "more models described than there are",
    "1 models, but 2 are described",
    lambda forger: forger.build(manifest=lambda document: document.update(models=document["models"] * 2)),
)
bad_model("models-digest", "another model than is described", "as the manifest says",
    _entry(lambda entry: entry.update(sha256="0" * 64)))  # fmt: skip
bad_model("models-columns", "fewer columns named than the model knows", "2 columns, 1 are named",
    _entry(lambda entry: entry["columns"].pop()))  # fmt: skip
bad_model("models-names", "a column named by a number", "6 texts expected",
    _entry(lambda entry: entry["columns"][0].__setitem__(0, 7)))  # fmt: skip
bad_model("models-format", "a model of another format", "of the format",
    _retold(lambda model: model.update(format="baler-root conditional model 0")))  # fmt: skip
bad_model("models-lengths", "2^60 weights", "a count up to",
    _retold(lambda model: model["lengths"].__setitem__(-2, 1 << 60)))  # fmt: skip
bad_model("models-layers", "a layer of 2^40 outputs", "a count up to",
    _retold(lambda model: model["columns"][1]["layers"][0].__setitem__(0, 1 << 40)))  # fmt: skip
bad_model("models-parents", "a column that depends on a later one", "a count up to",
    _retold(lambda model: model["columns"][1]["parents"].__setitem__(0, 2)))  # fmt: skip
bad_model("models-cut", "ends early", "truncated", lambda forger: forger.build()[:-9], TRUNCATED)
