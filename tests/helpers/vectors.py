"""The second reader, opened on a golden file."""

from __future__ import annotations

from tests.independent_reader.reader import Reader
from tests.vectors.corpus import path_of


def second_reader(name: str) -> Reader:
    """The second reader, with the models beside the file where there are any."""
    path = path_of(name)
    beside = path.with_suffix(".balermodel")
    return Reader(path.read_bytes(), beside.read_bytes() if path != beside and beside.exists() else b"")
