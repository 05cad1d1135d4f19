"""The shape of a narrow peak: a double-sided Crystal Ball function, fitted to simulation.

A Gaussian core that turns into power laws `low_tail` and `high_tail` widths from its middle (M. J. Oreglia,
SLAC-R-236, 1980, appendix D, for one side). The powers are fixed: with a few thousand events they are almost
degenerate with the positions where the tails begin, and a fit of both does not converge reliably.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.selection import Floats
from baler_root.evaluation.statistics.fit import deviance, minimise
from baler_root.extras import needed

POWER = 20.0
"""Exponent of the power law in both tails."""


@dataclass(frozen=True, slots=True)
class PeakShape:
    """Shape of the peak of a particle of mass `nominal`; for another mass, offset and width scale with it."""

    offset: float
    """Middle of the core minus the particle's mass [GeV]."""
    width: float
    """Standard deviation of the core [GeV]."""
    low_tail: float
    """Distance from the middle at which the lower tail begins, in widths."""
    high_tail: float
    """Distance from the middle at which the upper tail begins, in widths."""
    nominal: float = 125.0
    """Mass [GeV] to which `offset` and `width` belong."""

    def fractions(self, edges: Floats, mass: float) -> Floats:
        """Share of the peak in each bin; a small part may lie outside all bins."""
        return np.diff(self._cumulative(edges, mass))

    def slopes(self, edges: Floats, mass: float) -> Floats:
        """Derivative of `fractions` by the mass [1/GeV]."""
        step = 1e-3 * self.width
        return (self.fractions(edges, mass + step) - self.fractions(edges, mass - step)) / (2 * step)

    def _cumulative(self, edges: Floats, mass: float) -> Floats:
        scale = mass / self.nominal
        width = self.width * scale
        ball = needed("numba_stats.crystalball_ex")
        values = ball.cdf(
            edges, self.low_tail, POWER, width, self.high_tail, POWER, width, mass + self.offset * scale
        )
        return np.asarray(values, np.float64)


@dataclass(frozen=True, slots=True)
class ShapeFit:
    """A fitted shape and its statistical errors."""

    peak: PeakShape
    offset_error: float
    width_error: float


def fit_peak(histogram: Histogram, start: PeakShape) -> ShapeFit:
    """The shape that fits weighted simulated events best. Raises FitError.

    Weighted counts are scaled to the variance of Poisson counts (G. Bohm and G. Zech, NIM A 748 (2014) 1),
    with one scale for all bins. Bins with a negative sum of weights count as empty.
    """
    counts, variance = histogram.clipped().counts, float(histogram.variances.sum())
    if counts.sum() <= 0 or variance <= 0:
        raise FitError("no simulated signal in the range of the fit")
    counts = counts * (counts.sum() / variance)
    if counts.sum() < 50:
        raise FitError(f"simulated signal worth {counts.sum():.0f} events; a shape needs 50")

    def shape(values: Floats) -> PeakShape:
        offset, width, low, high = values.tolist()
        return PeakShape(offset, width, low, high, start.nominal)

    def cost(values: Floats) -> float:
        fractions = shape(values).fractions(histogram.edges, start.nominal)
        return deviance(counts, fractions * (counts.sum() / max(float(fractions.sum()), 1e-12)))

    result = minimise(
        cost,
        np.array([start.offset, start.width, start.low_tail, start.high_tail]),
        ("offset", "width", "low_tail", "high_tail"),
        errors=np.array([0.1, 0.1, 0.2, 0.5]),
        limits=((-10.0, 10.0), (0.2, 10.0), (0.5, 5.0), (0.5, 5.0)),
    )
    return ShapeFit(shape(result.values), float(result.errors[0]), float(result.errors[1]))
