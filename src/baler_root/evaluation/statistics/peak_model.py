"""A peak on a smooth background: the extended binned likelihood, and its fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.selection import Floats
from baler_root.evaluation.statistics.background import Continuum
from baler_root.evaluation.statistics.fit import deviance, deviance_gradient, minimise
from baler_root.evaluation.statistics.peak_shape import Peak


@dataclass(frozen=True, slots=True)
class BumpFit:
    """Fitted numbers; `deviance` is -2 ln of the likelihood but for a constant of the data."""

    signal: float
    signal_error: float
    mass: float
    mass_error: float
    """NaN where the mass was fixed."""
    background: float
    """Expected background in all bins."""
    background_error: float
    parameters: Floats
    """Of the background."""
    deviance: float


@dataclass(frozen=True, slots=True)
class Bump:
    """The model of a spectrum: `signal` events of the peak, whose yield may be negative, and the continuum."""

    edges: Floats
    peak: Peak
    continuum: Continuum

    def expected(self, signal: float, mass: float, parameters: Floats) -> Floats:
        """Counts in each bin."""
        return np.asarray(
            signal * self.peak.fractions(self.edges, mass) + self.continuum.expected(parameters)
        )

    def background_only(self, counts: Floats) -> BumpFit:
        """The fit without signal; raises FitError."""
        start = self.continuum.start(counts)
        found = minimise(
            lambda values: deviance(counts, self.continuum.expected(values)),
            start,
            [f"b{n}" for n in range(len(start))],
            errors=self._steps(start),
            limits=[(self.continuum.lowest, None)] * len(start),
            gradient=lambda values: deviance_gradient(
                counts, self.continuum.expected(values), self.continuum.jacobian(values)
            ),
        )
        total, error = self._total(found.values, found.covariance)
        return BumpFit(0.0, np.nan, np.nan, np.nan, total, error, found.values, found.cost)

    def fit(self, counts: Floats, mass: float, start: BumpFit) -> BumpFit:
        """The fit of signal at a known mass and background, from that of background only; raises FitError."""
        shape = self.peak.fractions(self.edges, mass)
        names = ["signal", *(f"b{n}" for n in range(len(start.parameters)))]

        def expected(values: Floats) -> Floats:
            return np.asarray(values[0] * shape + self.continuum.expected(values[1:]))

        found = minimise(
            lambda values: deviance(counts, expected(values)),
            np.array([self._guess(counts, shape, start), *start.parameters]),
            names,
            errors=np.array([self._signal_step(shape, start), *self._steps(start.parameters)]),
            limits=[None, *[(self.continuum.lowest, None)] * len(start.parameters)],
            gradient=lambda values: deviance_gradient(
                counts,
                expected(values),
                np.column_stack([shape, self.continuum.jacobian(values[1:])]),
            ),
        )
        total, error = self._total(found.values[1:], found.covariance[1:, 1:])
        return BumpFit(
            float(found.values[0]),
            float(found.errors[0]),
            mass,
            np.nan,
            total,
            error,
            found.values[1:],
            found.cost,
        )

    def fit_mass(self, counts: Floats, start: BumpFit, within: tuple[float, float]) -> BumpFit:
        """The fit of signal, mass and background, from a fit at a known mass near by; raises FitError."""

        def expected(values: Floats) -> Floats:
            return self.expected(values[0], values[1], values[2:])

        def gradient(values: Floats) -> Floats:
            shape = self.peak.fractions(self.edges, values[1])
            moved = values[0] * self.peak.slopes(self.edges, values[1])
            jacobian = np.column_stack([shape, moved, self.continuum.jacobian(values[2:])])
            return deviance_gradient(counts, expected(values), jacobian)

        size = len(start.parameters)
        found = minimise(
            lambda values: deviance(counts, expected(values)),
            np.array([start.signal, start.mass, *start.parameters]),
            ["signal", "mass", *(f"b{n}" for n in range(size))],
            errors=np.array([start.signal_error, 0.3, *self._steps(start.parameters)]),
            limits=[None, within, *[(self.continuum.lowest, None)] * size],
            gradient=gradient,
        )
        if min(found.values[1] - within[0], within[1] - found.values[1]) < 1e-3 * (within[1] - within[0]):
            raise FitError(f"the fitted mass runs to the end of its range, {found.values[1]:.1f} GeV")
        total, error = self._total(found.values[2:], found.covariance[2:, 2:])
        (signal, place), (signal_error, place_error) = found.values[:2].tolist(), found.errors[:2].tolist()
        return BumpFit(signal, signal_error, place, place_error, total, error, found.values[2:], found.cost)

    def _guess(self, counts: Floats, shape: Floats, start: BumpFit) -> float:
        """The signal that least squares find beyond the background."""
        base = self.continuum.expected(start.parameters)
        weight = shape / np.maximum(base, 1.0)
        return float(weight @ (counts - base) / max(float(weight @ shape), 1e-12))

    def _signal_step(self, shape: Floats, start: BumpFit) -> float:
        base = np.maximum(self.continuum.expected(start.parameters), 1.0)
        return float(1.0 / np.sqrt(max(float(np.sum(shape * shape / base)), 1e-12)))

    def _steps(self, parameters: Floats) -> Floats:
        return np.maximum(0.05 * np.abs(parameters), 1e-3)

    def _total(self, parameters: Floats, covariance: Floats) -> tuple[float, float]:
        slope = self.continuum.jacobian(parameters).sum(axis=0)
        return float(self.continuum.expected(parameters).sum()), float(np.sqrt(slope @ covariance @ slope))
