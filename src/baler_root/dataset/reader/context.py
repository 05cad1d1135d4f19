"""Shared state of all readers of one open file: container, codecs, threads, and caches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from weakref import WeakSet

from numpy.typing import NDArray

from baler_root.dataset.reader.byte_cache import ByteCache
from baler_root.format.codecs.base import Codec
from baler_root.format.codecs.registry import codec_with
from baler_root.format.container.read import Container, PageId
from baler_root.format.model_store import ModelStore, Places
from baler_root.format.page import Page

PAGE_CACHE_SIZE = 1 << 24
"""Most bytes of page payloads that are remembered, so that columns of one page are fetched together."""


COLUMN_CACHE_SIZE = 256 << 20
"""Most bytes of decoded columns that are remembered by default."""


_contexts: WeakSet[ReadContext] = WeakSet()
"""All contexts of this process."""


Argument = TypeVar("Argument")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class OpenedPage:
    """An opened page: its directory is read, its columns are not decoded yet."""

    id: PageId
    first_column: int
    """Number in the tree of its first column."""
    content: Page
    codec: str
    """Id of the codec of its symbols."""


class ReadContext:
    """Container, codecs, threads and caches of one open file, handed down to everything that reads from it.

    `columns` remembers the symbols of columns that others are computed from, by page and position: read
    branch by branch, such a column is decoded once and not again for each branch. Its arrays are read-only.
    """

    def __init__(
        self,
        container: Container,
        num_workers: int = 1,
        models: Places = None,
        cache_size: int = COLUMN_CACHE_SIZE,
    ) -> None:
        self.container = container
        self._places = models
        self._num_workers = num_workers
        self._cache_size = cache_size
        self.start()
        _contexts.add(self)

    def start(self) -> None:
        """Start with empty caches and new threads."""
        self.pages: ByteCache[PageId, OpenedPage] = ByteCache(PAGE_CACHE_SIZE)
        self.columns: ByteCache[tuple[PageId, int], NDArray[Any]] = ByteCache(self._cache_size)
        self._executor = ThreadPoolExecutor(self._num_workers) if self._num_workers > 1 else None
        vars(self).pop("models", None)

    @cached_property
    def models(self) -> ModelStore:
        """Models that pages name; a model in another file is looked for when it is first used."""
        return ModelStore.of(self.container, self._places)

    def codec(self, codec_id: str) -> Codec:
        """The codec of this id, with the models of the file if it needs any; raises UnknownCodecError."""
        return codec_with(codec_id, lambda: self.models)

    def map(self, function: Callable[[Argument], Result], items: Iterable[Argument]) -> Iterator[Result]:
        """Results of `function` in the order of `items`, computed by `num_workers` threads."""
        return iter(map(function, items) if self._executor is None else self._executor.map(function, items))

    def close(self) -> None:
        """Stop the threads and release the file."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        self.container.close()


def _start_again() -> None:
    """In a forked process: its copies of threads do not run, and its copies of locks may be held for ever."""
    for context in list(_contexts):
        context.start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_again)
