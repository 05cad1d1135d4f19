"""Writes `.baler` files that lie: whatever is changed, every checksum in them is right."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xxhash

from baler_root.format.binary.packed import pack_bytes
from baler_root.format.container.checksum import BlockHeader
from baler_root.format.container.layout import (
    PAGE_ENTRY,
    SECTION,
    TRAILER,
    BlockKind,
    SectionKind,
    Trailer,
    pack_head,
)
from baler_root.format.container.manifest import canonical_json
from baler_root.format.container.read import PageId, open_container

Json = dict[str, Any]


class Forger:
    """The parts of a whole file, to be changed and written again."""

    def __init__(self, path: Path) -> None:
        with open_container(path) as container:
            self.document: Json = json.loads(canonical_json(container.manifest.to_json()))
            self.pages = [
                (page, bytes(payload), codec)
                for page, (payload, codec) in container.read_pages(container.page_ids()).items()
            ]
            self.rows = [container.pages[container.page_row(page)].copy() for page, _, _ in self.pages]
            self.blocks = [
                (kind, tree, bytes(container.check_block((kind, tree, offset, size))))
                for kind, tree, offset, size in container.manifest.blocks
            ]

    def write(self, target: Path, **parts: Any) -> Path:
        """The file that `build` builds, as `target`."""
        target.write_bytes(self.build(**parts))
        return target

    def build(
        self,
        *,
        manifest: Callable[[Json], None] = lambda _: None,
        page: Callable[[PageId, bytes], bytes] = lambda _, payload: payload,
        table: Callable[[bytes], bytes] = lambda table: table,
        text: Callable[[bytes], bytes] = lambda text: text,
        packed: Callable[[bytes], bytes] = lambda packed: packed,
        trailer: Callable[[bytearray], None] = lambda _: None,
    ) -> bytes:
        """The file's bytes, after each part went through its function.

        `manifest` changes the document in place, `text` the JSON, `packed` its packed bytes. `trailer` may
        change anything but the digest, which is made right afterwards.
        """
        out = bytearray(pack_head())
        rows = []
        for (number, payload, codec), row in zip(self.pages, self.rows, strict=True):
            block, digest = BlockHeader(BlockKind.PAGE, *number, codec).seal(page(number, payload))
            rows.append(PAGE_ENTRY.pack(len(out), len(block), int(row["length"]), digest, int(row["digest"])))
            out += block
        document: Json = json.loads(json.dumps(self.document))
        document["blocks"] = []
        for kind, tree, payload in self.blocks:
            block, _ = BlockHeader(BlockKind(kind), tree).seal(payload)
            document["blocks"].append([kind, tree, len(out), len(block)])
            out += block
        manifest(document)
        sections = [
            (SectionKind.MANIFEST, packed(pack_bytes(text(canonical_json(document))))),
            (SectionKind.PAGE_TABLE, table(b"".join(rows))),
        ]
        footer = b"".join(SECTION.pack(kind, 0, len(data)) + data for kind, data in sections)
        block, digest = BlockHeader(BlockKind.FOOTER).seal(footer)
        tail = bytearray(Trailer(len(out), len(block), digest, len(out) + len(block) + TRAILER.size).pack())
        trailer(tail)
        tail[-16:-8] = struct.pack("<Q", xxhash.xxh3_64_intdigest(bytes(tail[:-16])))
        return bytes(out + block + tail)
