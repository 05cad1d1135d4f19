"""The shape of a narrow peak: a double-sided Crystal Ball, fitted to simulation.

A Gaussian core whose sides go over into power laws `low_tail` and `high_tail` widths from the middle (M. J. Oreglia,
SLAC-R-236, 1980, appendix D, for one side). The powers are fixed: with a few thousand events they and the places
where tails begin say the same, and a fit that floats both wanders.
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
"""Of both tails."""


@dataclass(frozen=True, slots=True)
class Peak:
    """Shape of the peak of a particle of mass `nominal`; for another mass, offset and width grow with it."""

    offset: float
    """Middle of the core minus the particle's mass."""
    width: float
    """Standard deviation of the core."""
    low_tail: float
    high_tail: float
    """Where the tails begin, in widths."""
    nominal: float = 125.0

    def fractions(self, edges: Floats, mass: float) -> Floats:
        """The part of the peak in each bin; a little of it may lie outside of all."""
        return np.diff(self._cumulative(edges, mass))

    def slopes(self, edges: Floats, mass: float) -> Floats:
        """Derivative of `fractions` by the mass."""
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
class PeakFit:
    """A fitted shape and its statistical errors."""

    peak: Peak
    offset_error: float
    width_error: float


def fit_peak(histogram: Histogram, start: Peak) -> PeakFit:
    """The shape that fits weighted simulated events best; raises FitError.

    Weighted counts are scaled to have the variance of Poisson counts (G. Bohm and G. Zech, NIM A 748 (2014) 1), with
    one scale for all bins. Bins of negative sum count as empty.
    """
    counts, variance = histogram.clipped().counts, float(histogram.variances.sum())
    if counts.sum() <= 0 or variance <= 0:
        raise FitError("no simulated signal in the range of the fit")
    counts = counts * (counts.sum() / variance)
    if counts.sum() < 50:
        raise FitError(f"simulated signal worth {counts.sum():.0f} events; a shape needs 50")

    def shape(values: Floats) -> Peak:
        offset, width, low, high = values.tolist()
        return Peak(offset, width, low, high, start.nominal)

    def cost(values: Floats) -> float:
        inside = shape(values).fractions(histogram.edges, start.nominal)
        return deviance(counts, inside * (counts.sum() / max(float(inside.sum()), 1e-12)))

    result = minimise(
        cost,
        np.array([start.offset, start.width, start.low_tail, start.high_tail]),
        ("offset", "width", "low_tail", "high_tail"),
        errors=np.array([0.1, 0.1, 0.2, 0.5]),
        limits=((-10.0, 10.0), (0.2, 10.0), (0.5, 5.0), (0.5, 5.0)),
    )
    return PeakFit(shape(result.values), float(result.errors[0]), float(result.errors[1]))
