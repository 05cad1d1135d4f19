"""Checksum of a page or another block: it covers header and payload, and is checked before they are used
(formats/container.md#blocks)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import xxhash

from baler_root.errors import CorruptFileError, TruncatedFileError
from baler_root.format.container.layout import BLOCK, BLOCK_MAGIC, NO_CODEC, BlockKind


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """Header that identifies a block, so that a damaged file can be searched for blocks."""

    kind: BlockKind
    tree: int = 0
    cluster: int = 0
    group: int = 0
    codec: int = NO_CODEC

    def seal(self, payload: bytes) -> tuple[bytes, int]:
        """The block (header and payload) and its XXH3-64, which covers both."""
        head = BLOCK.pack(
            BLOCK_MAGIC, self.kind, self.codec, 0, self.tree, self.cluster, self.group, len(payload), 0
        )[:-8]
        digest = block_checksum(head, payload)
        return head + struct.pack("<Q", digest) + payload, digest


def block_checksum(head: bytes | memoryview, payload: bytes | memoryview) -> int:
    """XXH3-64 of the header without its digest field, then the payload."""
    state = xxhash.xxh3_64(head)
    state.update(payload)
    return state.intdigest()


def open_block(block: memoryview, location: str) -> tuple[BlockHeader, memoryview, int]:
    """Header, payload and XXH3-64 of one whole block, checked.

    Raises CorruptFileError naming `location` when any byte differs from what was written.
    """
    if len(block) < BLOCK.size:
        raise TruncatedFileError(
            f"{location}: {len(block)} bytes are too few for a block header ({BLOCK.size})"
        )
    magic, kind, codec, zero, tree, cluster, group, size, digest = BLOCK.unpack_from(block)
    payload = block[BLOCK.size :]
    if magic != BLOCK_MAGIC or zero != 0 or size != len(payload):
        raise CorruptFileError(f"{location}: no valid block header; the file is damaged there")
    actual = block_checksum(block[: BLOCK.size - 8], payload)
    if actual != digest:
        raise CorruptFileError(
            f"{location}: checksum {actual:016x} != stored {digest:016x}; the file is damaged there, "
            "other pages remain readable"
        )
    try:
        block_kind = BlockKind(kind)
    except ValueError:
        raise CorruptFileError(f"{location}: unknown block kind {kind}") from None
    return BlockHeader(block_kind, tree, cluster, group, codec), payload, digest
