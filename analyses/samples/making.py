"""Makes a sample: writes pseudo-data and simulation to a ROOT file, chunk by chunk."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from baler_root._types import Progress
from baler_root.errors import ConfigError
from baler_root.format.container.atomic_file import AtomicFile

from .composition import Composition, composition_of
from .events import Events
from .generator.processes import PROCESSES
from .generator.pseudodata import Bookkeeping, as_simulation
from .generator.pythia import require
from .schema.schema import Schema
from .schema.schema2020 import SCHEMA_2020
from .schema.schema2025 import SCHEMA_2025
from .stream import EventStream, make_stream, random_numbers

SCHEMAS = {"2020": SCHEMA_2020, "2025": SCHEMA_2025}
CHUNK = 20_000
"""Entries in memory at a time."""


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """Options of a sample; bad values raise ConfigError."""

    schema: str = "2020"
    """Release whose tree is written: "2020" or "2025"."""
    generator: str = "pythia"
    """Generator of the events: "pythia", or "quick", which needs no extra package."""
    luminosity: float | None = None
    """Luminosity of the pseudo-data [fb⁻¹]; None for the one that the number of entries represents."""
    seed: int = 1
    """Random seed; the same seed gives the same events."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed}: must not be negative")
        if self.schema not in SCHEMAS:
            raise ConfigError(f"schema {self.schema!r} is not known; there are {', '.join(SCHEMAS)}")
        if self.generator not in ("pythia", "quick"):
            raise ConfigError(f"generator {self.generator!r} is not known; choose pythia or quick")


@dataclass(frozen=True, slots=True)
class SamplePart:
    """Entries of one process in a sample."""

    process: str
    data: bool
    """Whether these are pseudo-data."""
    entries: int
    generated: int
    """Generated events, including those that fail the preselection."""
    sum_of_weights: float
    cross_section: float
    """Cross-section [pb]."""
    counted: bool
    """Whether these are pseudo-data whose number is given by the luminosity."""


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """Contents of a sample that was written."""

    path: str
    tree: str
    entries: int
    luminosity: float
    """Luminosity of the pseudo-data [fb⁻¹]; 0 if there are none."""
    parts: tuple[SamplePart, ...]
    seconds: float
    """Wall time."""
    size: int
    """Size of the file [B]."""


def make(
    path: str | Path,
    what: str,
    entries: int,
    options: SampleOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SampleSummary:
    """Writes `entries` events of the sample or process `what` to a new ROOT file, and returns its contents.

    The same arguments give the same events. Memory does not grow with the number of entries; a temporary file
    beside the output does.

    Raises ConfigError (an unknown name, no entries, more pseudo-data than entries), OutputError, and
    MissingExtraError if Pythia is chosen but not installed.
    """
    if options is None:
        options = SampleOptions()
    started = time.perf_counter()
    composition = composition_of(what)
    if entries < 1:
        raise ConfigError(f"{entries} entries: there must be at least one")
    if options.generator == "pythia":
        require()
    luminosity = composition.luminosity(entries, options.luminosity)
    schema = SCHEMAS[options.schema]
    maker = _Maker(composition, entries, luminosity, options.seed, options.generator, schema)
    output = AtomicFile(path, overwrite)
    output.file.close()
    try:
        with tempfile.TemporaryFile(dir=output.path.parent) as spool:
            sizes = []
            done = 0
            for chunk in maker.chunks():
                pickle.dump(chunk, spool, protocol=5)
                sizes.append(len(chunk))
                done += len(chunk)
                if progress is not None:
                    progress(done, entries)
            spool.seek(0)
            _write(output.temporary, schema, spool, len(sizes), maker)
        output.commit()
    except BaseException:
        output.discard()
        raise
    return SampleSummary(
        str(path), schema.tree, entries, luminosity, tuple(maker.parts()), time.perf_counter() - started,
        Path(path).stat().st_size,
    )  # fmt: skip


@dataclass(slots=True)
class _Maker:
    """Draws the events of a sample from the streams of its processes."""

    composition: Composition
    entries: int
    luminosity: float
    seed: int
    generator: str
    schema: Schema
    written: dict[tuple[str, bool], int] = field(default_factory=dict)
    """Entries by process, and by whether they are pseudo-data."""
    streams: dict[tuple[str, bool], EventStream] = field(default_factory=dict)

    def stream(self, name: str, data: bool) -> EventStream:
        """The stream of a process; pseudo-data and simulation have different ones."""
        if (name, data) not in self.streams:
            purpose = "data" if data else "simulation"
            rng = partial(random_numbers, self.seed, self.generator, name, purpose)
            self.streams[name, data] = make_stream(
                name, self.generator, rng("generator"), rng("detector"), self.entries
            )
        return self.streams[name, data]

    def chunks(self) -> Iterator[Events]:
        """All entries, in order."""
        done = 0
        for chunk in self._data():
            done += len(chunk)
            if done > self.entries:
                raise ConfigError(
                    f"{self.luminosity:g} fb⁻¹ give more events than the requested {self.entries} entries; "
                    "lower --luminosity or raise the number of entries"
                )
            if len(chunk):
                yield chunk
        remaining = self.entries - done
        shares = np.cumsum([0.0, *self.composition.simulation.values()])
        edges = np.round(shares / shares[-1] * remaining).astype(int)
        for name, n in zip(self.composition.simulation, np.diff(edges), strict=True):
            for start in range(0, n, CHUNK):
                yield self._simulated(name, min(CHUNK, int(n) - start))

    def _simulated(self, name: str, n: int) -> Events:
        self._add(name, False, n)
        return as_simulation(self.stream(name, False).accepted(n), PROCESSES[name])

    def _data(self) -> Iterator[Events]:
        """Pseudo-data: the counted processes, as the luminosity gives, and those that fill the rest."""
        if not self.composition.counted:
            return
        rng = random_numbers(self.seed, self.generator, "pseudo-data")
        books = Bookkeeping(random_numbers(self.seed, self.generator, "numbers"), self.schema.run_numbers)
        expected = {
            name: 1000 * self.luminosity * PROCESSES[name].cross_section for name in self.composition.counted
        }
        total = round(self.composition.filled_share * self.entries)
        pieces = int(np.ceil(max(total, sum(expected.values())) / CHUNK))
        edges = np.round(np.linspace(0, total, pieces + 1)).astype(int)
        for piece in range(pieces):
            parts = []
            for name, mean in expected.items():
                parts.append(self.stream(name, True).next_generated(int(rng.poisson(mean / pieces))))
                self._add(name, True, len(parts[-1]))
            if self.composition.filling:
                remaining = int(edges[piece + 1] - edges[piece]) - sum(map(len, parts))
                if remaining < 0:
                    raise ConfigError(
                        f"{self.luminosity:g} fb⁻¹ give more signal than {self.entries} entries can hold; "
                        "lower --luminosity or raise the number of entries"
                    )
                for name, n in zip(
                    self.composition.filling,
                    rng.multinomial(remaining, list(self.composition.filling.values())),
                    strict=True,
                ):
                    parts.append(self.stream(name, True).accepted(int(n)))
                    self._add(name, True, int(n))
            events = Events.concatenate(parts)
            events = events.take(rng.permutation(len(events)))
            yield books.as_data(events, piece / pieces, (piece + 1) / pieces)

    def _add(self, name: str, data: bool, n: int) -> None:
        self.written[name, data] = self.written.get((name, data), 0) + n

    def parts(self) -> Iterator[SamplePart]:
        """Entries of each process, after all chunks."""
        for (name, data), n in self.written.items():
            stream = self.streams[name, data]
            yield SamplePart(
                name,
                data,
                n,
                stream.generated,
                stream.weights,
                PROCESSES[name].cross_section,
                data and name in self.composition.counted,
            )

    def with_sums(self, events: Events) -> Events:
        """The events with cross-section and sum of weights of their process; both are 1 for data."""
        number = events.scalars["channelNumber"]
        names = ("XSection", "SumWeights", "weights_squared", "generated")
        columns = {name: np.ones(len(events)) for name in names}
        for (name, data), stream in self.streams.items():
            of_process = (number == PROCESSES[name].number) & (events.scalars["mcWeight"] != 0)
            if not data:
                columns["XSection"][of_process] = stream.process.cross_section
                columns["SumWeights"][of_process] = stream.weights
                columns["weights_squared"][of_process] = stream.weights_squared
                columns["generated"][of_process] = stream.generated
        return events.with_scalars(**columns)


def _write(path: Path, schema: Schema, spool: IO[bytes], chunks: int, maker: _Maker) -> None:
    import uproot

    with uproot.recreate(path, compression=uproot.ZLIB(1)) as file:
        tree = file.mktree(
            schema.tree,
            schema.types(),
            counter_name=schema.counter,
            field_name=lambda prefix, name: f"{prefix}_{name}",
        )
        for _ in range(chunks):
            events = pickle.load(spool)  # noqa: S301 - written above
            tree.extend(schema.columns(maker.with_sums(events)))
