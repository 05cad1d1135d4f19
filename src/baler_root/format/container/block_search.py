"""Searches a damaged file for blocks (formats/container.md#recovery)."""

from __future__ import annotations

from dataclasses import dataclass

import xxhash

from baler_root.format.container.bytesource import LocalFile
from baler_root.format.container.checksum import BlockHeader
from baler_root.format.container.layout import (
    BLOCK,
    BLOCK_MAGIC,
    NO_CODEC,
    TAIL_MAGIC,
    TRAILER,
    BlockKind,
)

WINDOW = 1 << 24
"""Bytes read at a time."""


ALLOWANCE = 4
"""Bytes that may be read in vain, for each byte of a file, where something looks like a block and is none."""


@dataclass(frozen=True, slots=True)
class WholeBlock:
    """A block whose checksum is right; its payload is read when it is needed."""

    file: LocalFile
    header: BlockHeader
    offset: int
    size: int
    """Bytes, header included."""
    digest: int
    """Its XXH3-64."""
    extent: int
    """Number of the extent in which it lies: blocks of one extent follow one another without a gap."""

    @property
    def payload(self) -> memoryview:
        """The bytes after the header."""
        return self.file.read([(self.offset, self.size)])[0][BLOCK.size :]


@dataclass(frozen=True, slots=True)
class BlockSearch:
    """Result of a search."""

    blocks: list[WholeBlock]
    """All whole blocks, in the order of the file."""
    unchecked: int
    """Places that look like a block and were not checked: to check them all would take too long."""


def find_blocks(file: LocalFile) -> BlockSearch:
    """The whole blocks of a file, whatever lies between them; in a time proportional to the size of the file.

    Blocks inside the payload of another block are passed over, even if the outer block is damaged, as long as
    its header leads to the next block.
    """
    view = _View(file)
    blocks: list[WholeBlock] = []
    allowance, unchecked = ALLOWANCE * file.size, 0
    position, end, extent = 0, -1, -1
    while (start := view.find(position)) >= 0:
        position = start + 1
        parsed = _header_at(view, start)
        if parsed is None:
            continue
        header, size, digest = parsed
        has_successor = view.is_boundary(start + size)
        if not has_successor and size > allowance:
            unchecked += 1
            continue
        is_whole = _digest(view, start, size) == digest
        if not is_whole and not has_successor:
            allowance -= size
            continue
        if start != end:
            extent += 1
        position = end = start + size
        if is_whole:
            blocks.append(WholeBlock(file, header, start, size, digest, extent))
        if view.is_trailer(end):
            position = end = end + TRAILER.size
    return BlockSearch(blocks, unchecked)


class _View:
    """Bytes of a file, read in windows."""

    def __init__(self, file: LocalFile) -> None:
        self.file, self.size = file, file.size
        self._start, self._bytes = 0, b""

    def find(self, position: int) -> int:
        """Position of the next magic of a block from `position` on; -1 if there is none."""
        while position + BLOCK.size <= self.size:
            if not self._start <= position <= self._start + len(self._bytes) - BLOCK.size:
                self._load(position)
            place = self._bytes.find(BLOCK_MAGIC, position - self._start)
            if place >= 0:
                return self._start + place
            position = self._start + len(self._bytes) - len(BLOCK_MAGIC) + 1
        return -1

    def at(self, position: int, size: int) -> bytes:
        """At most `size` bytes at `position`; fewer at the end of the file."""
        first = position - self._start
        if first >= 0 and first + size <= len(self._bytes):
            return self._bytes[first : first + size]
        return bytes(self.file.read([(position, max(0, min(size, self.size - position)))])[0])

    def is_boundary(self, position: int) -> bool:
        """Whether a block may begin here, or a trailer."""
        return self.at(position, len(BLOCK_MAGIC)) == BLOCK_MAGIC or self.is_trailer(position)

    def is_trailer(self, position: int) -> bool:
        """Whether bytes that look like a trailer begin here."""
        return self.at(position, TRAILER.size)[-len(TAIL_MAGIC) :] == TAIL_MAGIC

    def _load(self, position: int) -> None:
        self._start = position
        self._bytes = bytes(self.file.read([(position, min(WINDOW, self.size - position))])[0])


def _header_at(view: _View, start: int) -> tuple[BlockHeader, int, int] | None:
    """Header, size and XXH3-64 of the block that seems to begin here; None if it cannot be one."""
    data = view.at(start, BLOCK.size)
    if len(data) < BLOCK.size:
        return None
    _, kind, codec, zero, tree, cluster, group, length, digest = BLOCK.unpack(data)
    size = BLOCK.size + length
    if zero or kind not in BlockKind.__members__.values() or start + size > view.size:
        return None
    header = BlockHeader(BlockKind(kind), tree, cluster, group, codec)
    if header.kind is not BlockKind.PAGE and header != BlockHeader(header.kind, tree, codec=NO_CODEC):
        return None
    return header, size, digest


def _digest(view: _View, start: int, size: int) -> int:
    """XXH3-64 of a block as its header should say it; the block may be larger than memory."""
    state = xxhash.xxh3_64(view.at(start, BLOCK.size - 8))
    for position in range(start + BLOCK.size, start + size, WINDOW):
        state.update(view.at(position, min(WINDOW, start + size - position)))
    return state.intdigest()
