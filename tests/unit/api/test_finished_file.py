"""A finished file is read back as its readers will read it, before it appears under its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.dataset.reader.file_reader import FileReader
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import CorruptFileError, OutputError

READ = TreeReader.read


def refused(self: TreeReader, branches: Sequence[int], start: int, stop: int) -> Any:
    raise CorruptFileError("more columns than a reader accepts")


def one_entry_short(self: TreeReader, branches: Sequence[int], start: int, stop: int) -> Any:
    return {branch: array[1:] for branch, array in READ(self, branches, start, stop).items()}


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (refused, "cannot be read, no output remains: more columns than a reader accepts"),
        (one_entry_short, "tree 't', branch 'x': 10 entries read back as 9; no output remains"),
    ],
)
def test_branches_that_read_back_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root_file: Path, read: Callable[..., Any], message: str
) -> None:
    monkeypatch.setattr(TreeReader, "read", read)
    with pytest.raises(OutputError, match=message):
        baler_root.compress(root_file, tmp_path / "a.baler", codec="classic")
    assert list(tmp_path.iterdir()) == [root_file]


def test_trees_that_read_back_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root_file: Path) -> None:
    initialise = FileReader.__init__

    def without_trees(self: FileReader, *arguments: Any) -> None:
        initialise(self, *arguments)
        self.trees = []

    monkeypatch.setattr(FileReader, "__init__", without_trees)
    with pytest.raises(OutputError, match="tree 't' reads back otherwise than it was written"):
        baler_root.compress(root_file, tmp_path / "a.baler", codec="classic")
    assert list(tmp_path.iterdir()) == [root_file]


@pytest.fixture
def root_file(tmp_path: Path) -> Path:
    """A ROOT file with one tree of two branches."""
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("t", {"x": "f4", "n": "i8"})
        file["t"].extend({"x": np.linspace(0, 1, 50, dtype="f4"), "n": np.arange(50)})
    return path
