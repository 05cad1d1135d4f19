"""Models of a file, each read from its bytes when a page first needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from baler_root.errors import CorruptFileError

T = TypeVar("T")


class LazyModels(Mapping[bytes, T]):
    """Models by their SHA-256, from their bytes."""

    def __init__(self, models: Mapping[bytes, bytes], read: Callable[[bytes], T]) -> None:
        """`read` makes a model of its bytes; what it raises, looking one up does."""
        self._models, self._read = models, read

    def __getitem__(self, digest: bytes) -> T:
        found: T = _opened(self._read, self._models[digest])
        return found

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


@lru_cache(maxsize=32)
def _opened(read: Callable[[bytes], Any], data: bytes) -> Any:
    """The model in these bytes; what is worked out of it is worked out once."""
    return read(data)


def named(models: Mapping[bytes, T], name: bytes) -> T:
    """The model whose SHA-256 begins so, as pages name it; raises CorruptFileError where there is none."""
    for digest in models:
        if digest.startswith(name):
            return models[digest]
    raise CorruptFileError(f"the model {name.hex()} is not in the file")
