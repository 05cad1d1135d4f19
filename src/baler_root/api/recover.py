"""Saves what is whole in a damaged or truncated file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError, FormatError, MissingModelError, UnknownCodecError
from baler_root.format.binary.varint import Cursor
from baler_root.format.cluster_decoder import OpenedPage, decode_cluster
from baler_root.format.codecs.registry import codec_with
from baler_root.format.container.atomic_file import check_not_input
from baler_root.format.container.bytesource import LocalFile
from baler_root.format.container.checksum import BlockHeader, open_block
from baler_root.format.container.layout import BLOCK, BLOCK_MAGIC, SECTION, BlockKind, SectionKind
from baler_root.format.container.manifest import Manifest, StoredTree
from baler_root.format.container.read import PageId, open_container
from baler_root.format.container.write import ContainerWriter, EncodedPage
from baler_root.format.model_store import ModelStore, Places
from baler_root.format.page import Page
from baler_root.format.statistics import RECORD, pack_statistics, unknown_record
from baler_root.format.tables import find_tables
from baler_root.format.values_digest import values_digest

SCAN_SIZE = 1 << 24
"""Bytes searched at a time."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Clusters and entries saved from a damaged file."""

    target: Path
    clusters: dict[str, int]
    """Clusters saved, by tree."""
    entries: dict[str, int]
    """Entries saved, by tree."""


def recover(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    like: str | os.PathLike[str] | None = None,
    models: Places = None,
    overwrite: bool = False,
) -> Recovery:
    """Write the clusters of `source` that are whole into the new file `target`; returns what was saved.

    The schema comes from a footer or schema block found in `source`, else from `like`, a whole file of the
    same trees. `models` are places of models that the file refers to: files, or folders of them. The errors
    made are unknown afterwards (NaN in the statistics); all bounds still hold. Raises CorruptFileError when
    nothing can be saved, MissingModelError when a model is not found.
    """
    check_not_input(target, source)
    if like is not None:
        check_not_input(target, like, "the file of --like")
    file = LocalFile(source)
    try:
        return _recover(file, Path(target), like, models, overwrite)
    finally:
        file.close()


def _recover(
    file: LocalFile, target: Path, like: str | os.PathLike[str] | None, places: Places, overwrite: bool
) -> Recovery:
    blocks = _scan(file)
    schema = _schema(blocks, like, file.name)
    pages = {PageId(b.header.tree, b.header.cluster, b.header.group): b for b in blocks if b.is_page}
    clusters: dict[str, int] = {}
    entries: dict[str, int] = {}
    included = {
        sha256(b.payload).digest(): bytes(b.payload) for b in blocks if b.header.kind is BlockKind.MODEL
    }
    models = ModelStore(included, schema.detached, file.name, places)
    with ContainerWriter(target, overwrite) as writer:
        for number, model in enumerate(included.values()):
            writer.write_block(BlockKind.MODEL, model, number)
        trees: list[StoredTree] = []
        for number, tree in enumerate(schema.trees):
            saved = _save_tree(writer, number, tree, pages, schema.codecs, models)
            if saved.same_as is not None:
                entry_count = trees[saved.same_as].schema.num_entries
                saved = replace(saved, schema=replace(saved.schema, num_entries=entry_count))
            else:
                path = tree.schema.path
                clusters[path] = clusters.get(path, 0) + len(saved.clusters)
                entries[path] = entries.get(path, 0) + saved.schema.num_entries
            trees.append(saved)
        if not any(clusters.values()):
            raise CorruptFileError(f"{file.name}: no cluster is whole; nothing can be saved")

        carried = next((b for b in reversed(blocks) if b.header.kind is BlockKind.OBJECTS), None)
        if carried is not None and schema.objects:
            writer.write_block(BlockKind.OBJECTS, bytes(carried.payload))
        writer.finish(
            Manifest(
                tuple(trees),
                schema.codecs,
                directories=schema.directories,
                objects=schema.objects if carried is not None else (),
                provenance={**schema.provenance, "recovered": True},
                detached=models.references(target),
            )
        )
    return Recovery(target, clusters, entries)


@dataclass(frozen=True, slots=True)
class _Block:
    """A whole block found in a file; its payload is read when needed, since a file may be larger than
    memory."""

    file: LocalFile
    header: BlockHeader
    offset: int
    size: int

    @property
    def is_page(self) -> bool:
        return self.header.kind is BlockKind.PAGE

    @property
    def payload(self) -> memoryview:
        return self.file.read([(self.offset, self.size)])[0][BLOCK.size :]


def _scan(file: LocalFile) -> list[_Block]:
    """All blocks whose checksum is right, in the order of the file."""
    blocks = []
    position = 0
    while position + BLOCK.size <= file.size:
        window = bytes(file.read([(position, min(SCAN_SIZE, file.size - position))])[0])
        index = window.find(BLOCK_MAGIC)
        if index < 0:
            position += len(window) - len(BLOCK_MAGIC) + 1
            continue
        start = position + index
        position = start + 1
        if start + BLOCK.size > file.size:
            break
        size = BLOCK.size + int(BLOCK.unpack(file.read([(start, BLOCK.size)])[0])[7])
        if start + size > file.size:
            continue
        try:
            header, _, _ = open_block(file.read([(start, size)])[0], file.name)
        except FormatError:
            continue
        blocks.append(_Block(file, header, start, size))
        position = start + size
    return blocks


def _schema(blocks: list[_Block], like: str | os.PathLike[str] | None, name: str) -> Manifest:
    """The newest manifest found, else the schema copy, else that of the file `like`."""
    for kind in (BlockKind.FOOTER, BlockKind.SCHEMA):
        for block in reversed(blocks):
            if block.header.kind is kind:
                try:
                    footer = kind is BlockKind.FOOTER
                    return Manifest.unpack(_manifest_section(block.payload) if footer else block.payload)
                except FormatError:
                    continue
    if like is None:
        raise CorruptFileError(
            f"{name}: neither footer nor schema is left; name a whole file of the same trees with --like"
        )
    with open_container(like) as container:
        return replace(container.manifest, objects=())


def _manifest_section(payload: memoryview) -> memoryview:
    """The manifest in a footer."""
    cursor = Cursor(payload)
    while True:
        kind, _, size = SECTION.unpack(cursor.take(SECTION.size))
        section = cursor.take(size)
        if kind == SectionKind.MANIFEST:
            return section


def _save_tree(
    writer: ContainerWriter,
    number: int,
    tree: StoredTree,
    blocks: dict[PageId, _Block],
    codecs: tuple[str, ...],
    models: Mapping[bytes, bytes],
) -> StoredTree:
    """Write the whole clusters of one tree; returns its entry in the manifest."""
    if tree.same_as is not None:
        return tree
    lengths: list[int] = []
    records: list[NDArray[np.void]] = []
    layouts: list[int] = []
    columns = tree.columns
    for cluster in sorted({page.cluster for page in blocks if page.tree == number}):
        for position, layout in enumerate(tree.layouts):
            pages = [PageId(number, cluster, group) for group in range(len(layout))]
            extra = PageId(number, cluster, len(layout))
            if extra in blocks or not all(page in blocks for page in pages):
                continue
            try:
                values = _decode(tree, layout, [blocks[page] for page in pages], codecs, models)
            except MissingModelError:
                raise
            except (FormatError, UnknownCodecError, IndexError):
                continue
            first = 0
            for page, count in zip(pages, layout, strict=True):
                block = blocks[page]
                part = [values[i] for i in range(first, first + count)]
                length = sum(array.nbytes for array in part)
                encoded = EncodedPage(bytes(block.payload), length, values_digest(part))
                writer.write_page(PageId(number, len(lengths), page.group), encoded, block.header.codec)
                first += count
            lengths.append(_entries(tree, values))
            records.append(np.array([unknown_record(values[i]) for i in range(len(columns))], dtype=RECORD))
            layouts.append(position)
            break
    stacked = np.stack(records) if records else np.zeros((0, len(columns)), dtype=RECORD)
    writer.write_block(BlockKind.STATISTICS, pack_statistics(stacked), number)
    lists, tables = find_tables(tree.schema, columns, [(table,) for table in tree.lists])
    schema = replace(tree.schema, num_entries=sum(lengths))
    return replace(
        tree, schema=schema, clusters=tuple(lengths), layout=tuple(layouts), lists=lists, tables=tables
    )


def _decode(
    tree: StoredTree,
    layout: tuple[int, ...],
    blocks: list[_Block],
    codecs: tuple[str, ...],
    models: Mapping[bytes, bytes],
) -> dict[int, NDArray[np.generic]]:
    """All columns of one cluster."""
    columns = tree.columns
    opened = []
    first = 0
    for block, count in zip(blocks, layout, strict=True):
        if block.header.codec >= len(codecs):
            raise CorruptFileError(f"codec number {block.header.codec} of {len(codecs)}")
        page = Page(block.payload, columns[first : first + count])
        opened.append(OpenedPage(first, page, codec_with(codecs[block.header.codec], lambda: models)))
        first += count
    return decode_cluster(opened, columns)


def _entries(tree: StoredTree, values: dict[int, NDArray[np.generic]]) -> int:
    """Entries of a cluster, from a column with one row per entry."""
    for number, column in enumerate(tree.columns):
        if column.table == 0:
            return len(values[number]) // max(1, column.values_per_row)
    raise CorruptFileError("no column has one row per entry")
