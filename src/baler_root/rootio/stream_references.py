"""References in bytes that ROOT streamed: to classes and to objects, by positions counted from a key.

A pointer is 0, or a number of bytes followed by a class and an object, or the position of an object that came
before. A class is its name, or the position of its name. Only pointers are references: other bytes may have
the same value by chance.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_BYTE_COUNT, _CLASS, _NEW_CLASS = 0x40000000, 0x80000000, 0xFFFFFFFF


_MAP_OFFSET = 2
"""ROOT adds this to positions, since 0 and 1 have other meanings."""


_CLASS_NAME = re.compile(rb"\xff\xff\xff\xff([\x20-\x7e]{1,1000})\x00")


_LISTS = ("TList", "THashList")
"""Classes whose content is a list of pointers, each with an option."""


_WITHOUT_POINTERS = re.compile(r"TNamed|TObjString|TFriendElement|TTreeIndex|TParameter<.*>")
"""Classes that have no pointers."""


_IS_REFERENCED = 1 << 4
"""Bit of a TObject that has further bytes."""


_MAX_DEPTH = 32


class ReferenceSearch:
    """Search for the references in a part of a streamed object."""

    def __init__(self, data: bytes, start: int, stop: int, origin: int) -> None:
        """Search from `start` to `stop` in `data`, whose positions count from `origin`."""
        self._data, self._start, self._stop, self._origin = data, start, stop, origin
        self._names: dict[int, str] = {}
        for match in _CLASS_NAME.finditer(data):
            if self._is_counted(match.start(), len(data)):
                self._names[self._tag(match.start())] = match[1].decode()
        self.places: list[int] = []
        """Places of references in the part, counted from its start."""
        self._objects: set[int] = set()
        self._object_places: list[int] = []
        self._unknown: list[tuple[str, int, int]] = []

    def add_pointer(self, place: int, depth: int = 0) -> int:
        """Search in a pointer and the object behind it, which begin at `place`; returns their end.

        Raises ValueError or struct.error for bytes that are no pointer.
        """
        word, following = self._word(place), place + 4
        if word == 0:
            return following
        if word < _BYTE_COUNT:
            self._object_places.append(place)
            return following
        end = following + (word & ~_BYTE_COUNT)
        if word >= _CLASS or end > self._stop or depth > _MAX_DEPTH:
            raise ValueError("no pointer")
        self._objects.add(place - self._origin + _MAP_OFFSET)
        tag = self._word(following)
        if tag == _NEW_CLASS:
            name = self._names[self._tag(following)]
            self._add_content(name, following + 5 + len(name), end, depth)
        else:
            self._add_class(tag, following)
            self._add_content(self._names[tag], following + 4, end, depth)
        return end

    def finish(self) -> list[int]:
        """Places of all references, sorted; raises ValueError where not all are known."""
        for place in self._object_places:
            if self._word(place) not in self._objects:
                raise ValueError("it refers to an object that a branch has")
        self.places += [place - self._start for place in self._object_places]
        for name, start, stop in self._unknown:
            words = {self._word(place) for place in range(start, stop - 3)}
            if words & self._objects:
                raise ValueError(f"an object of class {name} may refer to another object")
        return sorted(self.places)

    def _add_class(self, tag: int, place: int) -> None:
        """Note a reference to a class."""
        if tag not in self._names:
            raise ValueError("it refers to a class without a name")
        if not self._start <= (tag & ~_CLASS) - _MAP_OFFSET + self._origin < self._stop:
            raise ValueError("an object has a class that a branch has brought along")
        self.places.append(place - self._start)

    def _add_content(self, name: str, start: int, stop: int, depth: int) -> None:
        if name in _LISTS:
            self._add_list(start, stop, depth)
        elif not _WITHOUT_POINTERS.fullmatch(name):
            self._unknown.append((name, start, stop))
            for place in self._nested(start, stop):
                self._objects.add(place - 4 - self._origin + _MAP_OFFSET)
                if self._word(place) != _NEW_CLASS:
                    self._add_class(self._word(place), place)

    def _add_list(self, start: int, stop: int, depth: int) -> None:
        place = start + 6  # byte count, version
        place += 12 if self._word(place + 6) & _IS_REFERENCED else 10  # TObject
        place = self._after_text(place)
        length, place = self._word(place), place + 4
        for _ in range(length):
            place = self._after_text(self.add_pointer(place, depth + 1))
            if place > stop:
                raise ValueError("a list is longer than its bytes")
        if place != stop:
            raise ValueError("a list is shorter than its bytes")

    def _nested(self, start: int, stop: int) -> Iterator[int]:
        """Places of the classes of objects in bytes whose meaning is not known."""
        for place in range(start + 4, stop - 3):
            word = self._word(place)
            tag = self._tag(place) if word == _NEW_CLASS else word
            if tag in self._names and self._is_counted(place, stop):
                yield place

    def _is_counted(self, place: int, stop: int) -> bool:
        """Whether a number of bytes that end before `stop` stands in front of a class."""
        if place < 4:
            return False
        word = self._word(place - 4)
        return bool(_BYTE_COUNT < word < _CLASS and place + (word & ~_BYTE_COUNT) <= stop)

    def _tag(self, place: int) -> int:
        """Reference to the class whose name stands at `place`."""
        return _CLASS | (place - self._origin + _MAP_OFFSET)

    def _after_text(self, place: int) -> int:
        """Place behind a TString."""
        length = self._data[place]
        return place + 1 + length if length < 255 else place + 5 + self._word(place + 1)

    def _word(self, place: int) -> int:
        return int(struct.unpack_from(">I", self._data, place)[0])
