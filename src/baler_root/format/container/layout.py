"""Structs and magic numbers of the container, its kinds of blocks, its head and its trailer
(formats/container.md). Headers and checksums of blocks are in `checksum`."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

import xxhash

from baler_root.errors import CorruptFileError, TruncatedFileError, UnsupportedFeatureError

# formats/container.md#head
HEAD_MAGIC = b"\x89BLR\r\n\x1a\n"


HEAD = struct.Struct("<8sHHI")


# formats/container.md#versions
VERSION_MAJOR = 1


VERSION_MINOR = 0


# formats/container.md#blocks
BLOCK_MAGIC = b"BLK\x1a"


BLOCK = struct.Struct("<4sBBHIIIQQ")


# formats/container.md#page-table
PAGE_ENTRY = struct.Struct("<QQQQQ")


# formats/container.md#footer
SECTION = struct.Struct("<IIQ")


# formats/container.md#trailer
TRAILER = struct.Struct("<QQQQQIIHHQ8s")


TAIL_MAGIC = b"\n\x1a\r\nRLB\x98"


NO_CODEC = 0xFF


class BlockKind(IntEnum):
    """Kinds of blocks (formats/container.md#blocks)."""

    PAGE = 1
    OBJECTS = 2
    MODEL = 3
    FOOTER = 4
    STATISTICS = 5
    SCHEMA = 6


def block_name(kind: int) -> str:
    """Name of a kind of block; also for a kind that only newer versions know."""
    return BlockKind(kind).name.lower() if kind in BlockKind.__members__.values() else f"unknown ({kind})"


class SectionKind(IntEnum):
    """Kinds of sections of the footer (formats/container.md#footer)."""

    MANIFEST = 1
    PAGE_TABLE = 2


class Critical(IntFlag):
    """Features a reader must know to read the file at all (formats/container.md#features)."""

    NONE = 0


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last bytes of a file: place of its footer, and features that a reader must know."""

    footer_offset: int
    footer_size: int
    footer_digest: int
    file_size: int
    previous: int = 0
    """End of the previous generation's trailer (the file size then); 0 for the first."""
    critical: int = 0
    ancillary: int = 0
    minor: int = VERSION_MINOR
    """Minor format version of the program that wrote it."""

    def pack(self) -> bytes:
        """The trailer as written, its own XXH3-64 and the tail magic included."""
        body = TRAILER.pack(
            self.footer_offset,
            self.footer_size,
            self.footer_digest,
            self.file_size,
            self.previous,
            self.critical,
            self.ancillary,
            VERSION_MAJOR,
            self.minor,
            0,
            TAIL_MAGIC,
        )
        checked = body[:-16]
        return checked + struct.pack("<Q", xxhash.xxh3_64_intdigest(checked)) + TAIL_MAGIC

    @classmethod
    def unpack(cls, data: bytes | memoryview, file_size: int, location: str) -> Trailer:
        """The trailer of a file of `file_size` bytes; every field is checked against it.

        Raises TruncatedFileError, CorruptFileError, or UnsupportedFeatureError (future version or feature).
        """
        (offset, size, digest, length, previous, critical, ancillary, major, minor, trailer_digest, magic) = (
            TRAILER.unpack(data)
        )
        if magic != TAIL_MAGIC:
            raise TruncatedFileError(
                f"{location}: no .baler trailer at the end; the file is truncated, still being written, "
                "or not a .baler file. If pages are whole, `baler-root recover` saves them"
            )
        if xxhash.xxh3_64_intdigest(bytes(data)[:-16]) != trailer_digest:
            raise CorruptFileError(
                f"{location}: the trailer's checksum is wrong. If pages are whole, `baler-root recover` saves them"
            )
        if major > VERSION_MAJOR:
            raise UnsupportedFeatureError(
                f"{location}: format version {major}.{minor} is newer than {VERSION_MAJOR}.{VERSION_MINOR}, "
                "the newest this baler_root reads; upgrade with `pip install -U baler-root`"
            )
        unknown = critical & ~int(sum(Critical))
        if unknown:
            bits = ", ".join(str(i) for i in range(32) if unknown >> i & 1)
            raise UnsupportedFeatureError(
                f"{location}: needs the critical feature bit(s) {bits}, unknown to this baler_root; "
                "upgrade with `pip install -U baler-root`"
            )
        if length != file_size:
            raise TruncatedFileError(f"{location}: {file_size} bytes, but {length} were written")
        if not HEAD.size <= offset <= offset + size == length - TRAILER.size or previous > offset:
            raise CorruptFileError(
                f"{location}: the footer is said to lie at {offset}+{size}, outside the file"
            )
        return cls(offset, size, digest, length, previous, critical, ancillary, minor)


def pack_head() -> bytes:
    """The first bytes of every file."""
    return HEAD.pack(HEAD_MAGIC, VERSION_MAJOR, VERSION_MINOR, 0)


def check_head(data: bytes, location: str) -> int:
    """The minor version at the start of a .baler file; raises FormatError for a file that cannot be read."""
    if len(data) < HEAD.size or data[:4] != HEAD_MAGIC[:4]:
        if data[:4] == b"root":
            raise CorruptFileError(
                f"{location}: a ROOT file, not a .baler file; `baler-root compress` makes one of it"
            )
        raise CorruptFileError(f"{location}: not a .baler file (it does not start with the .baler magic)")
    magic, major, minor, zero = HEAD.unpack(data[: HEAD.size])
    if magic != HEAD_MAGIC:
        raise CorruptFileError(
            f"{location}: the .baler magic is mangled; was the file copied in text mode or re-encoded?"
        )
    if major > VERSION_MAJOR:
        raise UnsupportedFeatureError(
            f"{location}: format version {major}.{minor} is newer than {VERSION_MAJOR}.{VERSION_MINOR}, "
            "the newest this baler_root reads; upgrade with `pip install -U baler-root`"
        )
    if (major, zero) != (VERSION_MAJOR, 0):
        raise CorruptFileError(f"{location}: the head of the file is damaged")
    return int(minor)
