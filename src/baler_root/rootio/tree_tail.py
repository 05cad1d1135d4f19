"""What a TTree has besides its branches: aliases, index, friends and user info, carried as ROOT streams them.

They are the last members of a TTree. Where one of their objects has the class of an earlier one, or is an
earlier one, it refers to that by a position; such references are kept relative to the first byte.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baler_root.errors import CorruptFileError
from baler_root.rootio.stream_references import ReferenceSearch
from baler_root.rootio.tbuffer import TBuffer

MAX_TAIL = 1 << 22
"""Most bytes that are carried; only an index of many entries has more."""


_NAMES = ("aliases", "index values", "index numbers", "index", "friends", "user info", "table of references")
"""The members, in order."""


_POINTER, _ARRAY = {0, 3, 4, 5, 6}, {1: 8, 2: 4}
"""Members that are pointers to objects; members that are arrays, and bytes of their items."""


_REFERENCES = 6
"""Member that is not carried: branches of `TRef` fill it again."""


_BYTE_COUNT, _CLASS = 0x40000000, 0x80000000


_MAP_OFFSET = 2
"""ROOT adds this to positions, since 0 and 1 have other meanings."""


@dataclass(frozen=True, slots=True)
class TreeTail:
    """The last members of a TTree."""

    data: bytes
    references: tuple[int, ...]
    """Places in `data` of references to classes and objects, which count from the first byte."""

    def to_json(self) -> dict[str, Any]:
        """The tail as JSON."""
        return {"data": base64.b64encode(self.data).decode(), "references": list(self.references)}

    @classmethod
    def from_json(cls, document: Any) -> TreeTail:
        """The tail in a manifest; raises CorruptFileError."""
        try:
            data = base64.b64decode(document["data"], validate=True)
            references = tuple(document["references"])
            if any(type(place) is not int or not 0 <= place <= len(data) - 4 for place in references):
                raise CorruptFileError("a reference lies outside of the members of a tree")
            list(_members(data))
        except (KeyError, TypeError, binascii.Error, ValueError, struct.error) as error:
            raise CorruptFileError(f"the members of a tree are not valid ({error})") from None
        return cls(data, references)

    @property
    def names(self) -> list[str]:
        """The members that are not empty, without aliases."""
        return _present(list(_members(self.data)))

    def without_index(self) -> TreeTail | None:
        """The tail without an index, whose entry numbers are those of one file.

        None if nothing else is in it, or if other members refer to a class or an object in the index.
        """
        members = list(_members(self.data))
        start, empty = len(members[0]), bytes(12)
        stop = start + sum(map(len, members[1:4]))
        data = bytearray(b"".join((members[0], empty, *members[4:])))
        shift = start + len(empty) - stop
        references = []
        for place in self.references:
            if start <= place < stop:
                continue
            (value,) = struct.unpack_from(">I", self.data, place)
            target = (value & ~_CLASS) - _MAP_OFFSET
            if start <= target < stop:
                return None
            moved = place if place < start else place + shift
            if target >= stop:
                struct.pack_into(">I", data, moved, value + shift)
            references.append(moved)
        tail = TreeTail(bytes(data), tuple(references))
        return tail if tail.names else None

    def at(self, position: int) -> bytes:
        """The bytes for this position of the first one, counted from the start of the tree's key.

        All members that ROOT expects are there.
        """
        data = bytearray(self.data)
        for place in self.references:
            (value,) = struct.unpack_from(">I", data, place)
            struct.pack_into(">I", data, place, (value + position) & 0xFFFFFFFF)
        present = len(list(_members(bytes(data))))
        return bytes(data) + bytes(4 * (len(_NAMES) - present))


def drop_index(document: dict[str, Any] | None) -> tuple[dict[str, Any] | None, str]:
    """The tail in a manifest without the index, and the names of the members that are left out."""
    if document is None:
        return None, ""
    tail = TreeTail.from_json(document)
    rest = tail.without_index()
    kept = [] if rest is None else rest.names
    return None if rest is None else rest.to_json(), ", ".join(
        name for name in tail.names if name not in kept
    )


def write_empty_tail(buffer: TBuffer, aliases: Mapping[str, str]) -> None:
    """Appends the last members of a TTree that has nothing but aliases."""
    if not aliases:
        buffer.refer()
    else:
        with buffer.pointed_to("TList"), buffer.versioned(5):
            buffer.tobject()
            buffer.string("")
            buffer.pack("i", len(aliases))
            for name, expression in aliases.items():
                with buffer.pointed_to("TNamed"):
                    buffer.named(name, expression)
                buffer.string("")  # the option under which it is listed
    buffer.pack("ii", 0, 0)  # index values, index numbers
    for _ in range(4):  # index, friends, user info, table of references
        buffer.refer()


def read_tail(tree: Any) -> tuple[TreeTail | None, list[tuple[str, str]]]:
    """The tail of a TTree of uproot, and (name, cause) of what cannot be carried.

    There is no tail if there are only aliases, which uproot reads.
    """
    if not tree.has_member("fAliases"):  # versions of about 2003
        index = [name for name in ("fIndexValues", "fIndex") if len(tree.member(name))]
        return None, [(name, "a TTree of this old version") for name in index]
    leaves = tree.member("fLeaves")
    start = leaves._cursor.index + leaves._num_bytes
    owner = next((base for base in tree.bases if base.classname == "TTree"), tree)  # of a TNtuple
    stop = owner._cursor.index + owner._num_bytes
    whole = bytes(tree.chunk.get(0, stop, tree._cursor, {}))
    origin = tree._cursor.origin
    try:
        members = list(_members(whole[start:stop]))
    except (struct.error, ValueError) as error:
        return None, [("index, friends and user info", f"not as ROOT streams them ({error})")]
    present = _present(members)
    left_out = []
    if _NAMES[_REFERENCES] in present:
        left_out.append((_NAMES[_REFERENCES], "its branches fill it again only as they are read with ROOT"))
    carried = [name for name in present if name != _NAMES[_REFERENCES]]
    if not carried:
        return None, left_out
    data = b"".join(members[:_REFERENCES])
    names = ", ".join(carried)
    if len(data) > MAX_TAIL:
        return None, [*left_out, (names, f"{len(data):,} bytes; at most {MAX_TAIL:,} are carried")]
    search = ReferenceSearch(whole, start, start + len(data), origin)
    try:
        place = start
        for number, member in enumerate(members[:_REFERENCES]):
            if number in _POINTER:
                search.add_pointer(place)
            place += len(member)
        references = search.finish()
    except (struct.error, ValueError, LookupError) as error:
        return None, [*left_out, (names, f"its references cannot be moved ({error})")]
    relative = bytearray(data)
    for place in references:
        (value,) = struct.unpack_from(">I", relative, place)
        struct.pack_into(">I", relative, place, value - (start - origin))
    return TreeTail(bytes(relative), tuple(references)), left_out


def _present(members: Sequence[bytes]) -> list[str]:
    """Names of the members that are not empty, without aliases."""
    return [name for name, part in zip(_NAMES[1:], members[1:], strict=False) if any(part)]


def _members(data: bytes) -> Iterator[bytes]:
    """The bytes of each member; raises ValueError for bytes that do not end with one."""
    position = 0
    for number in range(len(_NAMES)):
        if position == len(data):
            return
        (word,) = struct.unpack_from(">I", data, position)
        if number in _ARRAY:
            size = 4 + word * _ARRAY[number]
        elif word and not word & _BYTE_COUNT:
            raise ValueError("a pointer to an object that a branch has")
        else:
            size = 4 + (word & ~_BYTE_COUNT)
        if position + size > len(data):
            raise ValueError(f"{_NAMES[number]} of {size} bytes")
        yield data[position : position + size]
        position += size
    if position != len(data):
        raise ValueError(f"{len(data) - position} bytes behind them")
