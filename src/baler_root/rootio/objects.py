"""Objects that are not trees (histograms, parameters, anything with a key), carried byte for byte.

Objects are never interpreted. Their bytes, class names, titles and the streamer information they need are
kept in a small uncompressed ROOT file (`object_file`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from baler_root.format.limits import MAX_OBJECTS_LENGTH
from baler_root.rootio.object_file import ObjectFile, RootObject

if TYPE_CHECKING:
    import uproot


TTREES = ("TTree", "TNtuple", "TNtupleD")


RNTUPLES = ("ROOT::RNTuple", "ROOT::Experimental::RNTuple")


TREES = (*TTREES, *RNTUPLES)
"""Classes that are read as trees and so not carried as objects.

A TChain is an object: it has names of files, and no entries of its own.
"""


DIRECTORIES = ("TDirectory", "TDirectoryFile")


MAX_PAYLOADS_LENGTH = MAX_OBJECTS_LENGTH - (1 << 25)
"""Most bytes of all carried objects; the rest is left for their keys, and for streamer information."""


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
    directory: uproot.ReadOnlyDirectory, *, every_class: bool = False
) -> tuple[bytes, list[CarriedObject], list[tuple[str, str]]]:
    """The objects of an open ROOT file as bytes, their list, and (path, cause) of those left out.

    All cycles are carried; trees are not objects. Streamer information comes along of the classes that the
    objects need, or of `every_class` of the file. There are no bytes if there is neither.
    """
    objects: list[RootObject] = []
    missing: list[tuple[str, str]] = []
    length = 0
    for item in _objects_in(directory, (), missing):
        try:
            item.read()
        except Exception as error:  # noqa: BLE001 - whatever uproot meets in a damaged key is a cause to report
            missing.append((item.path, f"{type(error).__name__}: {error}".splitlines()[0]))
            continue
        if length + len(item.payload) > MAX_PAYLOADS_LENGTH:
            size = f"{len(item.payload)} bytes"
            missing.append((item.path, f"{size}, and all objects may have {MAX_PAYLOADS_LENGTH} together"))
            continue
        length += len(item.payload)
        objects.append(item)
    if not objects and not every_class:
        return b"", [], missing
    try:
        streamers = _streamers_for(directory.file, objects, every_class)
    except Exception as error:  # noqa: BLE001 - objects of known classes are readable without their streamers
        streamers = []
        missing.append(("StreamerInfo", f"{type(error).__name__}: {error}".splitlines()[0]))
    return ObjectFile().build(objects, streamers), [_carried(item) for item in objects], missing


def unpack_objects(blob: bytes) -> uproot.ReadOnlyDirectory:
    """An open directory of packed objects, to be read with uproot; it is empty for no bytes."""
    import uproot

    blob = blob or ObjectFile().build([], [])
    return uproot.open(io.BytesIO(blob), array_cache=None, object_cache=None)


def list_objects(blob: bytes) -> list[CarriedObject]:
    """The objects and empty directories in packed objects; raises what uproot raises if they are damaged."""
    return [_carried(item) for item in _objects_in(unpack_objects(blob), (), [])]


def copy_objects(blob: bytes, dest: uproot.WritableDirectory) -> None:
    """Writes the packed objects, their directories and streamers into an open file.

    Call it before trees are written: the bytes of an object are valid for keys in the first 2 GB of a file.
    Cycles are kept.
    """
    import uproot.compression

    source = unpack_objects(blob)
    missing: list[tuple[str, str]] = []
    objects = list(_objects_in(source, (), missing))
    infos = [info for versions in source.file.streamers.values() for info in versions.values()]
    dest.file._cascading.streamers.update_streamers(dest.file.sink, infos)
    for item in objects:
        item.read()
        if item.key is None:
            dest.mkdir(item.path)
            continue
        folder = dest.mkdir("/".join(item.parents)) if item.parents else dest
        raw = uproot.compression.compress(item.payload, dest.file.compression)
        with numbered(folder, item.key.fCycle):
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


def missing_classes(blob: bytes, others: bytes) -> list[str]:
    """Classes that packed objects describe, and others do not, or with other members: `name version n`."""
    described = unpack_objects(others).file.streamers
    missing = []
    for name, versions in unpack_objects(blob).file.streamers.items():
        for version, streamer in versions.items():
            other = described.get(name, {}).get(version)
            if other is None or other.member("fCheckSum") != streamer.member("fCheckSum"):
                missing.append(f"{name} version {version}")
    return missing


def object_differences(
    blob: bytes, source: uproot.ReadOnlyDirectory, left_out: Collection[str] = ()
) -> Iterator[str]:
    """Objects in which packed ones differ from those of an open ROOT file, without paths `left_out`."""
    packed = {_carried(item)[:2]: item for item in _objects_in(unpack_objects(blob), (), [])}
    for item in _objects_in(source, (), []):
        entry = _carried(item)
        other = packed.pop(entry[:2], None)
        if entry.path in left_out:
            continue
        name = f"the object {entry.path!r} of cycle {entry.cycle}"
        if other is None:
            yield f"lacks {name} of the source"
        elif _carried(other) != entry:
            yield f"{name} is a {_carried(other).classname} with the title {other.title!r:.60}, not a {entry.classname} with {entry.title!r:.60}"
        else:
            try:
                item.read()
                other.read()
            except Exception as error:  # noqa: BLE001 - whatever uproot meets in a damaged key
                yield f"{name} cannot be read ({type(error).__name__}: {error})".splitlines()[0]
                continue
            if item.payload != other.payload:
                yield f"{name} has other bytes than in the source"
            item.payload = other.payload = b""
    for path, cycle in packed:
        yield f"has the object {path!r} of cycle {cycle}, which the source lacks"


@contextmanager
def numbered(directory: uproot.WritableDirectory, cycle: int) -> Iterator[None]:
    """While active, a new key of this directory gets this cycle, if its name does not have it already.

    uproot itself gives the next number, so that the order of writing would become the order of cycles.
    """
    key_list = directory._cascading.data
    following = key_list.next_cycle

    def next_cycle(name: str) -> int:
        used = any(key.name.string == name and key.cycle == cycle for key in key_list._keys)
        return int(following(name)) if used else cycle

    key_list.next_cycle = next_cycle
    try:
        yield
    finally:
        del key_list.next_cycle


def list_newest_first(directory: uproot.WritableDirectory) -> None:
    """Sorts a directory's keys so that, of equal names, the highest cycle comes first.

    For a name without a cycle, ROOT takes the first key of that name.
    """
    key_list = directory._cascading.data
    first_index = {key.name.string: index for index, key in reversed(list(enumerate(key_list._keys)))}
    key_list._keys.sort(key=lambda key: (first_index[key.name.string], -key.cycle))
    key_list._file_dirty = True
    directory._cascading.write(directory.file.sink)
    directory.file.sink.flush()


def key_at(directory: uproot.ReadOnlyDirectory, path: str, cycle: int) -> uproot.reading.ReadOnlyKey:
    """The key at this path and cycle; unlike in `directory[...]`, folders may have colons in their names."""
    head, _, name = path.rpartition("/")
    folder = directory
    for part in filter(None, head.split("/")):
        folder = folder.key(part).get()
    return folder.key(f"{name};{cycle}")


def _carried(item: RootObject) -> CarriedObject:
    """Entry of an object, or of an empty directory, in the list of carried objects."""
    if item.key is None:
        return CarriedObject(item.path, 1, DIRECTORIES[0], item.title)
    return CarriedObject(item.path, item.key.fCycle, item.key.fClassName, item.title)


def _objects_in(
    directory: Any, parents: tuple[str, ...], missing: list[tuple[str, str]]
) -> Iterator[RootObject]:
    """All objects below, by directory, lower cycles before higher ones, and directories without keys."""
    keys = []
    for name in directory.keys(recursive=False, cycle=True):
        try:
            keys.append(directory.key(name))
        except KeyError:
            missing.append(
                ("/".join((*parents, name.rpartition(";")[0])), "uproot takes slashes in a name for folders")
            )
    order = {key.fName: index for index, key in reversed(list(enumerate(keys)))}
    for key in sorted(keys, key=lambda key: (order[key.fName], key.fCycle)):
        if key.fClassName in TREES:
            continue
        if key.fClassName not in DIRECTORIES:
            yield RootObject(parents, key.fName, key.fTitle, key)
            continue
        path = (*parents, key.fName)
        try:
            subdirectory = key.get()
        except Exception as error:  # noqa: BLE001 - whatever uproot meets in a damaged key is a cause to report
            missing.append(("/".join(path), f"{type(error).__name__}: {error}".splitlines()[0]))
            continue
        if len(subdirectory.keys(recursive=False)) == 0:
            yield RootObject(parents, key.fName, key.fTitle, None)
        yield from _objects_in(subdirectory, path, missing)


def _streamers_for(file: Any, objects: list[RootObject], every_class: bool) -> list[bytes]:
    """Serialised streamer information of all classes that keys or objects name, and of their bases.

    With `every_class`, of all classes of the file.
    """
    import uproot.serialization

    names = {item.key.fClassName for item in objects if item.key is not None}
    for item in objects:
        names.update(match.decode(errors="replace") for match in _CLASS_TAG.findall(item.payload))
    needed: list[tuple[str, int]] = []
    if every_class:
        needed = [(name, version) for name, versions in file.streamers.items() for version in versions]
        names = set()
    for name in sorted(names):
        for streamer in file.streamers_named(name) or ():
            streamer._dependencies(file.streamers, needed)
    serialised = []
    for name, version in sorted(set(needed)):
        streamer = file.streamer_named(name, version)
        if streamer is not None:
            serialised.append(uproot.serialization.serialize_object_any(streamer, streamer.name))
    return serialised
