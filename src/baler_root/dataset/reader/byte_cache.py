"""A cache of limited size in bytes; the least recently used entries are dropped first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class ByteCache(Generic[Key, Value]):
    """Values by key, the least recently put first; safe to use from several threads."""

    def __init__(self, capacity: int) -> None:
        """`capacity` [bytes] is never exceeded by the sizes given to `put`; 0 remembers nothing."""
        self._capacity = capacity
        self._items: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes of all values together."""
        return self._size

    def find(self, keys: Iterable[Key]) -> dict[Key, Value]:
        """The values of those keys that are in the cache."""
        with self._lock:
            return {key: self._items[key][0] for key in keys if key in self._items}

    def put(self, key: Key, value: Value, size: int) -> None:
        """Add a value of `size` bytes as the most recent one; a key already there keeps its value.

        A value larger than the capacity is not kept.
        """
        if size > self._capacity:
            return
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return
            self._items[key] = (value, size)
            self._size += size
            while self._size > self._capacity:
                self._size -= self._items.popitem(last=False)[1][1]
