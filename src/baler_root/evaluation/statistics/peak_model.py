"""The model of a spectrum with a peak on a smooth background, and its extended binned likelihood fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.selection import Floats
from baler_root.evaluation.statistics.background import BackgroundModel
from baler_root.evaluation.statistics.fit import deviance, deviance_gradient, minimise
from baler_root.evaluation.statistics.peak_shape import PeakShape


@dataclass(frozen=True, slots=True)
class ModelFit:
    """Result of a fit of `PeakModel`."""

    signal: float
    """Events of signal."""
    signal_error: float
    mass: float
    mass_error: float
    """NaN if the mass was fixed."""
    background: float
    """Expected background events in all bins."""
    background_error: float
    parameters: Floats
    """Parameters of the background model."""
    deviance: float
    """−2 ln of the likelihood, up to a constant that depends on the data alone."""


@dataclass(frozen=True, slots=True)
class PeakModel:
    """Expected counts of a peak, whose yield may be negative, on a smooth background."""

    edges: Floats
    peak: PeakShape
    background: BackgroundModel

    def expected(self, signal: float, mass: float, parameters: Floats) -> Floats:
        """Expected counts, (bins,), with `signal` events in the peak."""
        return np.asarray(
            signal * self.peak.fractions(self.edges, mass) + self.background.expected(parameters)
        )

    def background_only(self, counts: Floats) -> ModelFit:
        """The fit without signal. Raises FitError."""
        start = self.background.start(counts)
        result = minimise(
            lambda values: deviance(counts, self.background.expected(values)),
            start,
            [f"b{n}" for n in range(len(start))],
            errors=self._steps(start),
            limits=[(self.background.lowest, None)] * len(start),
            gradient=lambda values: deviance_gradient(
                counts, self.background.expected(values), self.background.jacobian(values)
            ),
        )
        total, error = self._total(result.values, result.covariance)
        return ModelFit(0.0, np.nan, np.nan, np.nan, total, error, result.values, result.cost)

    def fit(self, counts: Floats, mass: float, start: ModelFit) -> ModelFit:
        """Fit of signal and background at a fixed mass; `start` is one without signal. Raises FitError."""
        shape = self.peak.fractions(self.edges, mass)
        names = ["signal", *(f"b{n}" for n in range(len(start.parameters)))]

        def expected(values: Floats) -> Floats:
            return np.asarray(values[0] * shape + self.background.expected(values[1:]))

        result = minimise(
            lambda values: deviance(counts, expected(values)),
            np.array([self._guess(counts, shape, start), *start.parameters]),
            names,
            errors=np.array([self._signal_step(shape, start), *self._steps(start.parameters)]),
            limits=[None, *[(self.background.lowest, None)] * len(start.parameters)],
            gradient=lambda values: deviance_gradient(
                counts,
                expected(values),
                np.column_stack([shape, self.background.jacobian(values[1:])]),
            ),
        )
        total, error = self._total(result.values[1:], result.covariance[1:, 1:])
        return ModelFit(
            float(result.values[0]),
            float(result.errors[0]),
            mass,
            np.nan,
            total,
            error,
            result.values[1:],
            result.cost,
        )

    def fit_mass(self, counts: Floats, start: ModelFit, within: tuple[float, float]) -> ModelFit:
        """The fit of signal, mass and background; `start` is a fit at a fixed mass near by.

        Raises FitError, also if the mass runs to an end of the range `within`.
        """

        def expected(values: Floats) -> Floats:
            return self.expected(values[0], values[1], values[2:])

        def gradient(values: Floats) -> Floats:
            shape = self.peak.fractions(self.edges, values[1])
            moved = values[0] * self.peak.slopes(self.edges, values[1])
            jacobian = np.column_stack([shape, moved, self.background.jacobian(values[2:])])
            return deviance_gradient(counts, expected(values), jacobian)

        size = len(start.parameters)
        result = minimise(
            lambda values: deviance(counts, expected(values)),
            np.array([start.signal, start.mass, *start.parameters]),
            ["signal", "mass", *(f"b{n}" for n in range(size))],
            errors=np.array([start.signal_error, 0.3, *self._steps(start.parameters)]),
            limits=[None, within, *[(self.background.lowest, None)] * size],
            gradient=gradient,
        )
        if min(result.values[1] - within[0], within[1] - result.values[1]) < 1e-3 * (within[1] - within[0]):
            raise FitError(f"the fitted mass runs to the end of its range, {result.values[1]:.1f} GeV")
        total, error = self._total(result.values[2:], result.covariance[2:, 2:])
        (signal, mass), (signal_error, mass_error) = result.values[:2].tolist(), result.errors[:2].tolist()
        return ModelFit(signal, signal_error, mass, mass_error, total, error, result.values[2:], result.cost)

    def _guess(self, counts: Floats, shape: Floats, start: ModelFit) -> float:
        """Starting value of the signal: least squares of the counts above the background."""
        base = self.background.expected(start.parameters)
        weight = shape / np.maximum(base, 1.0)
        return float(weight @ (counts - base) / max(float(weight @ shape), 1e-12))

    def _signal_step(self, shape: Floats, start: ModelFit) -> float:
        base = np.maximum(self.background.expected(start.parameters), 1.0)
        return float(1.0 / np.sqrt(max(float(np.sum(shape * shape / base)), 1e-12)))

    def _steps(self, parameters: Floats) -> Floats:
        return np.maximum(0.05 * np.abs(parameters), 1e-3)

    def _total(self, parameters: Floats, covariance: Floats) -> tuple[float, float]:
        slope = self.background.jacobian(parameters).sum(axis=0)
        return float(self.background.expected(parameters).sum()), float(np.sqrt(slope @ covariance @ slope))
