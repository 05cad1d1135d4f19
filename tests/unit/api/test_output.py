"""Output of compression: all or nothing, never over the input, nothing left behind."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import baler_root
from baler_root.errors import (
    ConfigError,
    OutputError,
    SourceError,
)
from baler_root.format.container.atomic_file import AtomicFile
from baler_root.format.container.layout import HEAD_MAGIC
from tests.helpers.trees import digest

# Nothing is left behind


def test_disk_full(untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A disk with room for the first few bytes."""

        def __init__(self, file: Any) -> None:
            self._file, self._left = file, 2000

        def write(self, data: bytes) -> int:
            self._left -= len(data)
            if self._left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(self._file.write(data))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    start = AtomicFile.__init__

    def full(self: AtomicFile, *args: Any, **kwargs: Any) -> None:
        start(self, *args, **kwargs)
        vars(self)["file"] = Full(self.file)

    monkeypatch.setattr(AtomicFile, "__init__", full)
    untouched(OutputError, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_disk_full_at_the_end(
    call: str, untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "fsync":
        monkeypatch.setattr("os.fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    untouched(OutputError, "No space left on device")


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted(jobs: int, untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baler_root.compression.workers.MIN_SIZE_FOR_POOL", 0)

    def interrupt(done: int, total: int) -> None:
        if done * 2 > total:
            raise KeyboardInterrupt

    untouched(KeyboardInterrupt, None, progress=interrupt, jobs=jobs)


# Output and input that will not do


def test_overwriting(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    target.write_bytes(HEAD_MAGIC + b"kept")
    with pytest.raises(OutputError, match=r"a\.baler: exists already; use --overwrite"):
        baler_root.compress(flat_root, target)
    assert target.read_bytes() == HEAD_MAGIC + b"kept"
    baler_root.compress(flat_root, target, overwrite=True)
    assert baler_root.verify(target).ok
    with pytest.raises(KeyboardInterrupt):
        baler_root.compress(flat_root, target, overwrite=True, progress=_interrupt)
    assert baler_root.verify(target).ok
    assert {path.name for path in tmp_path.iterdir()} == {"a.baler", "flat.root"}


def test_files_of_another_kind_are_never_replaced(flat_root: Path, tmp_path: Path) -> None:
    packed, precious = tmp_path / "a.baler", tmp_path / "precious"
    baler_root.compress(flat_root, packed)
    writers: list[Callable[[], object]] = [
        lambda: baler_root.compress(flat_root, precious, overwrite=True),
        lambda: baler_root.merge([packed], precious, overwrite=True),
        lambda: baler_root.recover(packed, precious, overwrite=True),
        lambda: baler_root.decompress(packed, precious, overwrite=True),
        lambda: baler_root.train(flat_root, precious, overwrite=True),
    ]
    for content in (b"precious", b"PK\x03\x04", bytes(1000)):
        precious.write_bytes(content)
        for write in writers:
            with pytest.raises(OutputError, match="precious: is a file of another kind than the output"):
                write()
        assert precious.read_bytes() == content
    precious.write_bytes(flat_root.read_bytes())
    with pytest.raises(OutputError, match="another kind"):
        writers[0]()
    assert digest(precious) == digest(flat_root)
    writers[3]()
    assert digest(precious) != digest(flat_root)
    precious.write_bytes(b"")
    writers[0]()
    assert baler_root.verify(precious).ok


def test_the_output_is_no_root_file(flat_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"b\.root: the output is a \.baler file.*name it .*b\.baler"):
        baler_root.compress(flat_root, tmp_path / "b.root")
    assert list(tmp_path.glob("b*")) == []


def _interrupt(done: int, total: int) -> None:
    assert done <= total
    raise KeyboardInterrupt


def test_output_is_never_the_input(flat_root: Path, tmp_path: Path) -> None:
    before = digest(flat_root)
    (tmp_path / "link.root").symlink_to(flat_root)
    for target in (flat_root, tmp_path / "link.root"):
        with pytest.raises(ConfigError, match="is the input"):
            baler_root.compress(flat_root, target, overwrite=True)
    assert digest(flat_root) == before


def test_folders(flat_root: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist; create it first"):
        baler_root.compress(flat_root, tmp_path / "none" / "a.baler")
    with pytest.raises(OutputError, match="is a folder"):
        baler_root.compress(flat_root, tmp_path)
    with pytest.raises(SourceError, match="is a folder"):
        baler_root.compress(tmp_path, tmp_path / "a.baler")
