"""Recovery searches a file in linear time, and `verify` advises it only where it saves something."""

from __future__ import annotations

from pathlib import Path

import pytest

from baler_root.api.recover import saves_something
from baler_root.errors import UnsupportedFeatureError
from baler_root.format.container.block_search import find_blocks
from baler_root.format.container.bytesource import LocalFile
from baler_root.format.container.checksum import BlockHeader
from baler_root.format.container.layout import TRAILER, BlockKind, pack_head
from baler_root.format.container.read import PageId
from tests.helpers.cli import Cli
from tests.helpers.forge import Forger
from tests.promises.damaged_files import (
    Original,
    check_saved,
    recover,
)


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of all reads from local files."""
    sizes: list[int] = []
    read = LocalFile._read

    def counted(file: LocalFile, offset: int, size: int) -> memoryview:
        sizes.append(size)
        return read(file, offset, size)

    monkeypatch.setattr(LocalFile, "_read", counted)
    return sizes


def near_magic(size: int) -> bytes:
    """Headers of blocks that claim to reach far beyond the next header, none of them true."""
    headers = []
    for number in range(size // 48):
        header, _ = BlockHeader(BlockKind.PAGE, 0, number, 0, 0).seal(b"")
        claimed = (size - 48 * number) // 2 + number % 7
        headers.append(header[:20] + claimed.to_bytes(8, "little") + header[28:] + bytes(12))
    return b"".join(headers)


SIZE = 1 << 21


@pytest.mark.parametrize(
    "data",
    [
        BlockHeader(BlockKind.PAGE, 0, 0, 0, 0).seal(b"x" * 160)[0] * (SIZE // 196),
        near_magic(SIZE),
        b"BLK\x1a" * (SIZE // 4),
        b"BLK\x1a\x01\0\0\0" * (SIZE // 8),
        BlockHeader(BlockKind.PAGE, 0, 0, 0, 0).seal(b"")[0][:36] * (SIZE // 36),
    ],
    ids=["blocks", "headers that reach far", "magic", "half headers", "empty blocks"],
)
def test_the_search_is_linear(data: bytes, tmp_path: Path, bytes_read: list[int]) -> None:
    path = tmp_path / "a.baler"
    path.write_bytes(pack_head() + data)
    search = find_blocks(LocalFile(path))
    assert sum(bytes_read) < 8 * len(data)
    if data.startswith(near_magic(SIZE)[:36]):
        assert search.unchecked > 0


def test_blocks_inside_a_damaged_page_are_passed_over(
    originals: tuple[Original, Original], tmp_path: Path
) -> None:
    """A page that holds the bytes of another file: its header leads past them."""
    first, second = originals
    forger = Forger(first.path)
    carrier = PageId(0, 0, 1)

    def carry(page: PageId, payload: bytes) -> bytes:
        return second.data if page == carrier else payload

    data = bytearray(forger.build(page=carry))
    place = data.index(second.data[:60])
    data[place - 4] ^= 1  # the checksum in the header of the carrier
    (tmp_path / "a.baler").write_bytes(data)
    blocks = find_blocks(LocalFile(tmp_path / "a.baler")).blocks
    assert not any(place <= block.offset < place + len(second.data) for block in blocks)
    assert len({block.extent for block in blocks}) == 1
    result = recover(bytes(data[: -TRAILER.size - 100]), tmp_path, like=first.path)
    check_saved(result, first)


def test_the_command_says_what_is_saved_and_what_is_lost(
    originals: tuple[Original, Original], tmp_path: Path, cli: Cli
) -> None:
    whole, _ = originals
    last = max(page.group for page in whole.pages if page.tree == 0)
    broken, saved = tmp_path / "broken.baler", tmp_path / "saved.baler"
    broken.write_bytes(whole.spoil(PageId(0, 1, last)))
    outcome = cli("recover", broken, saved)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == f"Events: 40 entries in 2 clusters saved to {saved}"
    assert lines[2] == f"Events_part2: 20 entries in 1 cluster saved to {saved}"
    assert lines[3].startswith("lost: Events, entries 20 to 39: ")
    assert lines[3].endswith("(page damaged or missing); the others are in Events_part2")
    assert len(lines) == 4
    document = cli("recover", broken, saved, "--overwrite", "--json").json
    assert document["clusters"] == {"Events": 2, "Lumi": 1, "Events_part2": 1}
    assert document["lost"][0]["entries"] == [20, 40]
    assert cli("decompress", saved, tmp_path / "saved.root").code == 0
    broken.write_bytes(whole.data[:200])
    assert cli("recover", broken, tmp_path / "none.baler").code == 1


def test_verify_advises_recovery_only_where_it_saves_something(
    originals: tuple[Original, Original], tmp_path: Path, cli: Cli
) -> None:
    whole, _ = originals
    broken = tmp_path / "broken.baler"
    advice = f"`baler-root recover {broken} OUT` saves the undamaged parts"
    some, every = [PageId(0, 0, 0)], list(whole.pages)
    for data, works in (
        (whole.spoil(*some), True),
        (whole.data[: -TRAILER.size], True),
        (whole.spoil(*every), False),
        (whole.data[:300], False),
        (b"no file of this kind" * 20, False),
    ):
        broken.write_bytes(data)
        outcome = cli("verify", broken)
        assert outcome.code == 1
        assert (advice in outcome.err) == works == saves_something(broken)
        assert cli("verify", broken, "--json").json["recoverable"] == works
        assert cli("recover", broken, tmp_path / "saved.baler", "--overwrite").code == (0 if works else 1)


def test_a_later_version_is_not_taken_for_damage(
    originals: tuple[Original, Original], tmp_path: Path
) -> None:
    whole, _ = originals
    data = bytearray(whole.data)
    data[8] = 9
    with pytest.raises(UnsupportedFeatureError, match="version 9"):
        recover(bytes(data), tmp_path)
    assert not saves_something(tmp_path / "broken.baler")


def test_clusters_with_large_numbers_take_no_time(
    originals: tuple[Original, Original], tmp_path: Path
) -> None:
    """A page behind the footer: the clusters that are missing in front of it are one loss."""
    first, _ = originals
    start, stop = first.pages[PageId(0, 0, 0)]
    payload = first.data[start + 36 : stop]
    data = first.data + b"".join(
        BlockHeader(BlockKind.PAGE, 0, number, 0, 0).seal(payload)[0] for number in (1 << 31, (1 << 32) - 1)
    )
    result = recover(data, tmp_path)
    gaps = [loss.clusters for loss in result.lost if loss.clusters[1] - loss.clusters[0] > 1]
    assert (gaps[0][1], gaps[-1][1]) == (1 << 31, (1 << 32) - 1)
    assert len(result.lost) < 10
