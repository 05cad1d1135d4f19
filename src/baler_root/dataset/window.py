"""Reads entry ranges that follow each other without decoding a cluster twice."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import awkward as ak

Read = Callable[[Sequence[int], int, int], "dict[int, ak.Array]"]


class Window:
    """Whole clusters of some branches, as many as the last range needed."""

    def __init__(self, read: Read, branches: Sequence[int], cluster_offsets: Sequence[int]) -> None:
        self._read = read
        self._branches = branches
        self._offsets = cluster_offsets
        self._start = self._stop = 0
        self._arrays: dict[int, ak.Array] = {}

    def read(self, start: int, stop: int) -> dict[int, ak.Array]:
        """Entries `start` to `stop` of the branches; `start` must not be before an earlier one."""
        if stop > self._stop:
            self._advance(start, stop)
        return {
            branch: array[start - self._start : stop - self._start] for branch, array in self._arrays.items()
        }

    def _advance(self, start: int, stop: int) -> None:
        import awkward as ak

        kept = {}
        first = self._offsets[bisect_right(self._offsets, start) - 1]
        if start < self._stop:
            kept = {branch: array[start - self._start :] for branch, array in self._arrays.items()}
            first = self._stop
        last = self._offsets[bisect_left(self._offsets, stop)]
        self._arrays = self._read(self._branches, first, last)
        if kept:
            self._arrays = {
                branch: ak.concatenate([kept[branch], array]) for branch, array in self._arrays.items()
            }
            first = start
        self._start, self._stop = first, last
