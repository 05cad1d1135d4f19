"""Opens a `.baler` file: its trees, and the objects and directories beside them."""

from __future__ import annotations

import os
from functools import cached_property
from types import TracebackType
from typing import Any, BinaryIO, Self

from baler_root.dataset.reader.context import COLUMN_CACHE_SIZE, ReadContext
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import ConfigError, CorruptFileError, FormatError
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.objects_block import unpack_objects_block
from baler_root.format.container.read import Container, open_container
from baler_root.format.model_store import ModelStore, Places
from baler_root.rootio.objects import CarriedObject, list_objects, unpack_objects

_BAD_SIZE = "cache_size is a number of bytes, or a text such as '256 MB'; not {!r}"


class FileReader:
    """An open `.baler` file: its trees, and the objects and directories beside them."""

    def __init__(
        self,
        container: Container,
        num_workers: int = 1,
        models: Places = None,
        cache_size: int = COLUMN_CACHE_SIZE,
    ) -> None:
        """See `open_file`; `cache_size` in bytes."""
        self.context = ReadContext(container, num_workers, models, cache_size)
        self.container = container
        self.path = container.name
        manifest = container.manifest
        self.trees = [TreeReader(self.context, position) for position in range(len(manifest.trees))]
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
        self.context.close()

    @property
    def digest(self) -> str:
        """Digest of the file: that of its footer, which has those of all pages, and its size."""
        return f"{self.container.trailer.footer_digest:016x}-{self.container.size}"

    @property
    def models(self) -> ModelStore:
        """Models that pages name; a model in another file is looked for when it is first used."""
        return self.context.models

    @cached_property
    def objects_blob(self) -> bytes:
        """The small ROOT file of carried objects; empty when there are none."""
        payload = self.container.read_block(BlockKind.OBJECTS)
        return b"" if payload is None else unpack_objects_block(payload)

    def objects_directory(self) -> Any:
        """The carried objects as an uproot directory; raises FormatError if they are not what the file
        says."""
        self.check_objects()
        return unpack_objects(self.objects_blob)

    def check_objects(self) -> None:
        """Raise FormatError unless every object that the file lists is in its block of objects."""
        try:
            actual = {(entry.path, entry.cycle) for entry in list_objects(self.objects_blob)}
        except FormatError:
            raise
        except Exception as error:
            raise CorruptFileError(
                f"{self.path}: the carried objects are not a ROOT file ({type(error).__name__}: {error})"
            ) from error
        for entry in self.objects:
            if (entry.path, entry.cycle) not in actual:
                raise CorruptFileError(
                    f"{self.path}: the object {entry.path!r} of cycle {entry.cycle} is listed, but not in the file"
                )


def open_file(
    path: str | os.PathLike[str] | BinaryIO,
    *,
    num_workers: int = 1,
    models: Places = None,
    cache_size: int | str = COLUMN_CACHE_SIZE,
    **options: Any,
) -> FileReader:
    """The `.baler` file at a path, in a file object, or behind an fsspec URL; `options` go to fsspec.

    Pages are decoded by `num_workers` threads (as in `uproot.open`). `models` are `.balermodel` files, or
    folders of them, to look for models that are not in the file. `cache_size` (bytes, or a text such as `"256
    MB"`) limits the memory for decoded columns that others are computed from. Raises SourceError when the
    file cannot be reached, FormatError when it is damaged, and ConfigError for a `cache_size` that is not a
    size.
    """
    capacity = _bytes_of(cache_size)
    container = open_container(path, **options)
    try:
        return FileReader(container, num_workers, models, capacity)
    except BaseException:
        container.close()
        raise


def _bytes_of(cache_size: int | str) -> int:
    """A size in bytes, which may be text as in uproot (`"256 MB"`); raises ConfigError."""
    if isinstance(cache_size, str):
        from uproot._util import memory_size

        try:
            return int(memory_size(cache_size))
        except (TypeError, ValueError):
            raise ConfigError(_BAD_SIZE.format(cache_size)) from None
    if cache_size < 0:
        raise ConfigError(_BAD_SIZE.format(cache_size))
    return cache_size
