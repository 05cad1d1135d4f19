"""Writes a container in one pass: blocks one after another, then the footer; complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from baler_root.errors import OutputError
from baler_root.format.container.atomic_file import AtomicFile
from baler_root.format.container.checksum import BlockHeader
from baler_root.format.container.layout import (
    HEAD_MAGIC,
    PAGE_ENTRY,
    SECTION,
    TRAILER,
    BlockKind,
    SectionKind,
    Trailer,
    block_name,
    pack_head,
)
from baler_root.format.container.manifest import BlockEntry, Manifest
from baler_root.format.container.read import Container, PageId

COPY_SIZE = 1 << 22
"""Bytes copied at a time."""


@dataclass(frozen=True, slots=True)
class EncodedPage:
    """A page ready to be written."""

    payload: bytes
    length: int
    """Bytes of its decoded columns."""
    digest: int
    """Digest of its decoded columns (formats/pages.md#digest)."""


class ContainerWriter:
    """Appends blocks, remembers where they are, and closes the file with a footer that says so."""

    def __init__(
        self, path: str | os.PathLike[str], overwrite: bool = False, base: Container | None = None
    ) -> None:
        """Start a file; with `base`, as a copy of it to which blocks and a new footer are added."""
        self._output = AtomicFile(path, overwrite, HEAD_MAGIC)
        self._offset = 0
        self._pages: dict[PageId, bytes] = {}
        self._blocks: list[BlockEntry] = []
        self._superseded: list[tuple[int, int]] = []
        self._previous = 0
        self.page_size = 0
        try:
            if base is None:
                self._write(pack_head())
            else:
                self._continue(base)
        except BaseException:
            self._output.discard()
            raise

    def _continue(self, base: Container) -> None:
        """Copy all bytes of `base`, and take over the contents of its footer."""
        for start in range(0, base.size, COPY_SIZE):
            self._write(base.read_raw(start, min(COPY_SIZE, base.size - start)))
        self._pages = {page: base.pages[base.page_row(page)].tobytes() for page in base.page_ids()}
        self._blocks = list(base.manifest.blocks)
        footer = (base.trailer.footer_offset, base.size - base.trailer.footer_offset)
        self._superseded = [*base.manifest.superseded, footer]
        self._previous = base.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.discard()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._offset

    def write_page(self, page: PageId, encoded: EncodedPage, codec: int = 0) -> None:
        """Append a page; `codec` is the position of its codec among those of the manifest."""
        block, checksum = BlockHeader(BlockKind.PAGE, *page, codec).seal(encoded.payload)
        row = PAGE_ENTRY.pack(self._offset, len(block), encoded.length, checksum, encoded.digest)
        self._pages[page] = row
        self.page_size += len(block)
        self._write(block)

    def write_block(self, kind: BlockKind, payload: bytes, tree: int = 0) -> None:
        """Append a block that is not a page."""
        block, _ = BlockHeader(kind, tree).seal(payload)
        self._blocks.append(BlockEntry(kind, tree, self._offset, len(block)))
        self._write(block)

    def finish(self, manifest: Manifest, check: Callable[[Path], None] | None = None) -> dict[str, int]:
        """Write the footer and give the file its name; returns the bytes of each part of the file.

        The blocks written and the footers superseded are filled into the `manifest` here. `check` gets the
        path of the whole file before it has its name; if it raises, there is no file.
        """
        written = replace(manifest, blocks=tuple(self._blocks), superseded=tuple(self._superseded))
        packed = written.pack()
        table = b"".join(self._pages[page] for page in sorted(self._pages))
        sections = [(SectionKind.MANIFEST, packed), (SectionKind.PAGE_TABLE, table)]
        payload = b"".join(SECTION.pack(kind, 0, len(data)) + data for kind, data in sections)
        block, digest = BlockHeader(BlockKind.FOOTER).seal(payload)
        offset, size = self._offset, self._offset + len(block) + TRAILER.size
        self._write(block)
        self._write(Trailer(offset, len(block), digest, size, self._previous).pack())
        self._write(b"", flush=True)
        if check is not None:
            check(self._output.temporary)
        self._output.commit()
        parts = {"pages": self.page_size}
        for entry in self._blocks:
            name = block_name(entry.kind)
            parts[name] = parts.get(name, 0) + entry.size
        parts.update({"manifest": len(packed), "page table": len(table)})
        return {**parts, "frame": self._offset - sum(parts.values())}

    def _write(self, data: bytes | memoryview, *, flush: bool = False) -> None:
        try:
            self._output.file.write(data)
            if flush:
                self._output.file.flush()
        except OSError as error:
            raise OutputError(
                f"{self._output.path}: cannot be written ({error.strerror}); no output remains"
            ) from None
        self._offset += len(data)
