"""Scans encoders of several sizes and widths: what each gives back, and what it takes of an FPGA."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from baler_root.api.train import train
from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError, MissingExtraError
from baler_root.fpga.build.rtl import estimate
from baler_root.fpga.encoder import Definition
from baler_root.fpga.explore.fidelity import ROWS, Fidelity
from baler_root.fpga.explore.point import Point
from baler_root.fpga.explore.response import check_branches, columns_of
from baler_root.fpga.link import Link
from baler_root.training.hardware.budget import Budget
from baler_root.training.hardware.limits import Hardware, HardwareLimits
from baler_root.training.hardware.resources import Resources

POINTS = "explore.json"
from baler_root.training.options import LatentOptions, TrainingOptions

MOST = 64
"""Points of a scan: each is a training."""


Log = Callable[[str], None]


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

    def points(self) -> list[tuple[int, HardwareLimits]]:
        """(latents, circuit) of each; raises ConfigError for what cannot be."""
        limit = Budget() if self.luts is None else Budget(luts=self.luts)
        out = []
        for latents, hidden, bits in product(self.latents, self.hidden, self.weight_bits):
            options = HardwareLimits(
                hidden, (bits,), (self.activation_bits,), self.input_bits, self.latent_bits, limit
            )
            options.candidates()
            out.append((latents, options))
        if not 0 < len(out) <= MOST:
            raise ConfigError(f"{len(out)} points to scan: from 1 to {MOST} are possible, each is a training")
        return out


def explore(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    scan: Scan,
    *,
    rules: Rules | None = None,
    tree: str | None = None,
    seconds: float | None = None,
    responses: Sequence[str] | None = None,
    test: str | os.PathLike[str] | None = None,
    seed: int = 0,
    overwrite: bool = False,
    say: Log = lambda _: None,
) -> list[Point]:
    """Train an encoder for each point of the scan, and write the folder `output`: points, plot, models.

    `seconds` is the time of each training. Errors, and resolutions of the branches `responses` (without them of the
    usual ones, see `columns_of`), are those of the last rows of the file `test`, which should not be learned from;
    without it of `source`, most of which are learned from.

    Raises what `train` and `rows_of` raise, ConfigError for a branch that is not there, and OutputError; nothing is
    left then.
    """
    from baler_root.fpga.build.folder import new_folder
    from baler_root.fpga.explore.plot import draw

    wanted = scan.points()
    measured_on = source if test is None else test
    for file in dict.fromkeys((os.fspath(source), os.fspath(measured_on))):
        check_branches(responses or (), file, tree)
    points: list[Point] = []
    with new_folder(Path(output), overwrite, POINTS, "a scan") as folder:
        models = folder / "models"
        models.mkdir()
        for number, (latents, options) in enumerate(wanted, 1):
            name = f"{number:02d}"
            path = models / f"{name}.balermodel"
            hardware = options.candidates()[0]
            say(f"{number} of {len(wanted)}: {latents} latents, {hardware.describe()}")
            train(
                source,
                path,
                rules=rules,
                trees=None if tree is None else [tree],
                codec=LatentOptions("autoencoder", latents, "none", hardware=options),
                training=TrainingOptions(seconds=seconds, seed=seed),
            )
            points.append(_measured(name, path, measured_on, tree, latents, hardware, scan, responses))
            say(f"  error {points[-1].error:.3g}, {points[-1].luts:.0f} LUTs, {points[-1].edges} edges")
        points = with_front(points)
        _write(points, scan, measured_on, test is not None, folder)
        draw(
            points,
            folder / "explore.png",
            "rows not learned from" if test is not None else "rows learned from",
        )
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
    hardware: Hardware,
    scan: Scan,
    responses: Sequence[str] | None,
) -> Point:
    """A trained encoder, and what is known of it."""
    link = Link.open(path, tree)
    found, by = estimated(link.definition)
    edges = found.edges(scan.levels)
    fidelity = Fidelity.of(link, source, responses=columns_of(link, responses))
    return Point(
        name,
        hardware.describe(),
        latents,
        link.definition.latent_bits,
        fidelity.error,
        found.luts,
        edges,
        1000 * edges / scan.clock,
        by,
        responses=fidelity.responses,
    )


def estimated(definition: Definition) -> tuple[Resources, str]:
    """LUTs and adder levels, by da4ml if it is installed or else by formula; and by which."""
    try:
        return estimate(definition), "da4ml"
    except MissingExtraError:
        bits = [definition.before(number).width for number in range(len(definition.layers))]
        return Resources.of([layer.weights for layer in definition.layers], bits), "formula"


def _write(
    points: Sequence[Point], scan: Scan, source: str | os.PathLike[str], held_out: bool, folder: Path
) -> None:
    """`explore.json` and `explore.csv`, in which a branch's resolution is in the column `response:BRANCH`."""
    document = {
        "scan": asdict(scan),
        "measured": {"file": os.fspath(source), "rows": f"the last {ROWS} at most", "held_out": held_out},
        "points": [asdict(point) for point in points],
    }
    (folder / POINTS).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    with (folder / "explore.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [asdict(point) for point in points]
        for row in rows:
            row |= {f"response:{name}": value for name, value in row.pop("responses").items()}
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
