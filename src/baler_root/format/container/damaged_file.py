"""Blocks of a damaged file that belong together, and what describes them (formats/container.md#recovery)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from baler_root.errors import CorruptFileError, FormatError, TruncatedFileError
from baler_root.format.container.block_search import BlockSearch, WholeBlock, find_blocks
from baler_root.format.container.bytesource import LocalFile
from baler_root.format.container.layout import HEAD, TRAILER, BlockKind, Trailer, check_head
from baler_root.format.container.manifest import Manifest
from baler_root.format.container.read import PageId, check_repeated_trees, page_ids, unpack_footer

PageTable = dict[PageId, np.void]
"""Row of the page table (`PAGE_RECORD`) of each page."""


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """The whole blocks of one file, without those of other files that lie beside or between them."""

    name: str
    manifest: Manifest
    pages: Mapping[PageId, WholeBlock]
    table: PageTable | None
    """The page table, with which all pages agree that have a row in it; None if it is lost."""
    blocks: tuple[WholeBlock, ...] = ()
    """Blocks that are no pages, in the order of the file."""
    models: tuple[bytes, ...] = ()
    """All models in the file, those of other files included: pages name them by their SHA-256."""
    notes: tuple[str, ...] = ()
    """Notes on data that were passed over, with the reason, for people."""

    def last_block(self, kind: BlockKind) -> WholeBlock | None:
        """The last block of this kind; None if there is none."""
        return next((block for block in reversed(self.blocks) if block.header.kind is kind), None)


def open_damaged(file: LocalFile, like: Manifest | None = None) -> DamagedFile:
    """Data that are whole in a file, described by its footer, else by the copy of its schema, else by `like`.

    Pages are those that the page table names. Without one, they are the pages of one extent, since nothing
    shows that other extents are of the same file. Raises CorruptFileError if nothing describes the pages,
    UnsupportedFeatureError for a file of a later version of the format.
    """
    _check_version(file)
    search = find_blocks(file)
    footers = [block for block in search.blocks if block.header.kind is BlockKind.FOOTER]
    described = [item for item in map(_described_by, footers, [search] * len(footers)) if item is not None]
    if described:
        damaged = max(reversed(described), key=lambda item: _size(item.pages.values()))
    else:
        damaged = _without_table(search, like, file.name)
    models = tuple(bytes(b.payload) for b in search.blocks if b.header.kind is BlockKind.MODEL)
    notes = list(damaged.notes)
    if search.unchecked:
        notes.append(
            f"{search.unchecked} places that look like a block were not checked, since there are too many"
        )
    return replace(damaged, models=models, notes=(*notes, *_passed_over(search, damaged)))


def _check_version(file: LocalFile) -> None:
    """Raise UnsupportedFeatureError if the head or the trailer, as far as they are whole, asks for more than
    this."""
    if file.size < HEAD.size + TRAILER.size:
        return
    with suppress(CorruptFileError):
        check_head(bytes(file.read([(0, HEAD.size)])[0]), file.name)
    with suppress(CorruptFileError, TruncatedFileError):
        tail = file.read([(file.size - TRAILER.size, TRAILER.size)])[0]
        Trailer.unpack(tail, file.size, file.name)


def _described_by(footer: WholeBlock, search: BlockSearch) -> DamagedFile | None:
    """The blocks that a footer describes; None if it isn't valid.

    Pages behind the footer, in its extent, were added to the file later; their own footer is lost.
    """
    try:
        manifest, rows = unpack_footer(footer.payload, footer.file.name)
        check_repeated_trees(manifest, footer.file.name)
    except FormatError:
        return None
    places = page_ids(manifest)
    if len(places) != len(rows):
        return None
    table: PageTable = dict(zip(places, rows, strict=True))
    named, added, foreign = [], [], []
    for block in _pages(search.blocks):
        row = table.get(_page_of(block))
        if row is not None and (block.digest, block.size) == (int(row["xxh3"]), int(row["size"])):
            named.append(block)
        elif row is None and block.extent == footer.extent and block.offset > footer.offset:
            added.append(block)
        else:
            foreign.append(block)
    mixed = {block.extent for block in foreign}
    extents = ({block.extent for block in named} - mixed) | {footer.extent}
    return DamagedFile(
        footer.file.name,
        manifest,
        _unambiguous([*added, *named]),
        table,
        _others(search, extents),
    )


def _without_table(search: BlockSearch, like: Manifest | None, name: str) -> DamagedFile:
    """The pages of the largest extent that has a copy of the schema, or of the largest if `like` is given."""
    pages: dict[int, list[WholeBlock]] = {}
    for block in _pages(search.blocks):
        pages.setdefault(block.extent, []).append(block)
    schemas: dict[int, Manifest] = {}
    for block in search.blocks:
        if block.header.kind is BlockKind.SCHEMA:
            try:
                schema = Manifest.unpack(block.payload)
                check_repeated_trees(schema, name)
            except FormatError:
                continue
            schemas[block.extent] = schema
    candidates = [extent for extent in pages if like is not None or extent in schemas]
    if not candidates and like is None:
        raise CorruptFileError(
            f"{name}: neither footer nor schema is left; name a whole file of the same trees with --like"
        )
    if not candidates:
        raise CorruptFileError(f"{name}: no cluster is whole, nor any page; nothing can be saved")
    extent = max(candidates, key=lambda candidate: _size(pages[candidate]))
    manifest = schemas[extent] if like is None else schemas.get(extent, like)
    empty = replace(manifest, trees=tuple(tree.emptied() for tree in manifest.trees), objects=())
    note = (
        "the page table is lost, so no page could be compared with it: the pages saved are those that follow "
        "one another in the file"
    )
    blocks = _others(search, {extent})
    return DamagedFile(name, empty, _unambiguous(pages[extent]), None, blocks, notes=(note,))


def _unambiguous(blocks: Iterable[WholeBlock]) -> dict[PageId, WholeBlock]:
    """The block of each page, without pages for which there are two different ones."""
    pages: dict[PageId, WholeBlock] = {}
    ambiguous: set[PageId] = set()
    for block in blocks:
        page = _page_of(block)
        if pages.setdefault(page, block).digest != block.digest:
            ambiguous.add(page)
    return {page: block for page, block in pages.items() if page not in ambiguous}


def _passed_over(search: BlockSearch, damaged: DamagedFile) -> list[str]:
    """A note for each extent with whole pages that were not taken."""
    taken = {(block.extent, block.digest) for block in damaged.pages.values()}
    names = {(_page_of(block), block.digest) for block in damaged.pages.values()}
    rest = [
        block
        for block in _pages(search.blocks)
        if (block.extent, block.digest) not in taken and (_page_of(block), block.digest) not in names
    ]
    notes = []
    for _, group in groupby(rest, key=lambda block: block.extent):
        blocks = list(group)
        first, last = blocks[0].offset, blocks[-1].offset + blocks[-1].size
        cause = (
            "nothing shows that they are of the same file; recover these bytes as a file of their own"
            if damaged.table is None
            else "the page table names others, so they are of another file"
        )
        notes.append(f"pages in bytes {first}-{last} were passed over ({len(blocks)}): {cause}")
    return notes


def _others(search: BlockSearch, extents: set[int]) -> tuple[WholeBlock, ...]:
    return tuple(b for b in search.blocks if b.extent in extents and b.header.kind is not BlockKind.PAGE)


def _pages(blocks: Iterable[WholeBlock]) -> Iterable[WholeBlock]:
    return (block for block in blocks if block.header.kind is BlockKind.PAGE)


def _page_of(block: WholeBlock) -> PageId:
    return PageId(block.header.tree, block.header.cluster, block.header.group)


def _size(blocks: Iterable[WholeBlock]) -> int:
    """Bytes of blocks."""
    return sum(block.size for block in blocks)
