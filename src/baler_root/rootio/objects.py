"""Objects that are not trees (histograms, parameters, anything with a key), carried byte for byte.

Objects are never interpreted. Their bytes, class names, titles and the streamer information they need are
kept in a small uncompressed ROOT file whose bytes depend only on its contents: it has no dates and no random
identifiers.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from baler_root.rootio.tbuffer import TBuffer, string_bytes

if TYPE_CHECKING:
    import uproot


TTREES = ("TTree", "TNtuple", "TNtupleD", "TChain")


RNTUPLES = ("ROOT::RNTuple", "ROOT::Experimental::RNTuple")


TREES = (*TTREES, *RNTUPLES)
"""Classes that are read as trees and so not carried as objects."""


DIRECTORIES = ("TDirectory", "TDirectoryFile")


_SMALL, _BIG = struct.Struct(">ihiIhhii"), struct.Struct(">ihiIhhqq")


_DIRECTORY = struct.Struct(">hIIiiiiiH16s12x")


_HEADER = struct.Struct(">4siiiiiiiBiiiH16s")


_BEGIN = 100


_FORMAT_VERSION = 62400


_CLASS_TAG = re.compile(rb"\xff\xff\xff\xff([^\x00]{1,1000})\x00")
"""Pattern of the class name of an object that others point to."""


class CarriedObject(NamedTuple):
    """An object of the source file that is not a tree, or an empty directory."""

    path: str
    """With its directories, without cycle."""
    cycle: int
    classname: str
    title: str


def pack_objects(
    directory: uproot.ReadOnlyDirectory,
) -> tuple[bytes, list[CarriedObject], list[tuple[str, str]]]:
    """The objects of an open ROOT file as bytes, their list, and (path, cause) of those left out.

    All cycles are carried; trees are not objects. There are no bytes if there are no objects.
    """
    found: list[_Object] = []
    missing: list[tuple[str, str]] = []
    for item in _objects_in(directory, (), missing):
        try:
            item.read()
        except Exception as error:  # noqa: BLE001 - whatever uproot meets in a damaged key is a cause to report
            missing.append((item.path, f"{type(error).__name__}: {error}".splitlines()[0]))
        else:
            found.append(item)
    if not found:
        return b"", [], missing
    try:
        streamers = _streamers_for(directory.file, found)
    except Exception as error:  # noqa: BLE001 - objects of known classes are readable without their streamers
        streamers = []
        missing.append(("StreamerInfo", f"{type(error).__name__}: {error}".splitlines()[0]))
    return _MiniFile().build(found, streamers), [item.carried for item in found], missing


def unpack_objects(blob: bytes) -> uproot.ReadOnlyDirectory:
    """An open directory of packed objects, to be read with uproot; it is empty for no bytes."""
    import uproot

    blob = blob or _MiniFile().build([], [])
    return uproot.open(io.BytesIO(blob), array_cache=None, object_cache=None)


def copy_objects(blob: bytes, dest: uproot.WritableDirectory) -> None:
    """Writes the packed objects, their directories and streamers into an open file.

    Call it before trees are written: the bytes of an object are valid for keys in the first 2 GB of a file.
    Cycles are numbered from 1 again, in the same order.
    """
    import uproot.compression

    source = unpack_objects(blob)
    missing: list[tuple[str, str]] = []
    found = list(_objects_in(source, (), missing))
    infos = [info for versions in source.file.streamers.values() for info in versions.values()]
    dest.file._cascading.streamers.update_streamers(dest.file.sink, infos)
    for item in found:
        item.read()
        if item.key is None:
            dest.mkdir(item.path)
            continue
        folder = dest.mkdir("/".join(item.parents)) if item.parents else dest
        raw = uproot.compression.compress(item.payload, dest.file.compression)
        key = folder._cascading.add_object(
            dest.file.sink,
            item.key.fClassName,
            item.name,
            item.title,
            raw,
            len(item.payload),
            big=item.is_big or None,
        )
        if key.cycle > 1:
            list_newest_first(folder)


def list_newest_first(directory: uproot.WritableDirectory) -> None:
    """Sorts a directory's keys so that, of equal names, the highest cycle comes first.

    For a name without a cycle, ROOT takes the first key of that name.
    """
    listed = directory._cascading.data
    first = {key.name.string: index for index, key in reversed(list(enumerate(listed._keys)))}
    listed._keys.sort(key=lambda key: (first[key.name.string], -key.cycle))
    listed._file_dirty = True
    directory._cascading.write(directory.file.sink)
    directory.file.sink.flush()


def key_at(directory: uproot.ReadOnlyDirectory, path: str, cycle: int) -> uproot.reading.ReadOnlyKey:
    """The key at this path and cycle; unlike in `directory[...]`, folders may have colons in their names."""
    head, _, name = path.rpartition("/")
    folder = directory
    for part in filter(None, head.split("/")):
        folder = folder.key(part).get()
    return folder.key(f"{name};{cycle}")


@dataclass(eq=False)
class _Object:
    """A key of the source and the bytes of its object; an empty directory has no key."""

    parents: tuple[str, ...]
    name: str
    title: str
    key: Any
    payload: bytes = b""

    @property
    def path(self) -> str:
        return "/".join((*self.parents, self.name))

    @property
    def is_big(self) -> bool:
        return self.key is not None and self.key.fVersion > 1000

    @property
    def carried(self) -> CarriedObject:
        if self.key is None:
            return CarriedObject(self.path, 1, DIRECTORIES[0], self.title)
        return CarriedObject(self.path, self.key.fCycle, self.key.fClassName, self.title)

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


def _objects_in(
    directory: Any, parents: tuple[str, ...], missing: list[tuple[str, str]]
) -> Iterator[_Object]:
    """All objects below, by directory, lower cycles before higher ones, and directories without keys."""
    keys = []
    for name in directory.keys(recursive=False, cycle=True):
        try:
            keys.append(directory.key(name))
        except KeyError:
            missing.append(
                ("/".join((*parents, name.rpartition(";")[0])), "uproot takes slashes in a name for folders")
            )
    order = {key.fName: at for at, key in reversed(list(enumerate(keys)))}
    for key in sorted(keys, key=lambda key: (order[key.fName], key.fCycle)):
        if key.fClassName in TREES:
            continue
        if key.fClassName not in DIRECTORIES:
            yield _Object(parents, key.fName, key.fTitle, key)
            continue
        path = (*parents, key.fName)
        try:
            inner = key.get()
        except Exception as error:  # noqa: BLE001 - whatever uproot meets in a damaged key is a cause to report
            missing.append(("/".join(path), f"{type(error).__name__}: {error}".splitlines()[0]))
            continue
        if len(inner.keys(recursive=False)) == 0:
            yield _Object(parents, key.fName, key.fTitle, None)
        yield from _objects_in(inner, path, missing)


def _streamers_for(file: Any, objects: list[_Object]) -> list[bytes]:
    """Serialised streamer information of all classes that keys or objects name, and of their bases."""
    import uproot.serialization

    names = {item.key.fClassName for item in objects if item.key is not None}
    for item in objects:
        names.update(match.decode(errors="replace") for match in _CLASS_TAG.findall(item.payload))
    needed: list[tuple[str, int]] = []
    for name in sorted(names):
        for streamer in file.streamers_named(name) or ():
            streamer._dependencies(file.streamers, needed)
    out = []
    for name, version in sorted(set(needed)):
        streamer = file.streamer_named(name, version)
        if streamer is not None:
            out.append(uproot.serialization.serialize_object_any(streamer, streamer.name))
    return out


class _MiniFile:
    """An uncompressed ROOT file of directories, objects and streamer information, built in memory."""

    def __init__(self) -> None:
        self.data = bytearray(_BEGIN)

    def build(self, objects: list[_Object], streamers: list[bytes]) -> bytes:
        """The whole file."""
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
        self, objects: list[_Object], parents: tuple[str, ...], owner: tuple[str, str], parent_seek: int
    ) -> tuple[int, int]:
        """Writes what lies in one directory, then its list of keys; position and size of that list."""
        heads: list[bytes] = []
        below: dict[str, list[_Object]] = {}
        for item in objects:
            if item.parents[: len(parents)] == parents and len(item.parents) > len(parents):
                below.setdefault(item.parents[len(parents)], []).append(item)
            elif item.key is None:
                below.setdefault(item.name, [])
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
        for name, inside in below.items():
            seek = len(self.data)
            heads.append(self._key("TDirectory", name, name, bytes(_DIRECTORY.size), 1, parent_seek))
            name_size = self._key_size("TDirectory", name, name)
            keys, keys_size = self._contents(inside, (*parents, name), ("TDirectory", name), seek)
            self._directory(seek + name_size, keys_size, name_size, seek, parent_seek, keys)
        start = len(self.data)
        listed = struct.pack(">i", len(heads)) + b"".join(heads)
        self._key(owner[0], owner[1], owner[1], listed, 1, parent_seek)
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
        """Appends a key and what it stands for; the key's own bytes."""
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

    def _directory(self, at: int, keys_size: int, name_size: int, seek: int, parent: int, keys: int) -> None:
        _DIRECTORY.pack_into(self.data, at, 5, 0, 0, keys_size, name_size, seek, parent, keys, 1, bytes(16))

    def _streamers(self, streamers: list[bytes]) -> int:
        start = len(self.data)
        out = TBuffer(0)
        with out.versioned(5):
            out.tobject()
            out.string("")
            out.pack("i", len(streamers))
            for streamer in streamers:
                out.data += streamer + b"\0"  # an empty option
        self._key("TList", "StreamerInfo", "Doubly linked list", bytes(out.data), 1, _BEGIN)
        return start
