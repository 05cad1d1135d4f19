"""Makes a sample: pseudo-data and simulation, chunk by chunk, into a ROOT file."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from baler_root.errors import ConfigError
from baler_root.format.container.write import AtomicFile

from .events import Events
from .generator.processes import PROCESSES
from .generator.pseudodata import Bookkeeping, as_simulation
from .generator.pythia import require
from .recipes import Recipe, recipe
from .schema.schema import Schema
from .schema.schema2020 import SCHEMA_2020
from .schema.schema2025 import SCHEMA_2025
from .source import Source, make_source, random_numbers

Progress = Callable[[int, int], None]
SCHEMAS = {"2020": SCHEMA_2020, "2025": SCHEMA_2025}
CHUNK = 20_000
"""Entries that are held at a time."""


@dataclass(frozen=True, slots=True)
class Made:
    """One part of a sample."""

    process: str
    data: bool
    entries: int
    generated: int
    sum_of_weights: float
    cross_section: float
    """[pb]"""
    counted: bool
    """Pseudo-data of which there are as many as the luminosity gives."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was written."""

    path: str
    tree: str
    entries: int
    luminosity: float
    """Of the pseudo-data [fb⁻¹]; 0 where there are none."""
    parts: tuple[Made, ...]
    seconds: float
    size: int


def make(
    path: str | Path,
    what: str,
    entries: int,
    *,
    schema: str = "2020",
    generator: str = "pythia",
    luminosity: float | None = None,
    seed: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Sample:
    """Write `entries` events of a recipe or process to a new ROOT file, and say what is in it.

    Same arguments, same contents. `luminosity` [fb⁻¹] is that of the pseudo-data; without it, as many as the number of
    entries stands for. Memory does not grow with the number of entries; a temporary file beside the output does.

    Raises ConfigError (an unknown name, no entries, more pseudo-data than entries), OutputError, and MissingExtraError
    where Pythia is asked for and not installed.
    """
    started = time.perf_counter()
    chosen = recipe(what)
    if entries < 1:
        raise ConfigError(f"{entries} entries: there must be at least one")
    if seed < 0:
        raise ConfigError(f"seed {seed}: must not be negative")
    if schema not in SCHEMAS:
        raise ConfigError(f"schema {schema!r} is not known; there are {', '.join(SCHEMAS)}")
    if generator not in ("pythia", "quick"):
        raise ConfigError(f"generator {generator!r} is not known; choose pythia or quick")
    if generator == "pythia":
        require()
    lumi = chosen.luminosity(entries, luminosity)
    maker = _Maker(chosen, entries, lumi, seed, generator, SCHEMAS[schema])
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
            _write(output.temporary, SCHEMAS[schema], spool, len(sizes), maker)
        output.commit()
    except BaseException:
        output.discard()
        raise
    return Sample(
        str(path), SCHEMAS[schema].tree, entries, lumi, tuple(maker.made()), time.perf_counter() - started,
        Path(path).stat().st_size,
    )  # fmt: skip


@dataclass(slots=True)
class _Maker:
    """Runs the sources of a recipe."""

    recipe: Recipe
    entries: int
    luminosity: float
    seed: int
    generator: str
    schema: Schema
    written: dict[tuple[str, bool], int] = field(default_factory=dict)
    sources: dict[tuple[str, bool], Source] = field(default_factory=dict)

    def source(self, name: str, data: bool) -> Source:
        """The stream of a process; that of pseudo-data is another than that of simulation."""
        if (name, data) not in self.sources:
            purpose = "data" if data else "simulation"
            rng = partial(random_numbers, self.seed, self.generator, name, purpose)
            self.sources[name, data] = make_source(
                name, self.generator, rng("generator"), rng("detector"), self.entries
            )
        return self.sources[name, data]

    def chunks(self) -> Iterator[Events]:
        """All entries, in order."""
        done = 0
        for chunk in self._data():
            done += len(chunk)
            if done > self.entries:
                raise ConfigError(
                    f"{self.luminosity:g} fb⁻¹ give more events than the {self.entries} entries asked for; "
                    "lower --luminosity or raise the number of entries"
                )
            if len(chunk):
                yield chunk
        left = self.entries - done
        shares = np.cumsum([0.0, *self.recipe.simulation.values()])
        edges = np.round(shares / shares[-1] * left).astype(int)
        for name, n in zip(self.recipe.simulation, np.diff(edges), strict=True):
            for start in range(0, n, CHUNK):
                yield self._simulated(name, min(CHUNK, int(n) - start))

    def _simulated(self, name: str, n: int) -> Events:
        self._add(name, False, n)
        return as_simulation(self.source(name, False).accepted(n), PROCESSES[name])

    def _data(self) -> Iterator[Events]:
        """Pseudo-data: what the luminosity gives, and what fills the rest."""
        if not self.recipe.counted:
            return
        rng = random_numbers(self.seed, self.generator, "pseudo-data")
        books = Bookkeeping(random_numbers(self.seed, self.generator, "numbers"), self.schema.run_numbers)
        expected = {
            name: 1000 * self.luminosity * PROCESSES[name].cross_section for name in self.recipe.counted
        }
        total = round(self.recipe.filled_share * self.entries)
        pieces = int(np.ceil(max(total, sum(expected.values())) / CHUNK))
        edges = np.round(np.linspace(0, total, pieces + 1)).astype(int)
        for piece in range(pieces):
            parts = []
            for name, mean in expected.items():
                parts.append(self.source(name, True).next_generated(int(rng.poisson(mean / pieces))))
                self._add(name, True, len(parts[-1]))
            if self.recipe.filling:
                left = int(edges[piece + 1] - edges[piece]) - sum(map(len, parts))
                if left < 0:
                    raise ConfigError(
                        f"{self.luminosity:g} fb⁻¹ give more signal than {self.entries} entries can hold; "
                        "lower --luminosity or raise the number of entries"
                    )
                for name, n in zip(
                    self.recipe.filling,
                    rng.multinomial(left, list(self.recipe.filling.values())),
                    strict=True,
                ):
                    parts.append(self.source(name, True).accepted(int(n)))
                    self._add(name, True, int(n))
            events = Events.concatenate(parts)
            events = events.take(rng.permutation(len(events)))
            yield books.as_data(events, piece / pieces, (piece + 1) / pieces)

    def _add(self, name: str, data: bool, n: int) -> None:
        self.written[name, data] = self.written.get((name, data), 0) + n

    def made(self) -> Iterator[Made]:
        """What became of each process, once all chunks are made."""
        for (name, data), n in self.written.items():
            source = self.sources[name, data]
            yield Made(
                name,
                data,
                n,
                source.generated,
                source.weights,
                PROCESSES[name].cross_section,
                data and name in self.recipe.counted,
            )

    def with_sums(self, events: Events) -> Events:
        """The events with cross-section and sum of weights of their process; 1 for data, as in the real files."""
        number = events.scalars["channelNumber"]
        names = ("XSection", "SumWeights", "weights_squared", "generated")
        columns = {name: np.ones(len(events)) for name in names}
        for (name, data), source in self.sources.items():
            here = (number == PROCESSES[name].number) & (events.scalars["mcWeight"] != 0)
            if not data:
                columns["XSection"][here] = source.process.cross_section
                columns["SumWeights"][here] = source.weights
                columns["weights_squared"][here] = source.weights_squared
                columns["generated"][here] = source.generated
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
