"""Turns a `.baler` file back into a ROOT file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from baler_root._types import Progress
from baler_root.dataset.reader.file_reader import open_file
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import BalerError, ConfigError, OutputError
from baler_root.format.container.atomic_file import AtomicFile, check_not_input
from baler_root.format.model_store import Places

if TYPE_CHECKING:
    import awkward as ak

    from baler_root.rootio.read_back import TreeWritten


RootKind = Literal["auto", "ttree", "rntuple"]


@dataclass(frozen=True, slots=True)
class Decompression:
    """A ROOT file written from a `.baler` file."""

    source: str
    target: str
    size: int
    """Bytes of the ROOT file."""
    trees: tuple[TreeWritten, ...]
    """The trees written, with notes on what differs from the source."""


def decompress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    kind: RootKind = "auto",
    compression: str = "zstd-5",
    jobs: int = 1,
    models: Places = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Decompression:
    """Write the trees and objects of `source` to the new ROOT file `target`, cluster by cluster.

    `kind="auto"` writes a TTree where the source was one and every branch fits, else an RNTuple. A TTree
    with raw branches stays one; the branches that do not fit it then become an RNTuple `NAME_rntuple` beside
    it. A TTree has records as branches of their members (`vertex.x`).
    `compression` is that of the ROOT file ("none", or algorithm and level such as "zlib-1"). Pages are
    decoded by `jobs` threads. `models` are places of models that the file refers to: files, or folders of
    them. The file appears under its name once it has been read back. Raises FormatError, ConfigError (also if
    `target` is `source`), SourceError (a tree does not fit `kind`) or OutputError.
    """
    from baler_root.rootio.write import compression_of, write_root

    if kind not in ("auto", "ttree", "rntuple"):
        raise ConfigError(f"kind {kind!r}: choose auto, ttree or rntuple")
    compression_of(compression)
    check_not_input(target, source)
    with open_file(source, num_workers=jobs, models=models) as file:
        file.check_objects()
        output = AtomicFile(target, overwrite, b"root")
        output.file.close()
        total = sum(tree.schema.num_entries for tree in file.trees)
        try:
            written = write_root(
                output.temporary,
                [(tree.schema, partial(_clusters, tree)) for tree in file.trees],
                file.objects_blob or None,
                kind=kind,
                compression=compression,
                progress=None if progress is None else _counter(progress, total),
            )
            output.commit()
        except BalerError:
            raise
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{target}: cannot be written ({reason}); no output remains") from error
        finally:
            output.discard()
    return Decompression(os.fspath(source), os.fspath(target), Path(target).stat().st_size, tuple(written))


def _clusters(tree: TreeReader) -> Iterator[dict[int, ak.Array]]:
    """The stored branches of each cluster."""
    stored = tree.schema.stored()
    for start, stop in zip(tree.cluster_offsets, tree.cluster_offsets[1:], strict=False):
        yield tree.read(stored, start, stop)


def _counter(progress: Progress, total: int) -> Callable[[int], None]:
    """A function that adds up entries for `progress`."""
    done = 0

    def advance(entries: int) -> None:
        nonlocal done
        done += entries
        progress(done, total)

    return advance
