"""Reads a ROOT file back once it is written, and compares it with what it should hold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from baler_root.errors import OutputError
from baler_root.format.schema import Tree, TreeKind
from baler_root.rootio.objects import key_at
from baler_root.rootio.rntuple_reader import link_fields
from baler_root.rootio.rntuple_writer import holdable

if TYPE_CHECKING:
    import awkward as ak


CHECKED_ENTRIES = 1000
"""Entries of each branch that are read back and compared once the file is written."""


@dataclass(frozen=True, slots=True)
class TreeWritten:
    """Kind and notes of one tree that was written."""

    path: str
    kind: TreeKind
    notes: tuple[str, ...]
    """Differences from the source, by branch and cause."""


@dataclass(slots=True)
class Check:
    """Names and values that a tree must have when it is read back."""

    tree: Tree
    written: TreeWritten
    names: list[str]
    num_entries: int
    cycle: int
    first: list[Any]
    """The first entries of each branch by place in `names`; None where there are none."""
    described: frozenset[str] = frozenset()
    """Names of the branches that are written as in the source, and need not be readable by uproot."""


def read_back(path: str | Path | IO[bytes], checks: Sequence[Check]) -> None:
    """Opens the file again and compares; raises OutputError naming tree and branch."""
    import uproot

    if isinstance(
        path, str | os.PathLike
    ):  # mapped into memory, since threads cost much for many small branches
        opened = uproot.open(path, handler=uproot.MemmapSource, array_cache=None, object_cache=None)
    else:
        opened = uproot.open(_Borrowed(path), array_cache=None, object_cache=None)
    with opened as source:
        for check in checks:
            _compare(source, check)


class _Borrowed:
    """A file object that can be read but not closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _compare(source: Any, check: Check) -> None:
    try:
        problem = _difference(source, check)
    except Exception as error:  # whatever uproot meets is a file that must not be handed out
        problem = f"{type(error).__name__}: {error}"
        raise OutputError(f"tree {check.tree.path!r} does not read back: {problem}") from error
    if problem:
        raise OutputError(f"tree {check.tree.path!r} does not read back: {problem}")


def _difference(source: Any, check: Check) -> str:
    """Difference between the tree in the file and the expected one; empty if there is none."""
    tree = key_at(source, check.tree.path, check.cycle).get()
    if check.written.kind == "RNTuple":
        link_fields(tree)
    items = list(tree.branches) if check.written.kind == "TTree" else list(tree.fields)
    if (names := [item.name for item in items]) != check.names:
        return f"branches {names} instead of {check.names}"
    if tree.num_entries != check.num_entries:
        return f"{tree.num_entries} entries instead of {check.num_entries}"
    for item, name, first in zip(items, names, check.first, strict=True):
        if name in check.described and first is None:
            continue
        stop = min(check.num_entries, CHECKED_ENTRIES)
        read = item.array(entry_start=0, entry_stop=stop, library="ak", array_cache=None)
        if first is not None and not same_values(read[: len(first)], first):
            return f"branch {item.name!r} has other values"
    return ""


def same_values(actual: ak.Array, expected: ak.Array) -> bool:
    """Whether two arrays are the same once both are as an RNTuple would hold them: class names aside."""
    import awkward as ak

    if ak.array_equal(actual, expected, equal_nan=True, dtype_exact=True, check_parameters=False):
        return True
    if "union[" in str(actual.type):  # compared as objects: the empty alternative may be there or not
        return repr(actual.to_list()) == repr(expected.to_list())
    converted = [ak.Array(holdable(ak.to_packed(array).layout, set())) for array in (actual, expected)]
    return bool(ak.array_equal(*converted, equal_nan=True, dtype_exact=True))
