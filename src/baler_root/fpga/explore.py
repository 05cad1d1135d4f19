"""Scans encoders of several sizes and widths: what each gives back, and what it takes of an FPGA."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from baler_root.circuit import Circuit, CircuitOptions
from baler_root.circuit_budget import Budget
from baler_root.config import Rules
from baler_root.errors import ConfigError, MissingExtraError
from baler_root.fpga.definition import Definition
from baler_root.fpga.fidelity import Fidelity
from baler_root.fpga.link import Link
from baler_root.fpga.rtl import estimate
from baler_root.pretraining import train
from baler_root.resources import Resources

POINTS = "explore.json"

MOST = 64
"""Points of a scan: each is a training."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scan:
    """What is combined with what."""

    hidden: tuple[tuple[int, ...], ...] = ((32, 16), (16,), ())
    """Width and depth."""
    weight_bits: tuple[int, ...] = (4, 6)
    """Of all layers."""
    latents: tuple[int, ...] = (8,)
    activation_bits: int = 8
    input_bits: int = 8
    latent_bits: int = 9
    luts: float | None = None
    """To which encoders are pruned."""
    clock: float = Budget().clock
    """In MHz."""
    levels: int = Budget().levels
    """Adders between two registers."""

    def points(self) -> list[tuple[int, CircuitOptions]]:
        """(latents, circuit) of each; raises ConfigError for what cannot be."""
        limit = Budget() if self.luts is None else Budget(luts=self.luts)
        out = []
        for latents, hidden, bits in product(self.latents, self.hidden, self.weight_bits):
            options = CircuitOptions(
                hidden, (bits,), (self.activation_bits,), self.input_bits, self.latent_bits, limit
            )
            options.circuits()
            out.append((latents, options))
        if not 0 < len(out) <= MOST:
            raise ConfigError(f"{len(out)} points to scan: from 1 to {MOST} are possible, each is a training")
        return out


@dataclass(frozen=True, slots=True)
class Point:
    """One encoder."""

    name: str
    circuit: str
    latents: int
    latent_bits: int
    """Of a row."""
    error: float
    """See `Fidelity.error`."""
    luts: float
    edges: int
    latency: float
    """In ns."""
    estimated_by: str
    on_front: bool = False
    """Whether no other point has both a smaller error and fewer LUTs."""


def explore(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    scan: Scan,
    *,
    rules: Rules | None = None,
    tree: str | None = None,
    seconds: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
    say: Say = lambda _: None,
) -> list[Point]:
    """Train an encoder for each point of the scan, and write the folder `output`: points, plot, models.

    `seconds` is the time of each training. Raises what `train` raises, and OutputError; nothing is left then.
    """
    from baler_root.fpga.build import new_folder
    from baler_root.fpga.explore_plot import draw

    wanted = scan.points()
    points: list[Point] = []
    with new_folder(Path(output), overwrite, POINTS, "a scan") as folder:
        models = folder / "models"
        models.mkdir()
        for number, (latents, options) in enumerate(wanted, 1):
            name = f"{number:02d}"
            path = models / f"{name}.balermodel"
            circuit = options.circuits()[0]
            say(f"{number} of {len(wanted)}: {latents} latents, {circuit.describe()}")
            train(
                source,
                path,
                rules=rules,
                trees=None if tree is None else [tree],
                codec="autoencoder",
                latents=latents,
                residual="none",
                circuit=options,
                train_seconds=seconds,
                seed=seed,
            )
            points.append(_measured(name, path, source, tree, latents, circuit, scan))
            say(f"  error {points[-1].error:.3g}, {points[-1].luts:.0f} LUTs, {points[-1].edges} edges")
        points = with_front(points)
        _write(points, scan, folder)
        draw(points, folder / "explore.png")
    return points


def with_front(points: Sequence[Point]) -> list[Point]:
    """The same points, of which those on the Pareto front of error and LUTs are marked."""
    out = []
    for point in points:
        beaten = any(
            other.error <= point.error
            and other.luts <= point.luts
            and (other.error, other.luts) != (point.error, point.luts)
            for other in points
        )
        out.append(Point(**{**asdict(point), "on_front": not beaten}))
    return out


def _measured(
    name: str,
    path: Path,
    source: str | os.PathLike[str],
    tree: str | None,
    latents: int,
    circuit: Circuit,
    scan: Scan,
) -> Point:
    """A trained encoder, and what is known of it."""
    link = Link.open(path, tree)
    found, by = estimated(link.definition)
    edges = found.edges(scan.levels)
    return Point(
        name,
        circuit.describe(),
        latents,
        link.definition.latent_bits,
        Fidelity.of(link, source).error,
        found.luts,
        edges,
        1000 * edges / scan.clock,
        by,
    )


def estimated(definition: Definition) -> tuple[Resources, str]:
    """LUTs and adder levels, by da4ml if it is installed or else by formula; and by which."""
    try:
        return estimate(definition), "da4ml"
    except MissingExtraError:
        bits = [definition.before(number).width for number in range(len(definition.layers))]
        return Resources.of([layer.weights for layer in definition.layers], bits), "formula"


def _write(points: Sequence[Point], scan: Scan, folder: Path) -> None:
    """`explore.json` and `explore.csv`."""
    document = {"scan": asdict(scan), "points": [asdict(point) for point in points]}
    (folder / POINTS).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    with (folder / "explore.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(points[0])))
        writer.writeheader()
        writer.writerows(asdict(point) for point in points)
