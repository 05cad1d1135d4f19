"""Shared state of all readers of one open file: container, codecs, threads, and caches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

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
        self.pages: ByteCache[PageId, OpenedPage] = ByteCache(PAGE_CACHE_SIZE)
        self.columns: ByteCache[tuple[PageId, int], NDArray[Any]] = ByteCache(cache_size)
        self._places = models
        self._executor = ThreadPoolExecutor(num_workers) if num_workers > 1 else None

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
