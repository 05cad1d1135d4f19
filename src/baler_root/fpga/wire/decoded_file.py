"""`DecodedFile`: received events as an ordinary `.baler` file, written cluster by cluster in constant memory.

Values are decoded from the latents alone: nothing bounds their error against the events before the encoder,
and the file says so. Events that did not arrive are not in it; two of its branches and a separate tree
identify them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from baler_root import __version__
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.latent.builtin import AutoencoderCodec
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import Manifest
from baler_root.format.container.write import ContainerWriter
from baler_root.fpga.link import Link
from baler_root.fpga.wire.flat_tree import UNBOUNDED, FlatColumn, FlatTreeWriter, PackedPage
from baler_root.fpga.wire.ordering import INCIDENT, Events
from baler_root.fpga.wire.packets import Flag
from baler_root.fpga.wire.received_page import ReceivedPages, ReceivedRows
from baler_root.fpga.wire.stream import StreamStatistics

CLUSTER = 1 << 16
"""Events in a cluster."""


CODECS = (AutoencoderCodec.id, Classic.id)


REASON = "of latents alone"
"""Reason for the missing bound of decoded columns, stored in the file."""


NOTE = "decoded from a stream of latents: no bound holds against the events before the encoder"


STATUS_COLUMNS = (
    FlatColumn(
        "wire_entry", "event of the run, from 0: where it jumps, events are missing", np.dtype(np.int64)
    ),
    FlatColumn("wire_flags", "bits: 1 a latent saturated, 2 sent raw", np.dtype(np.uint8)),
)


INCIDENTS_TREE = "wire_incidents"


INCIDENT_COLUMNS = (
    FlatColumn("kind", "1 lost, 2 damaged, 3 repeated, 4 reordered, 5 too late", INCIDENT["kind"]),
    FlatColumn("first", "first event of the run that this is about", INCIDENT["first"]),
    FlatColumn("stop", "the event behind the last", INCIDENT["stop"]),
    FlatColumn("bytes", "of damage", INCIDENT["bytes"]),
)


class DecodedFile:
    """A file while it is written; it is removed unless it is finished."""

    def __init__(self, target: str | os.PathLike[str], link: Link, overwrite: bool = False) -> None:
        """Raises OutputError if the file cannot be written."""
        self._link, self._pages = link, ReceivedPages(link)
        trained = link.stored.trained
        decoded = [
            FlatColumn(
                known_column.name.replace("/", "."),
                "",
                np.dtype(known_column.dtype),
                column.values_per_row,
                UNBOUNDED,
                REASON,
            )
            for known_column, column in zip(trained.columns, link.model.columns, strict=True)
        ]
        decoded_names = {column.name for column in decoded}
        status = [
            column._replace(name=f"{column.name}_") if column.name in decoded_names else column
            for column in STATUS_COLUMNS
        ]
        groups = len(decoded), len(status)
        self._events = FlatTreeWriter(0, trained.tree, NOTE, [*decoded, *status], groups)
        self._incidents = FlatTreeWriter(
            1,
            INCIDENTS_TREE,
            "what happened to events on the wire",
            INCIDENT_COLUMNS,
            (len(INCIDENT_COLUMNS),),
        )
        self._waiting_events = ClusterBuffer(self._write_events)
        self._waiting_incidents = ClusterBuffer(self._write_incidents)
        self._writer = ContainerWriter(target, overwrite)
        # The model comes first, so that `recover` can read the clusters if the writer dies.
        self._writer.write_block(BlockKind.MODEL, self._pages.data)
        trees = tuple(tree.stored.emptied() for tree in (self._events, self._incidents))
        self._writer.write_block(BlockKind.SCHEMA, Manifest(trees, CODECS, provenance={"note": NOTE}).pack())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def add(self, events: Events, incidents: Events) -> None:
        """Append events (`PacketLayout.event_dtype`) in their order, and incidents (`INCIDENT`)."""
        self._waiting_events.add(events)
        self._waiting_incidents.add(incidents)

    def finish(self, stream: str, statistics: StreamStatistics) -> int:
        """Write the rest and give the file its final name; returns its size [bytes]. Raises OutputError."""
        self._waiting_events.finish()
        self._waiting_incidents.finish()
        trees = (self._events, self._incidents)
        for tree in trees:
            tree.write_statistics(self._writer)
        wire = {
            "note": NOTE,
            "stream": Path(stream).name,
            "model": self._link.layout.digest.hex(),
            **asdict(statistics),
        }
        provenance = {"wire": wire, "versions": {"baler_root": __version__}}
        parts = self._writer.finish(
            Manifest(tuple(tree.stored for tree in trees), CODECS, provenance=provenance)
        )
        return sum(parts.values())

    def _write_events(self, events: Events) -> None:
        layout = self._link.layout
        (raw,) = np.nonzero(events["flags"] & Flag.RAW)
        values = events["values"]
        rows = ReceivedRows(values[:, : len(layout.latents)], raw, values[raw][:, : len(layout.inputs)])
        page = PackedPage(*self._pages.pack(rows), self._pages.codec, 0)
        status = [np.ascontiguousarray(events["entry"]), np.ascontiguousarray(events["flags"])]
        self._events.write(self._writer, len(events), [page, PackedPage.exact(1, status)])

    def _write_incidents(self, incidents: Events) -> None:
        arrays = [np.ascontiguousarray(incidents[column.name]) for column in INCIDENT_COLUMNS]
        self._incidents.write(self._writer, len(incidents), [PackedPage.exact(1, arrays)])


class ClusterBuffer:
    """Collects events until a cluster is full, then writes it."""

    def __init__(self, write: Callable[[Events], None]) -> None:
        self._write = write
        self._parts: list[Events] = []
        self._count = 0

    def add(self, events: Events) -> None:
        """Add events; write the clusters that are full."""
        self._parts.append(events)
        self._count += len(events)
        if self._count >= CLUSTER:
            waiting = np.concatenate(self._parts)
            full = self._count // CLUSTER * CLUSTER
            for start in range(0, full, CLUSTER):
                self._write(waiting[start : start + CLUSTER])
            self._parts = [waiting[full:].copy()]
            self._count -= full

    def finish(self) -> None:
        """Write the rest as a shorter cluster."""
        if self._count:
            self._write(np.concatenate(self._parts))
        self._parts, self._count = [], 0
