"""References in the last members of a TTree are moved, wherever they are; none is left to dangle."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.rootio.tbuffer import TBuffer
from baler_root.rootio.tree_tail import TreeTail, read_tail
from baler_root.rootio.ttree_writer import TTreeWriter
from tests.helpers.raw_ttrees import numbers

Content = Callable[[TBuffer], None]


def members(origin: int, info: Content, index: Content = TBuffer.refer) -> bytes:
    """The last members of a TTree with these objects as user info and as index."""
    buffer = TBuffer(origin)
    buffer.refer()  # aliases
    buffer.pack("id", 1, 1.0)
    buffer.pack("ii", 1, 0)
    index(buffer)
    buffer.refer()  # friends
    info(buffer)
    return bytes(buffer.data)


def info_of(*items: Content) -> Content:
    """A list of objects."""

    def write(buffer: TBuffer) -> None:
        with buffer.pointed_to("TList"), buffer.versioned(5):
            buffer.tobject()
            buffer.string("")
            buffer.pack("i", len(items))
            for item in items:
                item(buffer)
                buffer.string("")

    return write


def named(classname: str, title: str = "hello") -> Content:
    """An object with a name, whose class is named again each time."""

    def write(buffer: TBuffer) -> None:
        with buffer.pointed_to(classname):
            buffer.named("name", title)

    return write


def again(classname: str) -> Content:
    """A pointer to the object of this class that came before."""
    return lambda buffer: buffer.refer(class_place(buffer, classname) - 4)


def same_class(classname: str) -> Content:
    """An object of a class that came before, with the position of its name."""

    def write(buffer: TBuffer) -> None:
        start = len(buffer.data)
        buffer.pack("II", 0, 0x80000000 | class_place(buffer, classname))
        buffer.named("other", "world")
        struct.pack_into(">I", buffer.data, start, (len(buffer.data) - start - 4) | 0x40000000)

    return write


def class_place(buffer: TBuffer, classname: str) -> int:
    return buffer.origin + buffer.data.index(b"\xff" * 4 + classname.encode() + b"\0") + 2


def inside_unknown(item: Content) -> Content:
    """An object of a class whose content is not known, with this item in it."""

    def write(buffer: TBuffer) -> None:
        with buffer.pointed_to("Unknown"):
            buffer.data += b"\1"
            item(buffer)
            buffer.data += bytes(3)

    return write


def written_tree(path: Path, *parts: Content, branches: int = 1) -> Path:
    """A tree of so many branches with these last members."""

    class Tail(TreeTail):
        def at(self, position: int) -> bytes:
            return members(position, *parts) + bytes(4)

    leaves = [numbers(f"x{n}", n) for n in range(branches)]
    with uproot.recreate(path, compression=None) as file:
        writer = TTreeWriter(file, "t", "", leaves, {}, tail=Tail(b"", ()))
        for leaf in leaves:
            writer._fill_flat(leaf, np.arange(50, dtype=np.int32))
        writer.num_entries = 50
        writer.close()
    return path


MOVED = [
    (info_of(named("TNamed"), same_class("TNamed")),),
    (info_of(named("TNamed"), again("TNamed")),),
    (info_of(info_of(named("TNamed")), again("TNamed"), again("TNamed"), same_class("TNamed")),),
    (info_of(named("TNamed"), again("TNamed")), named("TTreeIndex")),
    (info_of(named("TObjString"), inside_unknown(same_class("TObjString"))),),
]
"""Members with references of all kinds."""


@pytest.mark.parametrize("parts", MOVED)
@pytest.mark.parametrize("branches", [1, 7])
def test_references_are_moved(parts: tuple[Content, ...], branches: int, tmp_path: Path) -> None:
    """Read from any tree and written at any position, the members are those that ROOT would write there."""
    with uproot.open(written_tree(tmp_path / "a.root", *parts, branches=branches)) as file:
        tail, left_out = read_tail(file["t"])
    assert left_out == []
    assert tail is not None
    for position in (0, 500, 70000):
        assert tail.at(position) == members(position, *parts) + bytes(4)


NOT_MOVED = [
    (
        info_of(named("TNamed"), inside_unknown(again("TNamed"))),
        "of class Unknown may refer to another object",
    ),
    (info_of(lambda buffer: buffer.refer(70)), "refers to an object that a branch has"),
]


@pytest.mark.parametrize(("info", "cause"), NOT_MOVED)
def test_members_are_left_out_by_name_where_references_are_not_known(
    info: Content, cause: str, tmp_path: Path
) -> None:
    with uproot.open(written_tree(tmp_path / "a.root", info)) as file:
        tail, left_out = read_tail(file["t"])
    assert tail is None
    assert cause in left_out[0][1]
    assert "user info" in left_out[0][0]


def test_bytes_that_equal_a_reference_are_not_moved(tmp_path: Path) -> None:
    """A title that holds the position of a class is text."""
    plain = info_of(named("TNamed"), same_class("TNamed"))
    position = members(0, plain).index(b"\xff" * 4 + b"TNamed") + 2

    def info(origin: int) -> Content:
        tag = struct.pack(">I", 0x80000000 | (origin + position)).decode(errors="surrogateescape")
        return info_of(named("TNamed"), named("TObjString", tag))

    tail = TreeTail(members(0, info(0)), ())
    assert tail.at(0)[: len(tail.data)] == tail.data
    with uproot.recreate(tmp_path / "a.root", compression=None) as file:
        writer = TTreeWriter(file, "t", "", [numbers("x", 0)], {}, tail=tail)
        writer.close()
    with uproot.open(tmp_path / "a.root") as file:
        read, _ = read_tail(file["t"])
    assert read == tail


@pytest.mark.parametrize(
    ("info", "names"),
    [
        (info_of(named("TNamed"), again("TNamed")), ["user info"]),
        (info_of(same_class("TTreeIndex")), None),
        (info_of(again("TTreeIndex")), None),
    ],
)
def test_without_an_index_no_reference_to_it_remains(
    info: Content, names: list[str] | None, tmp_path: Path
) -> None:
    source = written_tree(tmp_path / "a.root", info, named("TTreeIndex"))
    with uproot.open(source) as file:
        tail, _ = read_tail(file["t"])
    assert tail is not None
    rest = tail.without_index()
    assert (None if rest is None else rest.names) == names
    if rest is not None:
        longer = members(300 - 12, info)  # with 12 bytes of index values and numbers
        assert rest.at(300) == longer[:4] + bytes(8) + longer[24:] + bytes(4)
    baler_root.compress(source, tmp_path / "a.baler")
    baler_root.merge([tmp_path / "a.baler"] * 2, tmp_path / "m.baler")
    assert baler_root.inspect(tmp_path / "m.baler")["trees"][0]["members"] == (names or [])
