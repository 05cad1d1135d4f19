"""Bad files of the container: damage, files from the future, page table, manifest."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from baler_root.format.binary.packed import zstd_frame
from baler_root.format.container.layout import HEAD, TRAILER
from tests.vectors.bad.files import (
    ENTRIES,
    TRUNCATED,
    UNKNOWN,
    UNSUPPORTED,
    bad,
    claiming,
    edited,
    flipped,
    forged,
    good,
    tree,
)

# ---- damage


def _footer(data: bytes | bytearray) -> int:
    """Position of the footer."""
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
        packed=lambda _: claiming(1 << 40, zstd_frame(b"{}")),
    ),
)


bad(
    "manifest-left-over",
    "bytes behind the manifest",
    "left over",
    forged(packed=lambda packed: packed + b"\0"),
)
