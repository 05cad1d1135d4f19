"""Partial reads: only the columns, clusters and bytes that are asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import baler_root
from baler_root.dataset.file import File
from baler_root.dataset.request import entry_range
from tests.helpers.uproot_source import FakeFile


def test_only_what_is_asked_is_read(jagged_root: Path) -> None:
    source = FakeFile(jagged_root)
    tree, reads = File(source)["Events"], source.trees[0].reads
    position = {name: branch.position for name, branch in tree.items()}
    tree["event"].array(entry_start=5, entry_stop=7)
    tree.arrays(["Muon_pt * 2"], "event > 3", entry_start=1, entry_stop=2)
    tree.arrays(filter_name="Muon_eta", entry_stop=4)
    tree.keys(filter_typename="double")
    tree.show(stream=io.StringIO())
    assert reads == [
        ((position["event"],), 5, 7),
        (tuple(sorted((position["Muon_pt"], position["event"]))), 1, 2),
        ((position["Muon_eta"],), 0, 4),
    ]


class Counting(io.BytesIO):
    """A file in memory that counts the bytes read from it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data

    def readinto(self, buffer: bytearray) -> int:
        size = super().readinto(buffer)
        self.count += size
        return size


def test_one_branch_of_one_range_takes_few_bytes(make_root: Callable[..., Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    columns = {f"x{i}": rng.normal(size=100_000) for i in range(4)}
    target = tmp_path / "wide.baler"
    baler_root.compress(make_root("wide.root", Events=columns), target, bound="lossless", cluster_size=20_000)
    file = Counting(target.read_bytes())
    tree = baler_root.open(file)["Events"]
    opened = file.count
    got = tree["x2"].array(entry_start=41_000, entry_stop=41_100)
    assert got.to_list() == columns["x2"][41_000:41_100].tolist()
    page = target.stat().st_size / 20
    assert file.count - opened < 1.5 * page


@given(st.integers(0, 50), st.none() | st.integers(-99, 99), st.none() | st.integers(-99, 99))
def test_entry_ranges_are_slices(entries: int, start: int | None, stop: int | None) -> None:
    first, last = entry_range(entries, start, stop)
    assert 0 <= first <= last <= entries
    assert list(range(first, last)) == list(range(entries))[start:stop]


def test_num_entries_for(jagged_root: Path) -> None:
    tree = File(FakeFile(jagged_root))["Events"]
    assert tree.num_entries_for("8 kB", ["event"]) == 1000
    assert tree.num_entries_for(1, ["event"]) == 1
    assert tree.num_entries_for("1 MB") < tree.num_entries_for("1 MB", filter_name="event")
    with pytest.raises(TypeError):
        tree.num_entries_for("many")
