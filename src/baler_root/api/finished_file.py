"""Opens a finished file as its readers will, before it appears under its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest
from pathlib import Path

from baler_root.dataset.file import File
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import FormatError, OutputError
from baler_root.format.model_store import Places
from baler_root.format.schema import Tree

_CHECKED_ENTRIES = 10
"""Entries of each branch that are read, from the shortest cluster of its tree."""


def check_finished(path: Path, schemas: Sequence[Tree], models: Places) -> None:
    """Open the file with the public reader, compare its trees and objects, and read a part of each branch.

    Raises OutputError where a reader refuses the file, or finds other trees.
    """
    try:
        with open_file(path, models=models) as source, File(source) as file:
            source.check_objects()
            stored = [tree.schema for tree in file.source.trees]
            for written, read in zip_longest(schemas, stored):
                if written is None or read is None or _comparable(read) != _comparable(written):
                    tree = (written or read).path
                    raise OutputError(
                        f"tree {tree!r} reads back otherwise than it was written; no output remains"
                    )
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


def _comparable(tree: Tree) -> tuple[Tree, str]:
    """The tree with its weight as text, since a weight may be NaN, which differs from itself."""
    return replace(tree, weight=1.0), tree.weight.hex()


def _first_entries(offsets: Sequence[int]) -> tuple[int, int]:
    """Range of the first entries of the shortest cluster, which is the quickest to decode."""
    clusters = pairwise(offsets)
    start, stop = min(clusters, key=lambda cluster: cluster[1] - cluster[0], default=(0, 0))
    return start, min(stop, start + _CHECKED_ENTRIES)
