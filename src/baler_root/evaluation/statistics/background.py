"""Background models: smooth functions with few parameters, as expected counts in bins."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from baler_root.evaluation.analysis.selection import Floats
from baler_root.evaluation.statistics.fit import SMALLEST
from baler_root.extras import needed


class BackgroundModel(Protocol):
    """A smooth function of few parameters, integrated over the bins of a spectrum."""

    @property
    def name(self) -> str:
        """Name of the function in words, for reports."""
        ...

    @property
    def size(self) -> int:
        """Number of parameters."""
        ...

    @property
    def lowest(self) -> float | None:
        """Lower limit of every parameter; None if there is no limit."""
        ...

    def start(self, counts: Floats) -> Floats:
        """Starting values of a fit to `counts`, found without iteration."""
        ...

    def expected(self, parameters: Floats) -> Floats:
        """Expected counts, (bins,)."""
        ...

    def jacobian(self, parameters: Floats) -> Floats:
        """Derivatives of `expected`, (bins, parameters)."""
        ...


class Bernstein:
    """A Bernstein polynomial whose coefficients are at least 0, so that it is nowhere negative."""

    lowest = 0.0

    def __init__(self, edges: Floats, order: int) -> None:
        self.name = f"Bernstein polynomial of order {order}"
        self.size = order + 1
        integral = needed("numba_stats.bernstein").integral
        low, high = float(edges[0]), float(edges[-1])
        scale = len(edges) - 1  # coefficients are counts in a bin
        columns = [np.diff(integral(edges, unit, low, high)) for unit in np.eye(self.size)]
        self._basis: Floats = np.stack(columns, axis=1) * (scale / (high - low))

    def start(self, counts: Floats) -> Floats:
        """Starting values of a fit to `counts`: weighted least squares."""
        scale = 1.0 / np.sqrt(np.maximum(counts, 1.0))
        coefficients = _least_squares(self._basis * scale[:, None], counts * scale)
        return np.maximum(coefficients, 1e-3 * max(float(counts.mean()), SMALLEST))

    def expected(self, parameters: Floats) -> Floats:
        """Expected counts, (bins,)."""
        return np.asarray(self._basis @ parameters)

    def jacobian(self, parameters: Floats) -> Floats:
        """Derivatives of `expected`, (bins, parameters): constant, since the polynomial is linear."""
        del parameters
        return np.asarray(self._basis)


class Exponential:
    """The exponential of a polynomial in x, where x runs from −1 to 1 over the spectrum."""

    lowest = None

    def __init__(self, edges: Floats, order: int) -> None:
        self.name = "exponential" if order == 1 else f"exponential of a polynomial of order {order}"
        self.size = order + 1
        bins = len(edges) - 1
        middles = (2 * np.arange(bins) + 1) / bins - 1
        # Gauss–Legendre quadrature with two points in each bin
        points = middles + np.array([[-1.0], [1.0]]) / (np.sqrt(3.0) * bins)
        self._powers: Floats = points[..., None] ** np.arange(self.size)

    def start(self, counts: Floats) -> Floats:
        """Starting values of a fit to `counts`: weighted least squares of their logarithms."""
        positive = np.maximum(counts, 0.5)
        scale = np.sqrt(positive)
        powers = self._powers.mean(axis=0)
        return _least_squares(powers * scale[:, None], np.log(positive) * scale)

    def _density(self, parameters: Floats) -> Floats:
        return np.asarray(np.exp(np.clip(self._powers @ parameters, -50.0, 50.0)))

    def expected(self, parameters: Floats) -> Floats:
        """Expected counts, (bins,)."""
        return np.asarray(self._density(parameters).mean(axis=0))

    def jacobian(self, parameters: Floats) -> Floats:
        """Derivatives of `expected`, (bins, parameters)."""
        return np.asarray((self._density(parameters)[..., None] * self._powers).mean(axis=0))


def _least_squares(design: Floats, values: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(design, values, rcond=None)[0])
