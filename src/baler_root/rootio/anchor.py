"""Streamer information of an RNTuple's anchor, which uproot leaves out.

Readers without ROOT's headers, such as jsroot, need it to read the anchor.
"""

from __future__ import annotations

from typing import Any

from baler_root.rootio.tbuffer import TBuffer

_CLASS, _VERSION, _CHECKSUM = "ROOT::RNTuple", 2, 0x4BA21BF5
"""As ROOT 6.34 and later write them."""


_USHORT, _ULONG64 = (12, 2, "unsigned short"), (17, 8, "unsigned long long")
"""Type number, size and name of TStreamerElement."""


_MEMBERS = {
    "fVersionEpoch": _USHORT,
    "fVersionMajor": _USHORT,
    "fVersionMinor": _USHORT,
    "fVersionPatch": _USHORT,
    "fSeekHeader": _ULONG64,
    "fNBytesHeader": _ULONG64,
    "fLenHeader": _ULONG64,
    "fSeekFooter": _ULONG64,
    "fNBytesFooter": _ULONG64,
    "fLenFooter": _ULONG64,
    "fMaxKeySize": _ULONG64,
}


def declare_anchor(file: Any) -> None:
    """Adds the streamer information of ROOT::RNTuple to an open `uproot.WritableFile`, once."""
    from uproot.writing._cascade import RawStreamerInfo

    info = RawStreamerInfo(
        None, streamer_info() + b"\0", _CLASS, _VERSION
    )  # an empty option ends a list's item
    file._cascading.streamers.update_streamers(file.sink, [info])


def streamer_info() -> bytes:
    """The serialised TStreamerInfo (version 9) of the anchor."""
    buffer = TBuffer(0)
    with buffer.pointed_to("TStreamerInfo"), buffer.versioned(9):
        buffer.named(_CLASS, "")
        buffer.pack("Ii", _CHECKSUM, _VERSION)
        with buffer.pointed_to("TObjArray"), buffer.object_array(len(_MEMBERS)):
            for name, (number, size, typename) in _MEMBERS.items():
                with buffer.pointed_to("TStreamerBasicType"), buffer.versioned(2), buffer.versioned(4):
                    buffer.named(name, "")
                    buffer.pack("iiii5i", number, size, 0, 0, 0, 0, 0, 0, 0)  # no array dimensions
                    buffer.string(typename)
    return bytes(buffer.data)
