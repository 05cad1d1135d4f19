"""ROOT files that are missing, cut, not closed, or on servers: one clear error, or they work."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import SourceError
from baler_root.rootio.source import RootSource
from tests.helpers.processes import run_python
from tests.unit.conftest import Server

ENTRIES = 20_000


@pytest.fixture
def root(make_root: Callable[..., Path]) -> Path:
    rng = np.random.default_rng(0)
    return make_root("a.root", t={"x": rng.random(ENTRIES), "y": rng.random(ENTRIES)})


def unclosed(data: bytes) -> bytes:
    """The file as a program leaves it that dies before it closes it: with the first header and directory."""
    changed = bytearray(data)
    (begin,), (name_size,) = struct.unpack_from(">i", changed, 8), struct.unpack_from(">i", changed, 28)
    changed[12:16] = struct.pack(">i", begin + name_size + 60)  # fEND
    changed[16:24] = bytes(8)  # fSeekFree, fNbytesFree
    directory = begin + name_size
    version = struct.unpack_from(">h", changed, directory)[0]
    width = 8 if version > 1000 else 4
    place = directory + 2 + 4 + 4 + 4 + 4 + 2 * width
    changed[place : place + width] = bytes(width)  # fSeekKeys
    return bytes(changed)


def test_a_file_that_was_not_closed(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "open.root"
    path.write_bytes(unclosed(root.read_bytes()))
    with pytest.raises(SourceError, match=r"open.root: was not closed .*TFile::Open"):
        baler_root.compress(path, tmp_path / "out.baler")
    assert not (tmp_path / "out.baler").exists()


def test_a_file_without_trees_is_no_unclosed_file(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "none.root"):
        pass
    with pytest.raises(SourceError, match="holds no TTree, no RNTuple and no object"):
        baler_root.compress(tmp_path / "none.root", tmp_path / "out.baler")


def test_files_cut_anywhere(root: Path, tmp_path: Path) -> None:
    data, path = root.read_bytes(), tmp_path / "cut.root"
    for size in (0, 3, 50, 300, 500, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(SourceError, match="truncated"):
            baler_root.compress(path, tmp_path / "out.baler")


def test_a_file_cut_while_it_is_read_gives_an_error(root: Path, tmp_path: Path) -> None:
    """In a process of its own: a mapped file would end it with SIGBUS."""
    code = f"""
import os, baler_root
from baler_root.errors import BalerError
from baler_root.rootio.source import RootSource
with RootSource({str(root)!r}) as source:
    tree = source.open_tree("t;1")
    os.truncate({str(root)!r}, 2000)
    try:
        tree.read([0, 1], 0, {ENTRIES})
    except (BalerError, OSError) as error:
        print(type(error).__name__)
    else:
        raise SystemExit("no error")
"""
    run_python(code)


def test_a_source_can_be_pickled(root: Path) -> None:
    with RootSource(root) as source:
        copy = pickle.loads(pickle.dumps(source.directory.file.source))
        assert bytes(copy.chunk(0, 4).raw_data) == b"root"
        copy.close()
        assert copy.closed


def test_over_http(root: Path, tmp_path: Path, serve: Callable[..., Server]) -> None:
    baler_root.compress(serve(root.read_bytes()).url, tmp_path / "http.baler")
    baler_root.compress(root, tmp_path / "local.baler")
    with baler_root.open(tmp_path / "http.baler") as file, baler_root.open(tmp_path / "local.baler") as local:
        assert file["t"]["x"].array().to_list() == local["t"]["x"].array().to_list()


@pytest.mark.parametrize(
    ("change", "behaviour", "words"),
    [
        (lambda data: data[: len(data) // 2], "ranges", "truncated: .* download it again"),
        (unclosed, "ranges", "was not closed"),
        (bytes, "whole", "cannot send ranges of bytes .* download the file first"),
        (bytes, "broken", "the server does not give it"),
        (lambda data: b"<html>" * len(data), "ranges", "not a readable ROOT file"),
    ],
    ids=["truncated", "not closed", "without ranges", "failing", "a web page"],
)
def test_servers_and_files_that_fail(
    change: Callable[[bytes], bytes],
    behaviour: str,
    words: str,
    root: Path,
    tmp_path: Path,
    serve: Callable[..., Server],
) -> None:
    server = serve(change(root.read_bytes()), behaviour)
    with pytest.raises(SourceError, match=words):
        baler_root.compress(server.url, tmp_path / "out.baler")
    assert not (tmp_path / "out.baler").exists()


def test_a_url_without_a_file(root: Path, tmp_path: Path, serve: Callable[..., Server]) -> None:
    with pytest.raises(SourceError, match="no such file"):
        baler_root.compress(serve(root.read_bytes()).url.replace("/file", "/none"), tmp_path / "out.baler")
