"""Opens a finished file as its readers will, before it appears under its name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
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
                start, stop = _first_entries(tree.source.cluster_offsets)
                for position, array in tree.read(schema.stored(), start, stop).items():
                    if len(array) != stop - start:
                        name = f"tree {schema.path!r}, branch {schema.path_of(position)!r}"
                        raise OutputError(
                            f"{name}: {stop - start} entries read back as {len(array)}; no output remains"
                        )
    except FormatError as error:
        raise OutputError(f"the finished file cannot be read, no output remains: {error}") from error


def _first_entries(offsets: Sequence[int]) -> tuple[int, int]:
    """Range of the first entries of the shortest cluster, which is the quickest to decode."""
    clusters = pairwise(offsets)
    start, stop = min(clusters, key=lambda cluster: cluster[1] - cluster[0], default=(0, 0))
    return start, min(stop, start + _CHECKED_ENTRIES)
