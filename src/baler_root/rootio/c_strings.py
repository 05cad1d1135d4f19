"""C strings of a TTree (TLeafC), read as ROOT reads them; uproot misreads empty ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import uproot
from uproot.interpretation.strings import AsStrings, StringArray

from baler_root.errors import SourceError

_LONG = 255
"""Length byte after which the length follows in four bytes."""


class CStrings(AsStrings):  # type: ignore[misc]
    """uproot's `AsStrings` for a TLeafC: a string is empty where its entry has no bytes at all.

    ROOT writes nothing for an empty string, not even its length byte. Each length is checked against the
    bytes of its entry.
    """

    def basket_array(
        self,
        data: Any,
        byte_offsets: Any,
        basket: Any,
        branch: Any,
        context: Any,
        cursor_offset: int,
        library: Any,
        options: Any,
    ) -> Any:
        """Strings of one basket, as uproot's own method returns them.

        Raises SourceError, naming the entry, where a length differs from the bytes of its entry.
        """
        if byte_offsets is None:
            parent: Any = super()
            return parent.basket_array(
                data, byte_offsets, basket, branch, context, cursor_offset, library, options
            )
        stored = np.asarray(data, np.uint8)
        starts, stops = (np.asarray(part, np.int64) for part in (byte_offsets[:-1], byte_offsets[1:]))
        sizes = stops - starts
        bad = (starts < 0) | (sizes < 0) | (stops > len(stored))
        _refuse(bad, basket, "its bytes are not in the basket")
        lengths = np.zeros(len(sizes), np.int64)
        heads = np.minimum(sizes, 1)
        some = np.flatnonzero(sizes > 0)
        lengths[some] = stored[starts[some]]
        long = some[lengths[some] == _LONG]
        heads[long] = 5
        _refuse(heads > sizes, basket, "its length is cut off")
        for entry in long:
            lengths[entry] = int.from_bytes(stored[starts[entry] + 1 : starts[entry] + 5].tobytes(), "big")
        _refuse(lengths + heads != sizes, basket, "the length of the string is not that of its bytes")
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        places = np.arange(offsets[-1]) + np.repeat(starts + heads - offsets[:-1], lengths)
        return StringArray(offsets, stored[places].tobytes())


def interpretation_for(branch: Any) -> Any:
    """`CStrings` for a branch with one TLeafC; None for any other, whose own interpretation holds."""
    leaves = branch.member("fLeaves")
    if type(branch.interpretation) is AsStrings and [leaf.classname for leaf in leaves] == ["TLeafC"]:
        return CStrings()
    return None


def _refuse(bad: Any, basket: Any, why: str) -> None:
    if np.any(bad):
        position = int(np.argmax(bad))
        first = basket.entry_start_stop[0] if isinstance(basket, uproot.models.TBasket.Model_TBasket) else 0
        raise SourceError(f"entry {first + position}: {why}")
