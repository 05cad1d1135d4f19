"""Writing containers: all or nothing, generations, pages fetched once."""

from __future__ import annotations

from pathlib import Path

import pytest

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import (
    OutputError,
)
from baler_root.format.container.bytesource import LocalFile
from baler_root.format.container.manifest import Manifest
from baler_root.format.container.read import open_container
from baler_root.format.container.write import AtomicFile, ContainerWriter

# Writing


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    output = AtomicFile(target)
    output.file.write(b"half")
    assert not target.exists()
    assert output.temporary.parent == tmp_path
    output.discard()
    assert list(tmp_path.iterdir()) == []
    output = AtomicFile(target)
    output.file.write(b"whole")
    output.commit()
    output.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]
    assert target.read_bytes() == b"whole"


def test_output_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    output = AtomicFile(target)
    target.write_bytes(b"somebody else's")
    with pytest.raises(OutputError, match="exists already"):
        output.commit()
    output.discard()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"somebody else's"]


def test_where_output_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    with pytest.raises(OutputError, match="exists already; use --overwrite"):
        AtomicFile(tmp_path / "there")
    with pytest.raises(OutputError, match=r"the folder .* does not exist; create it first"):
        AtomicFile(tmp_path / "none" / "out")
    with pytest.raises(OutputError, match="is a folder"):
        AtomicFile(tmp_path, overwrite=True)
    (tmp_path / "there").unlink()
    assert list(tmp_path.iterdir()) == []


def test_later_generations_point_to_earlier_ones(baler: Path, tmp_path: Path) -> None:
    """A copy under a new footer: the first file is in it byte for byte, and still whole."""
    target = tmp_path / "second.baler"
    with open_container(baler) as base, ContainerWriter(target, base=base) as writer:
        writer.finish(Manifest(base.manifest.trees, base.manifest.codecs))
    size = baler.stat().st_size
    assert target.read_bytes()[:size] == baler.read_bytes()
    with open_container(target) as container:
        assert container.trailer.previous == size
        assert container.manifest.superseded[0][0] + container.manifest.superseded[0][1] == size
    assert baler_root.verify(target).ok


def test_pages_are_fetched_once_while_they_are_remembered(
    baler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_file(baler) as file:
        tree = file.trees[0]
        first = tree.read_columns([0], [0])
        tree.read_columns([0], [0])
        monkeypatch.setattr(
            LocalFile, "read", lambda _, ranges: [] if not ranges else pytest.fail("read again")
        )
        assert first[0][0].tobytes() == tree.read_columns([0], [0])[0][0].tobytes()
