"""Branches that nobody interprets: the bytes of each entry, and where its basket began."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import SourceError

if TYPE_CHECKING:
    import awkward as ak

RAW = "raw bytes"
"""Interpretation of a raw branch, as `show()` prints it."""


AS_BYTES = "; as bytes: "
"""Text between the reason why a branch is not interpreted and the reason why its bytes cannot be read."""


GENERATED_OFFSETS = 1
"""Bit of TIOFeatures: baskets have no offsets of their entries, since readers can work them out."""


OTHER_OFFSETS = 1 << 16
"""Added to the position of a basket that has offsets of its entries although its branch has none, or that has
none although its branch has them."""


class RawBranch:
    """A branch of uproot whose entries are read as bytes.

    The array has a record for each entry of the tree: its `bytes`, and `basket`, which is 0 except in the
    first entry of a basket. There it is the position of the bytes in the buffer of the basket, counted from
    the start of its key, which is below 2^15: objects refer to others by such positions. `OTHER_OFFSETS` is
    added to it for some baskets. The entries of a branch that was never
    filled are empty. Bytes of a basket whose entries cannot be told apart all belong to its first entry.
    """

    def __init__(self, branch: Any) -> None:
        """Raises SourceError for a branch with entries, but not as many as its tree."""
        self.branch = branch
        self.num_entries = int(branch.tree.num_entries)
        self._last: tuple[int, NDArray[np.uint8], NDArray[np.int64], int] | None = None
        stored = int(branch.num_entries)
        if stored not in (0, self.num_entries):
            raise SourceError(f"the branch has {stored} entries, its tree {self.num_entries}")
        entries = [0, *np.cumsum([self._length(n) for n in range(int(branch.num_baskets))]).tolist()]
        if entries[-1] != stored:
            raise SourceError(f"baskets of {entries[-1]} entries, {stored} are needed")
        self._edges: list[int] = entries

    @property
    def entry_offsets(self) -> list[int]:
        """Entry numbers at which baskets start, and the number of entries."""
        return self._edges if self._edges[-1] == self.num_entries else [*self._edges, self.num_entries]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.branch, name)

    def array(self, start: int, stop: int) -> ak.Array:
        """Records of the entries `start` to `stop`; raises SourceError for baskets that are not valid."""
        import awkward as ak

        pieces: list[NDArray[np.uint8]] = []
        lengths = np.zeros(stop - start, np.int64)
        baskets = np.zeros(stop - start, np.uint32)
        number = max(0, bisect_right(self._edges, start) - 1)
        while number < len(self._edges) - 1 and self._edges[number] < stop:
            first, last = max(start, self._edges[number]), min(stop, self._edges[number + 1])
            if first < last:
                data, offsets, position = self._basket(number)
                inside = offsets[first - self._edges[number] : last - self._edges[number] + 1]
                pieces.append(data[inside[0] : inside[-1]])
                lengths[first - start : last - start] = np.diff(inside)
                if first == self._edges[number]:
                    baskets[first - start] = position
            number += 1
        edges = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=edges[1:])
        content = np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)
        characters = ak.contents.NumpyArray(content, parameters={"__array__": "byte"})
        entries = ak.contents.ListOffsetArray(
            ak.index.Index64(edges), characters, parameters={"__array__": "bytestring"}
        )
        records = [entries, ak.contents.NumpyArray(baskets)]
        return ak.Array(ak.contents.RecordArray(records, ["bytes", "basket"], len(lengths)))

    def _length(self, number: int) -> int:
        start, stop = self.branch.basket_entry_start_stop(number)
        return int(stop) - int(start)

    def _basket(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], int]:
        """Bytes of a basket, offsets of its entries in them, and the position of the first byte."""
        if self._last is not None and self._last[0] == number:
            return self._last[1:]
        basket = self.branch.basket(number)
        data = np.asarray(basket.data, np.uint8)
        length = self._edges[number + 1] - self._edges[number]
        if int(basket.num_entries) != length:
            raise SourceError(f"basket {number} has {basket.num_entries} entries, not {length}")
        if basket.byte_offsets is None:
            offsets = self._even_offsets(len(data), length)
        else:
            offsets = np.asarray(basket.byte_offsets, np.int64)[: length + 1].copy()
            if len(offsets) != length + 1:
                raise SourceError(f"basket {number} has {len(offsets)} offsets of {length} entries")
            offsets[-1] = len(data)
        if offsets[0] != 0 or np.any(np.diff(offsets) < 0):
            raise SourceError(f"basket {number}: its entries do not follow one another")
        position = int(basket.member("fKeylen"))
        # uproot works out whether a basket inside a branch has offsets, and such a basket is written alone
        if not basket.is_embedded and (basket.byte_offsets is not None) != _has_offsets(self.branch):
            position += OTHER_OFFSETS
        self._last = number, data, offsets, position
        return self._last[1:]

    def _even_offsets(self, size: int, length: int) -> NDArray[np.int64]:
        """Offsets of entries of one size; all bytes in the first entry where the sizes are not known."""
        if generates_offsets(self.branch) or (length and size % length):
            return np.concatenate([[0], np.full(length, size)]).astype(np.int64)
        return np.arange(length + 1, dtype=np.int64) * (size // max(1, length))


def _has_offsets(branch: Any) -> bool:
    """Whether the baskets of a branch have offsets of their entries, as far as the branch says it."""
    return bool(branch.member("fEntryOffsetLen")) and not generates_offsets(branch)


def generates_offsets(branch: Any) -> bool:
    """Whether the baskets of a branch leave the offsets of their entries to the reader."""
    if not branch.member("fEntryOffsetLen") or not branch.has_member("fIOFeatures"):
        return False
    return bool(branch.member("fIOFeatures").member("fIOBits") & GENERATED_OFFSETS)
