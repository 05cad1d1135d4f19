"""A small uncompressed ROOT file that holds carried objects.

Its bytes depend only on its contents: it has no dates and no random identifiers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from baler_root.rootio.tbuffer import TBuffer, string_bytes

_SMALL, _BIG = struct.Struct(">ihiIhhii"), struct.Struct(">ihiIhhqq")
"""Numbers at the start of a key, with positions of 32 and of 64 bits."""


_DIRECTORY = struct.Struct(">hIIiiiiiH16s12x")
"""A TDirectory."""


_HEADER = struct.Struct(">4siiiiiiiBiiiH16s")
"""The first bytes of a ROOT file."""


_BEGIN = 100
"""Position of the first key."""


_FORMAT_VERSION = 62400
"""Version of ROOT as the file names it: 6.24/00."""


@dataclass(eq=False)
class RootObject:
    """A key of the source and the bytes of its object; an empty directory has no key."""

    parents: tuple[str, ...]
    name: str
    title: str
    key: Any
    payload: bytes = b""

    @property
    def path(self) -> str:
        """Path with directories, without cycle."""
        return "/".join((*self.parents, self.name))

    @property
    def is_big(self) -> bool:
        """Whether its key has 64-bit positions."""
        return self.key is not None and self.key.fVersion > 1000

    def read(self) -> None:
        """Fill `payload`, uncompressed; raises what uproot raises, or ValueError for a key not to be kept."""
        if self.key is None:
            return
        strings = (self.key.fClassName, self.key.fName, self.key.fTitle)
        size = (_BIG if self.is_big else _SMALL).size + sum(len(string_bytes(text)) for text in strings)
        if size != self.key.fKeylen:  # references inside the object count from the start of its key
            raise ValueError(f"its key has {self.key.fKeylen} bytes instead of {size}")
        chunk, cursor = self.key.get_uncompressed_chunk_cursor()
        self.payload = chunk.get(cursor.index, cursor.index + self.key.fObjlen, cursor, {}).tobytes()


class ObjectFile:
    """An uncompressed ROOT file of directories, objects and streamer information, built in memory."""

    def __init__(self) -> None:
        self.data = bytearray(_BEGIN)

    def build(self, objects: list[RootObject], streamers: list[bytes]) -> bytes:
        """Bytes of the whole file."""
        name_size = 2  # two empty strings: name and title of the file
        self._key("TFile", "", "", b"\0\0" + bytes(_DIRECTORY.size), 1, 0)
        name_size += self._key_size("TFile", "", "")
        keys, keys_size = self._contents(objects, (), ("TFile", ""), _BEGIN)
        self._directory(_BEGIN + name_size, keys_size, name_size, _BEGIN, 0, keys)
        info = self._streamers(streamers)
        info_size = len(self.data) - info
        free = len(self.data)
        size = self._key_size("TFile", "", "") + 10
        end = free + size
        self._key("TFile", "", "", struct.pack(">hii", 1, end, 2_000_000_000), 1, _BEGIN)
        _HEADER.pack_into(
            self.data, 0, b"root", _FORMAT_VERSION, _BEGIN, end, free, size, 1, name_size, 4, 0, info, info_size, 1, bytes(16)
        )  # fmt: skip
        return bytes(self.data)

    def _contents(
        self, objects: list[RootObject], parents: tuple[str, ...], owner: tuple[str, str], parent_seek: int
    ) -> tuple[int, int]:
        """Append the contents of a directory, then its list of keys; returns position and size of the
        list."""
        heads: list[bytes] = []
        directories: dict[str, list[RootObject]] = {}
        for item in objects:
            if item.parents[: len(parents)] == parents and len(item.parents) > len(parents):
                directories.setdefault(item.parents[len(parents)], []).append(item)
            elif item.key is None:
                directories.setdefault(item.name, [])
            else:
                heads.append(
                    self._key(
                        item.key.fClassName,
                        item.name,
                        item.title,
                        item.payload,
                        item.key.fCycle,
                        parent_seek,
                        big=item.is_big,
                    )
                )
        for name, members in directories.items():
            seek = len(self.data)
            heads.append(self._key("TDirectory", name, name, bytes(_DIRECTORY.size), 1, parent_seek))
            name_size = self._key_size("TDirectory", name, name)
            keys, keys_size = self._contents(members, (*parents, name), ("TDirectory", name), seek)
            self._directory(seek + name_size, keys_size, name_size, seek, parent_seek, keys)
        start = len(self.data)
        key_list = struct.pack(">i", len(heads)) + b"".join(heads)
        self._key(owner[0], owner[1], owner[1], key_list, 1, parent_seek)
        return start, len(self.data) - start

    def _key(
        self,
        classname: str,
        name: str,
        title: str,
        payload: bytes,
        cycle: int,
        parent: int,
        *,
        big: bool = False,
    ) -> bytes:
        """Append a key with its payload; returns the bytes of the key alone."""
        head = (_BIG if big else _SMALL).size
        size = self._key_size(classname, name, title) - _SMALL.size + head
        strings = string_bytes(classname) + string_bytes(name) + string_bytes(title)
        fields = (
            size + len(payload),
            1004 if big else 4,
            len(payload),
            0,
            size,
            cycle,
            len(self.data),
            parent,
        )
        key = (_BIG if big else _SMALL).pack(*fields) + strings
        self.data += key + payload
        return key

    @staticmethod
    def _key_size(classname: str, name: str, title: str) -> int:
        return _SMALL.size + sum(len(string_bytes(text)) for text in (classname, name, title))

    def _directory(
        self, offset: int, keys_size: int, name_size: int, seek: int, parent: int, keys: int
    ) -> None:
        _DIRECTORY.pack_into(
            self.data, offset, 5, 0, 0, keys_size, name_size, seek, parent, keys, 1, bytes(16)
        )

    def _streamers(self, streamers: list[bytes]) -> int:
        start = len(self.data)
        buffer = TBuffer(0)
        with buffer.versioned(5):
            buffer.tobject()
            buffer.string("")
            buffer.pack("i", len(streamers))
            for streamer in streamers:
                buffer.data += streamer + b"\0"  # an empty option
        self._key("TList", "StreamerInfo", "Doubly linked list", bytes(buffer.data), 1, _BEGIN)
        return start
