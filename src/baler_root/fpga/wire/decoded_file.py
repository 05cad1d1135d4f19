"""What comes over a wire as an ordinary `.baler` file, written cluster by cluster in constant memory.

Values are what the latents alone say: nothing bounds their error against the events before the encoder, and the file
says so. Events that did not come are not in it: which, two of its branches and a tree of their own tell.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baler_root import __version__
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.latent.builtin import AutoencoderCodec
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import Manifest
from baler_root.format.container.write import ContainerWriter
from baler_root.fpga.link import Link
from baler_root.fpga.wire.flat_tree import UNBOUNDED, FlatColumn, PageOut, TreeOut
from baler_root.fpga.wire.ordering import INCIDENT
from baler_root.fpga.wire.packets import Flag
from baler_root.fpga.wire.received_page import LatentRows
from baler_root.fpga.wire.stream import Account

CLUSTER = 1 << 16
"""Events of a cluster."""


CODECS = (AutoencoderCodec.id, Classic.id)


REASON = "of latents alone"


NOTE = "decoded from a stream of latents: no bound holds against the events before the encoder"


STATUS = (
    FlatColumn(
        "wire_entry", "event of the run, from 0: where it jumps, events are missing", np.dtype(np.int64)
    ),
    FlatColumn("wire_flags", "bits: 1 a latent saturated, 2 sent raw", np.dtype(np.uint8)),
)


INCIDENTS = "wire_incidents"


TOLD = (
    FlatColumn("kind", "1 lost, 2 damaged, 3 repeated, 4 reordered, 5 too late", INCIDENT["kind"]),
    FlatColumn("first", "first event of the run that this is about", INCIDENT["first"]),
    FlatColumn("stop", "the event behind the last", INCIDENT["stop"]),
    FlatColumn("bytes", "of damage", INCIDENT["bytes"]),
)


Rows = NDArray[Any]


class DecodedFile:
    """The file while it is written: nothing is left of it unless it is finished."""

    def __init__(self, target: str | os.PathLike[str], link: Link, overwrite: bool = False) -> None:
        """Raises OutputError where the file cannot be written."""
        self._link, self._pages = link, LatentRows(link)
        trained = link.stored.trained
        told = [
            FlatColumn(
                known.name.replace("/", "."), "", np.dtype(known.dtype), own.values_per_row, UNBOUNDED, REASON
            )
            for known, own in zip(trained.columns, link.model.columns, strict=True)
        ]
        taken = {column.name for column in told}
        status = [own._replace(name=f"{own.name}_") if own.name in taken else own for own in STATUS]
        self._events = TreeOut(0, trained.tree, NOTE, [*told, *status], (len(told), len(status)))
        self._incidents = TreeOut(1, INCIDENTS, "what happened to events on the wire", TOLD, (len(TOLD),))
        self._rows = Batches(self._write_rows)
        self._happened = Batches(self._write_incidents)
        self._writer = ContainerWriter(target, overwrite)
        # First of all, so that `recover` can read what is there if the writer dies.
        self._writer.write_block(BlockKind.MODEL, self._pages.data)
        trees = tuple(tree.stored.emptied() for tree in (self._events, self._incidents))
        self._writer.write_block(BlockKind.SCHEMA, Manifest(trees, CODECS, provenance={"note": NOTE}).pack())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def add(self, rows: Rows, incidents: Rows) -> None:
        """Append events (`Layout.row`) in their order, and what happened to others (`INCIDENT`)."""
        self._rows.add(rows)
        self._happened.add(incidents)

    def finish(self, stream: str, account: Account) -> int:
        """Write what is left and give the file its name; returns its size. Raises OutputError."""
        self._rows.finish()
        self._happened.finish()
        trees = (self._events, self._incidents)
        for tree in trees:
            tree.write_statistics(self._writer)
        wire = {
            "note": NOTE,
            "stream": Path(stream).name,
            "model": self._link.layout.digest.hex(),
            **asdict(account),
        }
        provenance = {"wire": wire, "versions": {"baler_root": __version__}}
        parts = self._writer.finish(
            lambda blocks, superseded: Manifest(
                tuple(tree.stored for tree in trees),
                CODECS,
                blocks=tuple(blocks),
                superseded=tuple(superseded),
                provenance=provenance,
            )
        )
        return sum(parts.values())

    def _write_rows(self, rows: Rows) -> None:
        layout = self._link.layout
        (raw,) = np.nonzero(rows["flags"] & Flag.RAW)
        values = rows["values"]
        codec = self._pages.codec(values[:, : len(layout.latents)], raw, values[raw][:, : len(layout.inputs)])
        status = [np.ascontiguousarray(rows["entry"]), np.ascontiguousarray(rows["flags"])]
        self._events.write(
            self._writer,
            len(rows),
            [PageOut(codec, 0, self._pages.cells(len(rows))), PageOut.plain(1, status)],
        )

    def _write_incidents(self, rows: Rows) -> None:
        page = PageOut.plain(1, [np.ascontiguousarray(rows[column.name]) for column in TOLD])
        self._incidents.write(self._writer, len(rows), [page])


class Batches:
    """Rows, as many at a time as a cluster has."""

    def __init__(self, write: Callable[[Rows], None]) -> None:
        self._write = write
        self._parts: list[Rows] = []
        self._count = 0

    def add(self, rows: Rows) -> None:
        """Take rows; write clusters that are full."""
        self._parts.append(rows)
        self._count += len(rows)
        if self._count >= CLUSTER:
            rows = np.concatenate(self._parts)
            whole = self._count // CLUSTER * CLUSTER
            for start in range(0, whole, CLUSTER):
                self._write(rows[start : start + CLUSTER])
            self._parts = [rows[whole:].copy()]
            self._count -= whole

    def finish(self) -> None:
        """Write what is left."""
        if self._count:
            self._write(np.concatenate(self._parts))
        self._parts, self._count = [], 0
