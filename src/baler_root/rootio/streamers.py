"""Descriptions of the classes of a TTree (TStreamerInfo), for readers that know them from the file alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baler_root.rootio.tbuffer import TBuffer

_BASIC_TYPES = {"short": (2, 2), "int": (3, 4), "unsigned int": (13, 4)}
"""Number of each type in a TStreamerElement, and its size in bytes."""


_BASE, _POINTER, _STRING = 0, 64, 65
"""Numbers of a base class, a pointer to an object, and a TString."""


Members = tuple[tuple[str, str, str | tuple[int, int]], ...]
"""Name, title and type of each member; of a base, its version and checksum."""


_ELEMENT_CLASS: tuple[str, int, int, Members] = (
    "TBranchElement", 10, 3880738403,
    (
        ("TBranch", "Branch descriptor", (13, 278366892)),
        ("fClassName", "Class name of referenced object", "TString"),
        ("fParentName", "Name of parent class", "TString"),
        ("fClonesName", "Name of class in TClonesArray or (STL) collection (if any)", "TString"),
        ("fCheckSum", "CheckSum of class", "unsigned int"),
        ("fClassVersion", "Version number of class", "short"),
        ("fID", "element serial number in fInfo", "int"),
        ("fType", "Branch type", "int"),
        ("fStreamerType", "branch streamer type", "int"),
        ("fMaximum", "Maximum entries for a TClonesArray or variable array", "int"),
        ("fBranchCount", "pointer to primary branchcount branch", "TBranchElement*"),
        ("fBranchCount2", "pointer to secondary branchcount branch", "TBranchElement*"),
    ),
)  # fmt: skip
"""Class, version, checksum and members."""


_LEAF_CLASS: tuple[str, int, int, Members] = (
    "TLeafElement", 1, 2689566867,
    (
        ("TLeaf", "Leaf: description of a Branch data type", (2, 1830715730)),
        ("fID", "element serial number in fInfo", "int"),
        ("fType", "leaf type", "int"),
    ),
)  # fmt: skip


def add_streamers(file: Any) -> None:
    """Declares the classes of a TTree in the list of an open file, as ROOT does."""
    import uproot.models
    from uproot.writing._cascade import RawStreamerInfo

    leaves = [getattr(uproot.models.TLeaf, f"Model_TLeaf{letter}_v1") for letter in "OBSILFDC"]
    infos = {}
    for model in (*leaves, uproot.models.TBranch.Model_TBranch_v13, uproot.models.TTree.Model_TTree_v20):
        for raw in model.class_rawstreamers:
            infos[raw[-2], raw[-1]] = RawStreamerInfo(*raw)
    for raw in _element_classes():  # uproot has none of these
        infos[raw[-2], raw[-1]] = RawStreamerInfo(*raw)
    file._cascading.streamers.update_streamers(file.sink, list(infos.values()))


def _element_classes() -> Iterator[tuple[None, bytes, str, int]]:
    """Streamer information in the form in which uproot has its own."""
    for name, version, checksum, members in (_ELEMENT_CLASS, _LEAF_CLASS):
        buffer = TBuffer(0)
        with buffer.pointed_to("TStreamerInfo"), buffer.versioned(9):
            buffer.named(name, "", bits=1 << 16)
            buffer.pack("Ii", checksum, version)
            with buffer.pointed_to("TObjArray"), buffer.object_array(len(members)):
                for member, title, kind in members:
                    _write_element(buffer, member, title, kind)
        buffer.string("")  # the option under which it is listed
        yield None, bytes(buffer.data), name, version


def _write_element(buffer: TBuffer, name: str, title: str, kind: str | tuple[int, int]) -> None:
    if isinstance(kind, tuple):
        version, checksum = kind
        with buffer.pointed_to("TStreamerBase"), buffer.versioned(3):
            _write_head(buffer, name, title, _BASE, 0, "BASE", checksum)
            buffer.pack("i", version)
        return
    if kind == "TString":
        classname, number, size = "TStreamerString", _STRING, 24
    elif kind.endswith("*"):
        classname, number, size = "TStreamerObjectPointer", _POINTER, 8
    else:
        classname, (number, size) = "TStreamerBasicType", _BASIC_TYPES[kind]
    with buffer.pointed_to(classname), buffer.versioned(2):
        _write_head(buffer, name, title, number, size, kind)


def _write_head(
    buffer: TBuffer, name: str, title: str, number: int, size: int, typename: str, checksum: int = 0
) -> None:
    """What every TStreamerElement begins with; a base has its checksum among the dimensions."""
    with buffer.versioned(4):
        buffer.named(name, title)
        buffer.pack("iiii", number, size, 0, 0)
        buffer.pack("iiiii", 0, checksum, 0, 0, 0)
        buffer.string(typename)
