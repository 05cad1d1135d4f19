"""Makes a ROOT file of modules: electrons, jets and pile-up by Pythia, showers, noise, readout.

A few hundred events of each kind are generated. Each is used many times: pile-up is rotated about the beam
by a random angle, electrons and jets are moved so that they hit the module. Showers are parametrised, and a
cell is read out with 7 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

from examples.econt import geometry, showers
from examples.econt.geometry import CELLS, Floats

PILE_UP = 140
"""Mean number of collisions in a bunch crossing."""

NOISE = 0.25
"""Noise of a trigger cell [MIP]."""

UNIT, THRESHOLD = 0.25, 5
"""Energy of a count [MIP], and counts below which a cell is set to 0."""

MARGIN = 8.0
"""Distance from the module within which showers still reach it [cm]."""

NONE, ELECTRON, JET = 0, 1, 2
"""Kinds of rows: pile-up alone, or with an electron or a jet."""


@dataclass(frozen=True)
class Particles:
    """Particles of several events, as flat arrays."""

    event: NDArray[np.int64]
    x: Floats
    """x where the particle crosses the module's plane [cm]."""
    y: Floats
    """y where the particle crosses the module's plane [cm]."""
    energy: Floats
    charged: NDArray[np.bool_]
    light: NDArray[np.bool_]

    def take(self, selection: NDArray[Any]) -> Particles:
        """The selected particles."""
        return Particles(*(getattr(self, name)[selection] for name in self.__dataclass_fields__))


def generate(process: list[str], events: int, seed: int) -> Particles:
    """Particles of Pythia's events that cross the module's plane, on either side of the collision."""
    import pythia8mc as pythia8

    pythia = pythia8.Pythia("", False)
    for line in [
        "Print:quiet = on",
        "Beams:eCM = 14000.",
        "Random:setSeed = on",
        f"Random:seed = {seed + 1}",
        *process,
    ]:
        pythia.readString(line)
    pythia.init()
    rows: list[tuple[float, ...]] = []
    for number in range(events):
        while not pythia.next():
            pass
        for particle in pythia.event:
            if not particle.isFinal() or not 1.3 < abs(particle.eta()) < 3.2 or particle.e() < 0.3:
                continue
            code = abs(particle.id())
            if code in (12, 14, 16):
                continue
            far = geometry.DISTANCE / abs(particle.pz())
            rows.append(
                (
                    number,
                    particle.px() * far,
                    particle.py() * far,
                    particle.e(),
                    particle.isCharged(),
                    code in (11, 22),
                )
            )
    array = np.array(rows)
    return Particles(
        array[:, 0].astype(np.int64), array[:, 1], array[:, 2], array[:, 3], array[:, 4] > 0, array[:, 5] > 0
    )


def code_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts as 7-bit codes of HGCAL's front end: 4 bits of exponent, 3 of mantissa, rounded down."""
    exponent = np.maximum(np.floor(np.log2(np.maximum(counts, 1))).astype(np.int64) - 3, 0)
    mantissa = counts >> exponent
    return np.asarray(np.where(counts < 8, counts, 8 * exponent + mantissa).clip(0, 127))


def mips_of(codes: NDArray[np.integer]) -> Floats:
    """Energy [MIP] of 7-bit codes: the middle of the counts with the same code."""
    codes = codes.astype(np.int64)
    exponent = np.maximum(codes // 8 - 1, 0)
    mantissa = codes - 8 * exponent
    return np.asarray(UNIT * np.where(codes < 16, codes, (mantissa + 0.5) * 2.0**exponent))


@dataclass(frozen=True)
class Library:
    """Generated events from which modules are made."""

    pile_up: Particles
    electrons: Particles
    jets: Particles

    @classmethod
    def make(cls, events: int, seed: int) -> Library:
        """Generate `events` events of each kind."""
        soft = ["SoftQCD:inelastic = on"]
        z = [
            "WeakSingleBoson:ffbar2gmZ = on",
            "23:onMode = off",
            "23:onIfAny = 11",
            "PhaseSpace:mHatMin = 60.",
        ]
        hard = ["HardQCD:all = on", "PhaseSpace:pTHatMin = 30."]
        electrons = generate([*z, "PartonLevel:MPI = off"], events, seed + 1)
        return cls(generate(soft, events, seed), electrons, generate(hard, events, seed + 2))


def modules(library: Library, rows: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """7-bit codes of the cells; `kind`, `energy` [MIP], `x`, `y` [cm] of the signal; `pile_up` [MIP]."""
    mips = np.zeros((rows, CELLS))
    _add_pile_up(mips, library.pile_up, rng)
    kind = rng.choice([NONE, ELECTRON, JET], rows, p=[0.4, 0.3, 0.3])
    x, y = geometry.uniform(rng, rows)
    signal = np.zeros((rows, CELLS))
    for number, particles in ((ELECTRON, library.electrons), (JET, library.jets)):
        _add_signal(signal, np.flatnonzero(kind == number), particles, x, y, rng)
    noise = rng.normal(0, NOISE, mips.shape)
    counts = np.floor((mips + signal + noise) / UNIT).astype(np.int64).clip(0)
    counts[counts < THRESHOLD] = 0
    codes = code_of(counts)
    truth = {
        "kind": kind.astype("i4"),
        "energy": signal.sum(1).astype("f4"),
        "x": x.astype("f4"),
        "y": y.astype("f4"),
    }
    truth["pile_up"] = mips.sum(1).astype("f4")
    return {f"tc_{n:02d}": codes[:, n].astype("i4") for n in range(CELLS)} | truth


def _add_pile_up(mips: Floats, particles: Particles, rng: np.random.Generator) -> None:
    """Add pile-up to the cells: random particles of the library, each at a random angle about the beam."""
    radius = np.hypot(particles.x, particles.y)
    reach = geometry.SIDE + MARGIN
    near = particles.take(np.abs(radius - geometry.RADIUS) < reach)
    events = int(particles.event.max()) + 1
    half = reach / geometry.RADIUS
    # A collision reaches both ends of the detector; each particle is in one of them.
    mean = PILE_UP * len(near.energy) / events / 2 * half / np.pi
    counts = rng.poisson(mean, len(mips))
    chosen = rng.integers(0, len(near.energy), counts.sum())
    row = np.repeat(np.arange(len(mips)), counts)
    angle = rng.uniform(-half, half, len(row))
    distance = np.hypot(near.x, near.y)[chosen]
    pile_up = Particles(
        row,
        distance * np.cos(angle) - geometry.RADIUS,
        distance * np.sin(angle),
        near.energy[chosen],
        near.charged[chosen],
        near.light[chosen],
    )
    _deposit(mips, pile_up, rng)


def _add_signal(
    mips: Floats,
    rows: NDArray[np.int64],
    particles: Particles,
    x: Floats,
    y: Floats,
    rng: np.random.Generator,
) -> None:
    """Add an electron, or the particles of a jet, to these rows; the particle of most energy hits (x, y)."""
    order = np.lexsort((-particles.energy, particles.event))
    particles = particles.take(order)
    if not len(rows):
        return
    starts = np.flatnonzero(np.diff(particles.event, prepend=-1))
    sizes = np.diff(np.append(starts, len(particles.event)))
    leading = particles.energy[starts] > 10.0
    starts, sizes = starts[leading], sizes[leading]
    picked = rng.integers(0, len(starts), len(rows))
    row = np.repeat(np.arange(len(rows)), sizes[picked])
    index = np.concatenate([np.arange(starts[p], starts[p] + sizes[p]) for p in picked])
    first = starts[picked][row]
    dx, dy = particles.x[index] - particles.x[first], particles.y[index] - particles.y[first]
    near = np.hypot(dx, dy) < 2 * geometry.SIDE
    nearby = particles.take(index[near])
    moved = Particles(
        rows[row[near]],
        dx[near] + x[rows[row[near]]],
        dy[near] + y[rows[row[near]]],
        nearby.energy,
        nearby.charged,
        nearby.light,
    )
    _deposit(mips, moved, rng)


def _deposit(mips: Floats, particles: Particles, rng: np.random.Generator) -> None:
    """Add the energy that particles deposit to the cells of their rows (`event` is the row)."""
    step = 100_000
    for start in range(0, len(particles.energy), step):
        batch = particles.take(np.arange(start, min(start + step, len(particles.energy))))
        owner, dx, dy, amount = showers.deposits(batch.energy, batch.charged, batch.light, rng)
        cell = geometry.cell_of(batch.x[owner] + dx, batch.y[owner] + dy)
        inside = cell >= 0
        np.add.at(mips, (batch.event[owner][inside], cell[inside]), amount[inside])


def write(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    """Write the trees `Modules` (the cells) and `Truth`, with matching rows."""
    cells = {name: column for name, column in columns.items() if name.startswith("tc_")}
    with uproot.recreate(path) as file:
        file["Modules"] = cells
        file["Truth"] = {name: column for name, column in columns.items() if name not in cells}
