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
    out = TBuffer(0)
    with out.pointed_to("TStreamerInfo"), out.versioned(9):
        out.named(_CLASS, "")
        out.pack("Ii", _CHECKSUM, _VERSION)
        with out.pointed_to("TObjArray"), out.object_array(len(_MEMBERS)):
            for name, (number, size, typename) in _MEMBERS.items():
                with out.pointed_to("TStreamerBasicType"), out.versioned(2), out.versioned(4):
                    out.named(name, "")
                    out.pack("iiii5i", number, size, 0, 0, 0, 0, 0, 0, 0)  # no array dimensions
                    out.string(typename)
    return bytes(out.data)
