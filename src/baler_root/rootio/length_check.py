"""Checks of lengths that uproot reads, before it allocates memory for a misread one, and of members.

Where a class is streamed in a way that uproot does not expect, it takes other bytes for the length of a
vector and allocates that many elements before it fails: 13 GiB for one 6 kB basket of a PHYSLITE file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
from uproot import containers
from uproot.interpretation.jagged import AsJagged
from uproot.interpretation.objects import AsObjects, AsStridedObjects
from uproot.source.cursor import Cursor

from baler_root.rootio.raw.raw_branch import RawBranch

if TYPE_CHECKING:
    import struct

    from uproot.source.chunk import Chunk

MEMBERWISE = 0x40
"""Bit in the first byte of the version of a vector that is streamed member by member."""


SMALL = 1 << 20
"""Lengths up to this are let through whatever is left of the basket: elements may take no bytes at all."""


def check_lengths(handle: Any) -> None:
    """Let an uproot branch or field raise ValueError when a container is longer than what is left of its
    basket.

    The branch's own interpretation gets a model that checks; nothing that other branches use is changed.
    """
    interpretation = getattr(handle, "interpretation", None)
    if isinstance(interpretation, AsObjects) and type(interpretation._model) is not GuardedModel:
        interpretation._model = GuardedModel(interpretation._model)


def refuse_memberwise(handle: Any, start: int, stop: int) -> None:
    """Raise ValueError for a vector of objects whose members are streamed one after another.

    uproot does not look at the bit that says so, and takes the members for objects (docs/upstream.md).
    """
    interpretation = getattr(handle, "interpretation", None)
    if not isinstance(interpretation, AsJagged) or interpretation.header_bytes != 10:
        return
    if not isinstance(interpretation.content, AsStridedObjects):
        return
    entries = ak.without_parameters(RawBranch(handle).array(start, stop)["bytes"])
    versions = entries[ak.num(entries) > 4][:, 4]
    if np.any(np.asarray(versions) & MEMBERWISE):
        raise ValueError(f"memberwise serialization of {interpretation.content}")


class GuardedModel:
    """A model of uproot (a class or an `AsContainer`) that reads with a `GuardedCursor`."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def read(self, chunk: Chunk, cursor: Cursor, *arguments: Any, **options: Any) -> Any:
        """One value, as the model reads it; raises ValueError for a length that cannot be."""
        checked = GuardedCursor(cursor._index, cursor._origin, cursor._refs)
        try:
            return self._model.read(chunk, checked, *arguments, **options)
        finally:
            cursor.move_to(checked.index)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __repr__(self) -> str:
        return repr(self._model)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Class of the model: uproot looks whether it is an `AsContainer`."""
        return type(self._model)


class GuardedCursor(Cursor):  # type: ignore[misc]
    """A cursor that checks the lengths of containers against the bytes that are left."""

    def field(self, chunk: Chunk, format: struct.Struct, context: Any, move: bool = True) -> Any:  # noqa: A002
        """One number; raises ValueError if it is the length of a container of more elements than bytes are
        left."""
        number = super().field(chunk, format, context, move=move)
        if format is containers._stl_container_size:
            remaining = chunk.stop - self._index
            if number > max(SMALL, remaining):
                raise ValueError(f"a vector of {number} elements in {remaining} bytes")
        return number

    def copy(self, link_refs: bool = True) -> GuardedCursor:
        """A cursor at the same place, which checks lengths, too."""
        refs = self._refs if link_refs or self._refs is None else dict(self._refs)
        return GuardedCursor(self._index, self._origin, refs)
