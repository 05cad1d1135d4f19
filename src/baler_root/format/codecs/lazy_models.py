"""Models of a file, each parsed when a page first needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from baler_root.errors import CorruptFileError

T = TypeVar("T")


class LazyModels(Mapping[bytes, T]):
    """Mapping of models by their SHA-256, parsed from their bytes on first access."""

    def __init__(self, models: Mapping[bytes, bytes], parse: Callable[[bytes], T]) -> None:
        """`parse` parses the bytes of a model; its errors are raised on access."""
        self._models, self._read = models, parse

    def __getitem__(self, digest: bytes) -> T:
        model: T = _parsed(self._read, self._models[digest])
        return model

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


@lru_cache(maxsize=32)
def _parsed(parse: Callable[[bytes], Any], data: bytes) -> Any:
    """The model in these bytes; cached, since models compute tables on first use."""
    return parse(data)


def model_by_digest_prefix(models: Mapping[bytes, T], prefix: bytes) -> T:
    """The model whose SHA-256 begins with `prefix`, as pages name it; raises CorruptFileError if there is
    none.
    """
    for digest in models:
        if digest.startswith(prefix):
            return models[digest]
    raise CorruptFileError(f"the model {prefix.hex()} is not in the file")
