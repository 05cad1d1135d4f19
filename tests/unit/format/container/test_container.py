"""Containers: blocks covered by checksums, versions and features refused by name, page tables that fit."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import baler_root
from baler_root.errors import (
    CorruptFileError,
    FormatError,
    SourceError,
    TruncatedFileError,
    UnsupportedFeatureError,
)
from baler_root.format.container.checksum import BlockHeader, open_block
from baler_root.format.container.layout import (
    BLOCK,
    HEAD,
    PAGE_ENTRY,
    SECTION,
    TRAILER,
    BlockKind,
    Trailer,
    check_head,
    pack_head,
)
from baler_root.format.container.read import open_container
from tests.helpers.forge import Forger


def test_sizes_of_structs() -> None:
    """Fixed widths, with nothing that depends on the machine."""
    sizes = [part.size for part in (HEAD, BLOCK, PAGE_ENTRY, SECTION, TRAILER)]
    assert sizes == [16, 36, 40, 16, 68]


def test_magic_has_canaries() -> None:
    """A byte with the high bit, both line ends, and end-of-file: what careless copying changes."""
    head = pack_head()
    assert head[0] >= 0x80
    assert b"\r\n" in head
    assert b"\x1a" in head
    mangled = head.replace(b"\r\n", b"\n") + b"\0"
    with pytest.raises(CorruptFileError, match="copied in text mode"):
        check_head(mangled, "x")


def test_blocks_are_covered_by_their_checksum_to_the_last_bit() -> None:
    block, digest = BlockHeader(BlockKind.PAGE, 1, 2, 3, 0).seal(b"payload")
    header, payload, found = open_block(memoryview(block), "x")
    assert (header, bytes(payload), found) == (BlockHeader(BlockKind.PAGE, 1, 2, 3, 0), b"payload", digest)
    for bit in range(8 * len(block)):
        broken = bytearray(block)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError, match="x: "):
            open_block(memoryview(broken), "x")


def test_trailer_comes_back_and_is_covered() -> None:
    trailer = Trailer(1000, 200, 99, 1200 + TRAILER.size, previous=500)
    data = trailer.pack()
    assert Trailer.unpack(data, trailer.file_size, "x") == trailer
    for bit in range(8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            Trailer.unpack(bytes(broken), trailer.file_size, "x")


def test_opening_and_describing(baler: Path) -> None:
    with open_container(baler) as container:
        assert len(container.manifest.trees[0].clusters) == 3
        assert all(len(container.read_pages([page])[page][0]) > 0 for page in container.page_ids())
        assert "cluster 2 of tree 'Events'" in container.describe(container.page_ids()[-1])
        sizes = int(container.pages["size"].sum()) + sum(block.size for block in container.manifest.blocks)
        assert HEAD.size + sizes + container.trailer.footer_size + TRAILER.size == container.size


# Wrong files


@pytest.mark.parametrize("data", [b"", b"root", b"\x89BLR", b"x" * 1000, b"\x89PNG\r\n\x1a\n" + b"\0" * 500])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.baler"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=str(path)):
        baler_root.open(path)


def test_root_files_are_refused_by_name(jagged_root: Path) -> None:
    with pytest.raises(CorruptFileError, match=r"not a \.baler file"):
        baler_root.open(jagged_root)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        open_container(tmp_path / "none.baler")
    with pytest.raises(SourceError, match="is a folder"):
        open_container(tmp_path)


def test_truncated_file_says_what_to_do(baler: Path) -> None:
    baler.write_bytes(baler.read_bytes()[:-100])
    with pytest.raises(TruncatedFileError, match="baler-root recover"):
        open_container(baler)


def test_future_versions_are_refused(forger: Forger, tmp_path: Path, baler: Path) -> None:
    def newer(tail: bytearray) -> None:
        struct.pack_into("<H", tail, TRAILER.size - 20, 7)

    with pytest.raises(
        UnsupportedFeatureError, match=r"format version 7\.0 is newer.*pip install -U baler-root"
    ):
        open_container(forger.write(tmp_path / "new.baler", trailer=newer))
    data = bytearray(baler.read_bytes())
    data[8] = 9
    baler.write_bytes(data)
    with pytest.raises(UnsupportedFeatureError, match=r"format version 9\.0 is newer"):
        open_container(baler)


def test_newer_minor_versions_are_read(forger: Forger, tmp_path: Path) -> None:
    def minor(tail: bytearray) -> None:
        struct.pack_into("<H", tail, TRAILER.size - 18, 5)

    path = forger.write(tmp_path / "minor.baler", trailer=minor)
    assert baler_root.verify(path).ok
    assert baler_root.inspect(path)["format"] == "1.5"


def test_unknown_critical_features_are_named_and_ancillary_ones_ignored(
    forger: Forger, tmp_path: Path
) -> None:
    def critical(tail: bytearray) -> None:
        struct.pack_into("<I", tail, 40, 1 << 5 | 1 << 31)

    def ancillary(tail: bytearray) -> None:
        struct.pack_into("<I", tail, 44, 1 << 5)

    with pytest.raises(UnsupportedFeatureError, match=r"critical feature bit\(s\) 5, 31"):
        open_container(forger.write(tmp_path / "critical.baler", trailer=critical))
    assert baler_root.verify(forger.write(tmp_path / "ancillary.baler", trailer=ancillary)).ok


def test_forging_nothing_changes_nothing(forger: Forger, baler: Path, tmp_path: Path) -> None:
    """The lies above are found for what they are: the forger itself writes the same file."""
    assert forger.write(tmp_path / "same.baler").read_bytes() == baler.read_bytes()


def test_page_table_must_fit(forger: Forger, tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="a page table of 41 bytes"):
        open_container(forger.write(tmp_path / "a.baler", table=lambda table: table[:41]))
    with pytest.raises(CorruptFileError, match="a page table of 1 rows"):
        open_container(forger.write(tmp_path / "b.baler", table=lambda table: table[:40]))


def test_swapped_pages_are_found(forger: Forger, tmp_path: Path) -> None:
    """Each page is whole, but in the place of another: the block says which one it is."""
    path = forger.write(tmp_path / "swapped.baler", table=lambda t: t[40:80] + t[:40] + t[80:])
    problems = baler_root.verify(path).problems
    assert any("holds another block than the page table says" in problem for problem in problems)
