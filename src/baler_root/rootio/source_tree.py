"""Trees of an open ROOT file: schema, first entries, and arrays of any range of entries."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from baler_root.errors import CorruptFileError, SourceError, UnreadableBranchError
from baler_root.format.schema import Tree
from baler_root.rootio.array_check import find_fault
from baler_root.rootio.array_parts import list_parts
from baler_root.rootio.raw.object_bytes import Encoding, encode_array
from baler_root.rootio.raw.raw_branch import RawBranch
from baler_root.rootio.rntuple_reader import cluster_ranges, join_arrays

if TYPE_CHECKING:
    import awkward as ak


@dataclass(slots=True)
class SourceTree:
    """A tree of an open ROOT file."""

    schema: Tree
    handles: dict[int, Any] = field(default_factory=dict)
    """uproot branch or field of each stored branch."""
    first_entries: dict[int, ak.Array] = field(default_factory=dict)
    """Arrays of the first entries of each stored branch."""
    same_as: str = ""
    """Key of an earlier cycle that is the same entries in the same baskets; empty if there is none."""
    entry_size: float = 0.0
    """Estimated bytes in memory per entry."""
    offsets: Sequence[int] = ()
    """Entry numbers at which every branch starts a basket or cluster."""
    items: Sequence[Any] = ()
    """uproot branch of every position; empty for an RNTuple."""
    left_out: Sequence[tuple[str, str]] = ()
    """(name, cause) of what the tree has besides branches and cannot be carried."""

    def without_first_entries(self) -> SourceTree:
        """The tree without the arrays of its first entries, which then need no memory."""
        return replace(self, first_entries={})

    def read(self, branches: Sequence[int], start: int, stop: int) -> dict[int, ak.Array]:
        """Arrays of the branches at these positions; raises SourceError naming the branch that fails."""
        return {branch: self._read(branch, start, stop) for branch in branches}

    def read_cluster(self, start: int, stop: int) -> dict[int, ak.Array]:
        """Arrays of all stored branches, for a cluster to be compressed.

        Raises SourceError naming the branch that fails: also one whose values do not become the bytes that
        ROOT stored again, by the encoding in the schema. Such a branch must be raw.
        """
        arrays = self.read(self.schema.stored(), start, stop)
        causes: list[tuple[str, str]] = []
        for position, array in arrays.items():
            branch = self.schema.branches[position]
            if branch.raw or branch.record is None or "encoding" not in branch.record:
                continue
            if why := _byte_difference(branch.record["encoding"], array, self.handles[position], start, stop):
                causes.append((self.schema.path_of(position), why))
        if causes:
            raise UnreadableBranchError(self.schema.path, *causes[0], tuple(causes[1:]))
        return arrays

    def _read(self, branch: int, start: int, stop: int) -> ak.Array:
        if branch in self.first_entries and (start, stop) == (0, len(self.first_entries[branch])):
            return self.first_entries[branch]
        try:
            return read_array(self.handles[branch], start, stop)
        except Exception as error:
            raise UnreadableBranchError(
                self.schema.path, self.schema.path_of(branch), cause(error)
            ) from error


def _byte_difference(encoding: Encoding, array: ak.Array, handle: Any, start: int, stop: int) -> str:
    """The first entry whose values have other bytes by an encoding than in the file, as text; or empty."""
    try:
        offsets, content = list_parts(RawBranch(handle).array(start, stop)["bytes"])
        data, ends = encode_array(encoding, array)
    except (SourceError, CorruptFileError) as error:
        return f"its values cannot be compared with their bytes ({error})"
    if np.array_equal(offsets, ends) and np.array_equal(content, data):
        return ""
    sizes = np.diff(offsets) != np.diff(ends)
    same = slice(0, int(offsets[int(np.argmax(sizes)) if sizes.any() else -1]))
    others = np.flatnonzero(content[same] != data[same])
    entry = np.searchsorted(offsets, others[0], side="right") - 1 if len(others) else np.argmax(sizes)
    return (
        f"the bytes of entry {start + int(entry)} are not those of its values as earlier entries store them"
    )


def read_array(handle: Any, start: int, stop: int) -> ak.Array:
    """Entries of an uproot branch or field as a valid awkward array; nothing is cached.

    Raises whatever uproot raises, and SourceError when another number of entries comes back, or an array
    that contradicts itself.
    """
    from baler_root.rootio.length_check import check_lengths, refuse_memberwise

    if isinstance(handle, RawBranch):
        return handle.array(start, stop)
    check_lengths(handle)
    refuse_memberwise(handle, start, stop)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = _uproot_array(handle, start, stop)
    if len(array) != stop - start:
        raise SourceError(f"{len(array)} entries come back where {stop - start} were asked for")
    if fault := find_fault(array):
        raise SourceError(f"entry {start + fault.position}: {fault.text}")
    return array


def _uproot_array(handle: Any, start: int, stop: int) -> Any:
    """Entries as uproot reads them, except where it is known to read wrong values (docs/upstream.md)."""
    from baler_root.rootio.c_strings import interpretation_for

    options: dict[str, Any] = {"library": "ak", "array_cache": None}
    if hasattr(handle, "ntuple"):
        ranges = cluster_ranges(handle, start, stop)
        if len(ranges) > 1:
            return join_arrays([handle.array(entry_start=a, entry_stop=b, **options) for a, b in ranges])
    elif hasattr(handle, "interpretation"):
        options["interpretation"] = interpretation_for(handle)
    return handle.array(entry_start=start, entry_stop=stop, **options)


def cause(error: BaseException) -> str:
    """One line that says why uproot could not read something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:200]


def cluster_lengths(tree: SourceTree, target: int) -> list[int]:
    """Entries of each cluster of about `target` entries, cut where baskets end when that is near."""
    total = tree.schema.num_entries
    lengths, start = [], 0
    while start < total:
        end = min(total, start + target)
        if total - end < target // 4:
            end = total
        else:
            near = [
                offset for offset in tree.offsets if start + target // 2 < offset <= start + target * 5 // 4
            ]
            if near:
                end = min(near, key=lambda offset: abs(offset - start - target))
        lengths.append(end - start)
        start = end
    return lengths
