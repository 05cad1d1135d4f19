"""Resolutions of decoded energy and position: electrons and jets over pile-up, and pile-up alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.econt import geometry
from examples.econt.sample import ELECTRON, JET, NONE

Floats = NDArray[np.float64]

CLUSTER_RADIUS = 5.5
"""Radius of a cluster around the largest cell [cm]."""

EDGES = np.array([30.0, 60, 120, 250, 500, 1000, 2000, 4000])
"""Edges of the bins of energy [MIP]."""


def clusters(mips: Floats) -> tuple[Floats, Floats]:
    """Energy of the cluster around each row's largest cell [MIP].

    Also its centre of gravity with logarithmic weights [cm].
    """
    places = geometry.centres()
    distance = np.hypot(*(places[:, None] - places[None, :]).transpose(2, 0, 1))
    near = distance[mips.argmax(axis=1)] < CLUSTER_RADIUS
    inside = np.where(near, mips, 0.0)
    energy = inside.sum(axis=1)
    weights = np.maximum(0.0, 3.5 + np.log(np.maximum(inside, 1e-9) / np.maximum(energy, 1e-9)[:, None]))
    return energy, weights @ places / np.maximum(weights.sum(axis=1), 1e-9)[:, None]


def gravity(mips: Floats) -> Floats:
    """Centre of gravity of all cells [cm]."""
    return np.asarray(mips @ geometry.centres() / np.maximum(mips.sum(axis=1), 1e-9)[:, None])


def half_width(values: Floats) -> float:
    """Half of the width of the central 68 % of the values; NaN for 20 values or fewer."""
    return float(np.subtract(*np.percentile(values, [84, 16])) / 2) if len(values) > 20 else float("nan")


def measure(methods: dict[str, tuple[Floats, Floats]], truth: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Resolutions in bins of the true energy, for each method's cells [MIP] (rows, cells) and their sum.

    Energies are calibrated by their median in the bin. For jets, the distance of the centre of gravity from
    that of the first method is measured.
    """
    kind, energy = truth["kind"], truth["energy"].astype(float)
    inside = np.hypot(truth["x"], truth["y"]) < 0.75 * geometry.SIDE * np.sqrt(0.75)
    full = gravity(next(iter(methods.values()))[0])
    result: dict[str, Any] = {"edges": EDGES.tolist(), "methods": {}}
    for name, (mips, total) in methods.items():
        cluster, centre = clusters(mips)
        distance = np.hypot(centre[:, 0] - truth["x"], centre[:, 1] - truth["y"])
        shift = np.hypot(*(gravity(mips) - full).T)
        measured: dict[str, Any] = {"electron_energy": [], "electron_position": [], "jet_position": []}
        for low, high in pairwise(EDGES):
            here = inside & (energy >= low) & (energy < high)
            electron, jet = here & (kind == ELECTRON), here & (kind == JET)
            ratio = cluster[electron] / energy[electron]
            measured["electron_energy"].append(
                half_width(ratio / np.median(ratio)) if electron.sum() > 20 else None
            )
            measured["electron_position"].append(
                float(np.percentile(distance[electron], 68)) if electron.sum() > 20 else None
            )
            measured["jet_position"].append(float(np.percentile(shift[jet], 68)) if jet.sum() > 20 else None)
        pile_up = kind == NONE
        measured["pile_up_sum"] = float(np.corrcoef(total[pile_up], truth["pile_up"][pile_up])[0, 1])
        measured["pile_up_response"] = float(total[pile_up].mean() / truth["pile_up"][pile_up].mean())
        result["methods"][name] = measured
    return result


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the three resolutions as panels of one plot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    edges = np.array(result["edges"])
    middles = np.sqrt(edges[1:] * edges[:-1])
    titles = {
        "electron_energy": ("electrons: energy of the cluster", "resolution (68 %)"),
        "electron_position": ("electrons: position", "68 % nearer than [cm]"),
        "jet_position": ("jets: centre of gravity of all cells", "68 % nearer than [cm] to that of all bits"),
    }
    for panel, (key, (title, label)) in zip(panels, titles.items(), strict=True):
        for (name, measured), marker in zip(result["methods"].items(), "os^Dv", strict=False):
            values = np.array([np.nan if value is None else value for value in measured[key]])
            panel.plot(middles, values, marker=marker, label=name)
        panel.set(
            title=title, xscale="log", xlabel="true energy in the layer [MIP]", ylabel=label, yscale="log"
        )
        panel.grid(alpha=0.3, which="both")
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
