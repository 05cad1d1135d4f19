"""Opens a `.baler` file: its trees, and what is carried beside them."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, TypeVar

from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.format.codecs.base import Codec
from baler_root.format.codecs.registry import codec_with
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.read import Container, PageId, open_container
from baler_root.format.model_store import ModelStore, Places
from baler_root.format.page import Page

CACHE_SIZE = 1 << 24
"""Bytes of page payloads kept."""


Argument = TypeVar("Argument")


Result = TypeVar("Result")


class CarriedObject(NamedTuple):
    """A histogram or other object that is not a tree, carried along."""

    path: str
    cycle: int
    classname: str
    title: str


class FileReader:
    """An open `.baler` file: its trees, and what is carried beside them."""

    def __init__(self, container: Container, num_workers: int = 1, models: Places = None) -> None:
        self.container = container
        self._places = models
        self.path = container.name
        self._executor = ThreadPoolExecutor(num_workers) if num_workers > 1 else None
        self._kept: OrderedDict[PageId, tuple[tuple[Page, str], int]] = OrderedDict()
        self._kept_size = 0
        self._lock = Lock()
        manifest = container.manifest
        self.trees = [TreeReader(self, position) for position in range(len(manifest.trees))]
        self.objects = [CarriedObject(*entry) for entry in manifest.objects]
        self.directories = list(manifest.directories)
        self.metadata = dict(manifest.provenance)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        self.container.close()

    def kept(self, pages: Iterable[PageId]) -> dict[PageId, tuple[Page, str]]:
        """Those of the pages that are remembered."""
        with self._lock:
            return {page: self._kept[page][0] for page in pages if page in self._kept}

    def keep(self, page: PageId, opened: tuple[Page, str], size: int) -> None:
        """Remember an opened page, so that columns sharing it are not fetched one by one."""
        with self._lock:
            if page in self._kept:
                return
            self._kept[page] = (opened, size)
            self._kept_size += size
            while self._kept_size > CACHE_SIZE and len(self._kept) > 1:
                self._kept_size -= self._kept.popitem(last=False)[1][1]

    def codec(self, codec_id: str) -> Codec:
        """The codec of this id, with the models of the file if it is one that needs them."""
        return codec_with(codec_id, lambda: self.models)

    @cached_property
    def models(self) -> ModelStore:
        """The models that the pages name; those in other files are looked for when they are asked for."""
        return ModelStore.of(self.container, self._places)

    def map(self, function: Callable[[Argument], Result], items: Iterable[Argument]) -> Iterator[Result]:
        """`map`, in several threads where that was asked for."""
        return iter(map(function, items) if self._executor is None else self._executor.map(function, items))

    @cached_property
    def objects_blob(self) -> bytes:
        """The small ROOT file of carried objects; empty when there are none."""
        payload = self.container.read_block(BlockKind.OBJECTS)
        return b"" if payload is None else unpack_objects_block(payload)

    def objects_directory(self) -> Any:
        """The carried objects as an uproot directory."""
        from baler_root.rootio.objects import unpack_objects

        return unpack_objects(self.objects_blob)


def unpack_objects_block(payload: memoryview) -> bytes:
    """The ROOT file in an objects block."""
    from baler_root.format.binary.packed import unpack_bytes
    from baler_root.format.binary.varint import Cursor
    from baler_root.format.limits import MAX_PAGE_LENGTH

    cursor = Cursor(payload)
    blob = bytes(unpack_bytes(cursor, MAX_PAGE_LENGTH))
    cursor.finish("the carried objects")
    return blob


def open_file(
    path: str | os.PathLike[str] | BinaryIO,
    *,
    num_workers: int = 1,
    models: Places = None,
    **options: Any,
) -> FileReader:
    """The `.baler` file at a path, in a file object, or behind an fsspec URL; `options` go to fsspec.

    Pages are decoded by `num_workers` threads (as in `uproot.open`). `models` are `.balermodel` files, or folders of
    them, to look for models that are not in the file. Raises SourceError when it cannot be reached and FormatError
    when it is not whole.
    """
    container = open_container(path, **options)
    try:
        return FileReader(container, num_workers, models)
    except BaseException:
        container.close()
        raise
