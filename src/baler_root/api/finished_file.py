"""Opens a finished file as its readers will, before it gets its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from baler_root.dataset.file import File
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import FormatError, OutputError
from baler_root.format.model_store import Places
from baler_root.format.schema import Tree

_CHECKED_ENTRIES = 10
"""Entries of each branch that are read, from the shortest cluster of its tree."""


def check_finished(path: Path, schemas: Sequence[Tree], models: Places) -> None:
    """Open the file with the public reader, compare its trees, and read some entries of each branch.

    Raises OutputError where a reader refuses the file, or finds other trees.
    """
    try:
        with File(open_file(path, models=models)) as file:
            stored = [tree.schema for tree in file.source.trees]
            if stored != list(schemas):
                raise OutputError(f"{path}: reads back with other trees than were written")
            for schema in stored:
                tree = file[f"{schema.path};{schema.cycle}"]
                offsets = tree.source.cluster_offsets
                start, stop = min(zip(offsets, offsets[1:], strict=False), key=_length, default=(0, 0))
                stop = min(stop, start + _CHECKED_ENTRIES)
                for position in schema.stored():
                    array = tree.all_branches[position].array(start, stop)
                    if len(array) != stop - start:
                        raise OutputError(
                            f"{tree.all_branches[position]}: reads back with {len(array)} entries"
                        )
    except FormatError as error:
        raise OutputError(f"the finished file cannot be read, nothing is left: {error}") from error


def _length(cluster: tuple[int, int]) -> int:
    return cluster[1] - cluster[0]
