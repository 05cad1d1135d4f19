"""Bytes from anywhere: paths, file objects, fsspec URLs; opening and reading touch only what they need."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import awkward as ak
import fsspec
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

import baler_root
from baler_root.dataset.reader.file_reader import FileReader, open_file
from baler_root.errors import FormatError, SourceError, TruncatedFileError
from baler_root.format.container.bytesource import (
    FileObject,
    LocalFile,
    RemoteFile,
    coalesce,
    open_bytes,
    split,
)
from baler_root.format.container.layout import HEAD, TRAILER
from baler_root.format.container.read import TAIL_SIZE, Container
from tests.conftest import flat_columns, jagged_columns
from tests.unit.conftest import Server

ENTRIES, CLUSTER = 40_000, 10_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clusters, columns of which each has a page to itself, some 2 MB."""
    folder = tmp_path_factory.mktemp("bytesource")
    root, path = folder / "in.root", folder / "large.baler"
    jagged = jagged_columns(ENTRIES)
    flat = flat_columns(ENTRIES)
    with uproot.recreate(root) as file:
        types = {name: values.dtype for name, values in flat.items()}
        file.mktree("Events", {**types, "Muon": ak.type(jagged["Muon"]).content})
        file["Events"].extend({**flat, **jagged})
    baler_root.compress(root, path, bound="lossless", cluster_size=CLUSTER, codec="classic")
    return path


class Counting:
    """A byte source that notes what is read."""

    def __init__(self, path: Path, local: bool = True) -> None:
        self._file = LocalFile(path)
        self.name, self.size, self.local = self._file.name, self._file.size, local
        self.calls: list[list[tuple[int, int]]] = []

    def read(self, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        if ranges:
            self.calls.append(list(ranges))
        return self._file.read(ranges)

    def close(self) -> None:
        self._file.close()

    @property
    def total(self) -> int:
        return sum(size for call in self.calls for _, size in call)


def test_opening_is_one_read_of_the_tail(large: Path) -> None:
    far = Counting(large, local=False)
    FileReader(Container(far))
    assert far.calls == [[(far.size - TAIL_SIZE, TAIL_SIZE)]]
    near = Counting(large)
    FileReader(Container(near))
    assert near.calls == [[(0, HEAD.size)], [(near.size - TAIL_SIZE, TAIL_SIZE)]]


def test_opening_with_a_large_footer_takes_one_more_read(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.format.container.read.TAIL_SIZE", TRAILER.size + 10)
    source = Counting(large, local=False)
    container = Container(source)
    trailer = container.trailer
    assert source.calls[1:] == [[(trailer.footer_offset, trailer.footer_size)]]


def test_one_branch_of_one_range_touches_only_its_pages(large: Path) -> None:
    source = Counting(large, local=False)
    file = FileReader(Container(source))
    tree = file.trees[0]
    names = [branch.name for branch in tree.schema.branches]
    source.calls.clear()
    read = tree.read([names.index("weight")], 12_000, 18_000)
    assert len(read[names.index("weight")]) == 6000
    (column,) = tree.columns_of(names.index("weight"))
    row = file.container.pages[file.container.page_row(tree.page_of(1, column)[0])]
    assert source.calls == [[(int(row["offset"]), int(row["size"]))]]
    assert source.total < 0.05 * source.size


def test_a_jagged_branch_touches_values_and_counts(large: Path) -> None:
    source = Counting(large, local=False)
    tree = FileReader(Container(source)).trees[0]
    branch = [branch.name for branch in tree.schema.branches].index("Muon_pt")
    source.calls.clear()
    tree.read([branch], 0, 1)
    pages = {tree.page_of(0, column)[0] for column in tree.columns_of(branch)}
    assert sum(map(len, source.calls)) <= len(pages) + 1
    source.calls.clear()
    tree.read([branch], 0, 1)
    assert source.calls == []


def test_ranges_across_clusters_are_asked_for_together(large: Path) -> None:
    source = Counting(large, local=False)
    tree = FileReader(Container(source)).trees[0]
    source.calls.clear()
    tree.read([0, 3], CLUSTER - 1, 3 * CLUSTER + 1)
    assert len(source.calls) == 1
    assert tree.read([0], 5, 5)[0].to_list() == []


def test_inspecting_reads_no_page(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Counting(large)
    monkeypatch.setattr("baler_root.format.container.read.open_bytes", lambda *_: source)
    baler_root.inspect(large)
    tail = source.size - TAIL_SIZE
    assert all(offset >= tail or size <= HEAD.size for call in source.calls for offset, size in call) or (
        source.total < TAIL_SIZE + 10_000
    )


def test_file_objects_stay_open_and_may_start_anywhere(large: Path) -> None:
    with large.open("rb") as file:
        file.seek(1000)
        with baler_root.open(file) as opened:
            first = opened["Events"]["run"].array(entry_stop=3).to_list()
        assert not file.closed
        with open_file(io.BytesIO(large.read_bytes())) as again:
            assert again.trees[0].schema.num_entries == ENTRIES
    assert first == [204564] * 3


def test_fsspec_memory(large: Path) -> None:
    fsspec.filesystem("memory").pipe_file("/there.baler", large.read_bytes())
    with baler_root.open("memory://there.baler") as file, baler_root.open(large) as local:
        one, other = (f["Events"].arrays(entry_start=9_990, entry_stop=10_010) for f in (file, local))
        assert ak.array_equal(one, other, equal_nan=True)
    assert baler_root.verify("memory://there.baler").ok
    with pytest.raises(SourceError, match="no such file"):
        baler_root.open("memory://none.baler")


def test_unknown_protocols_are_named() -> None:
    with pytest.raises(SourceError, match="nonsense://x"):
        open_bytes("nonsense://x")


def test_files_that_end_early(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")
    fsspec.filesystem("memory").pipe_file("/x", b"0123456789")
    sources = [LocalFile(path), FileObject(io.BytesIO(b"0123456789")), RemoteFile("memory://x", {})]
    for source in sources:
        assert [bytes(part) for part in source.read([(8, 2), (0, 1), (3, 0)])] == [b"89", b"0", b""]
        with pytest.raises(TruncatedFileError):
            source.read([(8, 3)])
        source.close()


@given(st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 9_000)), max_size=8))
def test_coalesced_ranges_hold_what_was_asked(ranges: list[tuple[int, int]]) -> None:
    data = np.random.default_rng(0).bytes(40_000)
    merged = coalesce(ranges)
    assert all(a + n < b for (a, n), (b, _) in pairwise(merged))
    parts = [memoryview(data)[a : a + n] for a, n in merged]
    assert [bytes(p) for p in split(ranges, merged, parts)] == [data[a : a + n] for a, n in ranges]


# Over http


def test_http_reads_ranges_only(serve: Callable[..., Server], large: Path) -> None:
    server = serve(large.read_bytes())
    size = large.stat().st_size
    with open_file(server.url) as file:
        assert server.gets == [f"bytes={size - TAIL_SIZE}-{size - 1}"]
        tree = file.trees[0]
        branch = [branch.name for branch in tree.schema.branches].index("weight")
        array = tree.read([branch], 11_000, 12_000)[branch]
        assert len(server.gets) == 2
        row = file.container.pages[file.container.page_row(tree.page_of(1, tree.columns_of(branch)[0])[0])]
        start = int(row["offset"])
        assert server.gets[1] == f"bytes={start}-{start + int(row['size']) - 1}"
    with baler_root.open(large) as local:
        assert (
            local["Events"]["weight"].array(entry_start=11_000, entry_stop=12_000).to_list()
            == array.to_list()
        )
    assert len([1 for method, _ in server.requests if method == "HEAD"]) <= 1


def test_http_in_threads(serve: Callable[..., Server], large: Path) -> None:
    server = serve(large.read_bytes())
    with ThreadPoolExecutor(4) as pool, baler_root.open(server.url) as file, baler_root.open(large) as local:
        ranges = [(at, at + 3000) for at in range(0, ENTRIES, 7000)]
        tree = file["Events"]
        found = list(
            pool.map(lambda r: tree.arrays(["energy", "run"], entry_start=r[0], entry_stop=r[1]), ranges)
        )
        for (start, stop), array in zip(ranges, found, strict=True):
            expected = local["Events"].arrays(["energy", "run"], entry_start=start, entry_stop=stop)
            assert array.to_list() == expected.to_list()


def test_http_missing_and_broken_servers(serve: Callable[..., Server], large: Path) -> None:
    server = serve(large.read_bytes())
    with pytest.raises(SourceError, match="no such file"):
        open_file(server.url.replace("file", "none"))
    with pytest.raises(SourceError, match="the server does not give it"):
        open_file(serve(b"", "broken").url)
    with pytest.raises(SourceError, match="the server does not give it"):
        open_file("http://127.0.0.1:9/file.baler")


def test_http_server_without_ranges(serve: Callable[..., Server], large: Path) -> None:
    """Refused, since every page would fetch the whole file."""
    server = serve(large.read_bytes(), "whole")
    with pytest.raises((SourceError, FormatError), match=r"ranges|bytes"):
        open_file(server.url)


def test_http_server_that_fails_later(serve: Callable[..., Server], large: Path) -> None:
    server = serve(large.read_bytes())
    with open_file(server.url) as file:
        server.behaviour = "broken"
        with pytest.raises(SourceError, match="cannot be read"):
            file.trees[0].read([0], 0, 1)
