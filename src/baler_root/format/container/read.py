"""Reads a container: trailer, footer, manifest, then blocks by name, each checked before use."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError, TruncatedFileError
from baler_root.format.binary.varint import Cursor
from baler_root.format.container.bytesource import ByteSource, open_bytes
from baler_root.format.container.checksum import BlockHeader, open_block
from baler_root.format.container.layout import (
    HEAD,
    PAGE_ENTRY,
    SECTION,
    TRAILER,
    BlockKind,
    SectionKind,
    Trailer,
    block_name,
    check_head,
)
from baler_root.format.container.manifest import BlockEntry, Manifest

TAIL_SIZE = 1 << 16
"""Bytes read from the end at once: trailer and, nearly always, the whole footer."""


PAGE_RECORD = np.dtype(
    [("offset", "<u8"), ("size", "<u8"), ("length", "<u8"), ("xxh3", "<u8"), ("digest", "<u8")]
)


class PageId(NamedTuple):
    """Names a page: positions of tree, cluster and column group."""

    tree: int
    cluster: int
    group: int


class Container:
    """An open `.baler` file as blocks; their contents are left to others."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.name = source.name
        self.size = source.size
        if self.size < HEAD.size + TRAILER.size:
            check_head(bytes(source.read([(0, min(self.size, HEAD.size))])[0]), self.name)
            raise TruncatedFileError(f"{self.name}: {self.size} bytes are too few for a .baler file")
        if source.local:
            check_head(bytes(self.read_raw(0, HEAD.size)), self.name)
        tail_size = min(self.size, TAIL_SIZE)
        tail = source.read([(self.size - tail_size, tail_size)])[0]
        self.trailer = Trailer.unpack(tail[-TRAILER.size :], self.size, self.name)
        start = self.trailer.footer_offset - (self.size - tail_size)
        if start >= 0:
            footer = tail[start : -TRAILER.size]
        else:
            footer = source.read([(self.trailer.footer_offset, self.trailer.footer_size)])[0]
        self.manifest, self.pages = self._read_footer(footer)
        self._first_page = self._number_pages()
        self._check_tiling()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._source.close()

    def _read_footer(self, block: memoryview) -> tuple[Manifest, NDArray[Any]]:
        header, payload, digest = open_block(block, f"{self.name}: footer")
        if header.kind is not BlockKind.FOOTER or digest != self.trailer.footer_digest:
            raise CorruptFileError(f"{self.name}: the footer is not the one that the trailer names")
        return unpack_footer(payload, self.name)

    def _number_pages(self) -> list[list[int]]:
        """Row in the page table of each tree's and cluster's first page; every page must have a row."""
        first_rows: list[list[int]] = []
        count = 0
        for tree in self.manifest.trees:
            first_rows.append([])
            for cluster in range(len(tree.clusters)):
                first_rows[-1].append(count)
                count += len(tree.groups(cluster))
        if count != len(self.pages):
            raise CorruptFileError(f"{self.name}: a page table of {len(self.pages)} rows, {count} are needed")
        check_repeated_trees(self.manifest, self.name)
        return first_rows

    def _check_tiling(self) -> None:
        """Raise CorruptFileError unless blocks cover the file without holes or overlaps."""
        footer = (self.trailer.footer_offset, self.trailer.footer_size)
        blocks = (
            [(block.offset, block.size) for block in self.manifest.blocks]
            + list(self.manifest.superseded)
            + [footer]
        )
        offsets = np.concatenate([self.pages["offset"], np.array([o for o, _ in blocks], dtype=np.uint64)])
        sizes = np.concatenate([self.pages["size"], np.array([s for _, s in blocks], dtype=np.uint64)])
        order = np.argsort(offsets, kind="stable")
        starts, ends = offsets[order], (offsets + sizes)[order]
        expected = np.concatenate([np.array([HEAD.size], dtype=np.uint64), ends[:-1]])
        if not (starts == expected).all() or (sizes > self.size).any():
            position = int(starts[np.argmax(starts != expected)])
            raise CorruptFileError(f"{self.name}: blocks overlap or leave a hole at byte {position}")

    def page_row(self, page: PageId) -> int:
        """The page's row in the page table."""
        return self._first_page[page.tree][page.cluster] + page.group

    def page_ids(self) -> list[PageId]:
        """All pages, in the order of the page table."""
        return page_ids(self.manifest)

    def read_raw(self, offset: int, size: int) -> memoryview:
        """Bytes of the file, unchecked."""
        return self._source.read([(offset, size)])[0]

    def describe(self, page: PageId) -> str:
        """Place of a page, for messages."""
        row = self.pages[self.page_row(page)]
        path = self.manifest.trees[page.tree].schema.path
        return (
            f"{self.name}: page {page.group} of cluster {page.cluster} of tree {path!r} "
            f"(bytes {row['offset']}-{int(row['offset']) + int(row['size'])})"
        )

    def read_pages(self, ids: Sequence[PageId]) -> dict[PageId, tuple[memoryview, int]]:
        """Payload and codec number of each page, checked against header, checksum and page table."""
        pages = list(dict.fromkeys(ids))
        rows = [self.pages[self.page_row(page)] for page in pages]
        blocks = self._source.read([(int(row["offset"]), int(row["size"])) for row in rows])
        result = {}
        for page, row, block in zip(pages, rows, blocks, strict=True):
            location = self.describe(page)
            header, payload, digest = open_block(block, location)
            if header != BlockHeader(BlockKind.PAGE, *page, header.codec) or digest != int(row["xxh3"]):
                raise CorruptFileError(f"{location}: holds another block than the page table says")
            if header.codec >= len(self.manifest.codecs):
                raise CorruptFileError(f"{location}: unknown codec number {header.codec}")
            result[page] = (payload, header.codec)
        return result

    def read_block(self, kind: BlockKind, tree: int = 0) -> memoryview | None:
        """The payload of the last block of this kind and tree; None when there is none."""
        for block in reversed(self.manifest.blocks):
            if (block.kind, block.tree) == (kind, tree):
                return self.check_block(block)
        return None

    def read_models(self) -> dict[bytes, bytes]:
        """The models in the file, by their SHA-256."""
        models = [block for block in self.manifest.blocks if block.kind == BlockKind.MODEL]
        payloads = [bytes(self.check_block(block)) for block in models]
        return {hashlib.sha256(payload).digest(): payload for payload in payloads}

    def check_block(self, block: BlockEntry) -> memoryview:
        """The payload of a block that is not a page; raises CorruptFileError if it is damaged."""
        kind, tree, offset, size = block
        location = f"{self.name}: {block_name(kind)} block (bytes {offset}-{offset + size})"
        header, payload, _ = open_block(self.read_raw(offset, size), location)
        if header != BlockHeader(header.kind, tree) or header.kind != kind:
            raise CorruptFileError(f"{location}: is a {header.kind.name.lower()} block of tree {header.tree}")
        return payload

    def check_superseded(self, offset: int, size: int) -> None:
        """Raise FormatError unless a footer and trailer of an earlier generation are whole."""
        location = f"{self.name}: earlier footer (bytes {offset}-{offset + size})"
        data = self.read_raw(offset, size)
        Trailer.unpack(data[-TRAILER.size :], offset + size, location)
        open_block(data[: -TRAILER.size], location)

    def check_head(self) -> None:
        """Raise FormatError unless the first bytes are as written."""
        minor = check_head(bytes(self.read_raw(0, HEAD.size)), self.name)
        if minor > self.trailer.minor:
            raise CorruptFileError(
                f"{self.name}: the head of the file is damaged (its version is not the trailer's)"
            )


def unpack_footer(payload: memoryview, name: str) -> tuple[Manifest, NDArray[Any]]:
    """Manifest and page table (`PAGE_RECORD`) of a footer; raises FormatError naming the file `name`."""
    cursor = Cursor(payload)
    sections: dict[int, memoryview] = {}
    while cursor.position < len(payload):
        kind, zero, size = SECTION.unpack(cursor.take(SECTION.size))
        if zero or kind in sections:
            raise CorruptFileError(f"{name}: section {kind} of the footer is not valid")
        sections[kind] = cursor.take(size)
    if not {SectionKind.MANIFEST, SectionKind.PAGE_TABLE} <= sections.keys():
        raise CorruptFileError(f"{name}: the footer lacks manifest or page table")
    table = sections[SectionKind.PAGE_TABLE]
    if len(table) % PAGE_ENTRY.size:
        raise CorruptFileError(f"{name}: a page table of {len(table)} bytes")
    try:
        manifest = Manifest.unpack(sections[SectionKind.MANIFEST])
    except CorruptFileError as error:
        raise CorruptFileError(f"{name}: {error}") from None
    return manifest, np.frombuffer(table, dtype=PAGE_RECORD)


def check_repeated_trees(manifest: Manifest, name: str) -> None:
    """Raise CorruptFileError, naming the file `name`, for a tree that cannot have the data of another one."""
    for position, tree in enumerate(manifest.trees):
        source = tree.same_as
        if source is None:
            continue
        if source >= position or manifest.trees[source].same_as is not None:
            raise CorruptFileError(
                f"{name}: tree {position} repeats tree {source}, which is not stored before"
            )
        source_tree = manifest.trees[source]
        if [b.form for b in tree.schema.branches] != [b.form for b in source_tree.schema.branches] or (
            tree.schema.num_entries != source_tree.schema.num_entries
        ):
            raise CorruptFileError(f"{name}: tree {position} repeats tree {source}, which is of another kind")


def page_ids(manifest: Manifest) -> list[PageId]:
    """All pages of the file that the manifest describes, in the order of its page table."""
    return [
        PageId(number, cluster, group)
        for number, tree in enumerate(manifest.trees)
        for cluster in range(len(tree.clusters))
        for group in range(len(tree.groups(cluster)))
    ]


def open_container(path: str | os.PathLike[str] | BinaryIO, **options: Any) -> Container:
    """The container in a local path, file object or fsspec URL; `options` go to fsspec."""
    source = open_bytes(path, options)
    try:
        return Container(source)
    except BaseException:
        source.close()
        raise
