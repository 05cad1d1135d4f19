"""Maximum-likelihood fits of counts: the Poisson deviance, and its minimum by Minuit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.selection import Floats
from baler_root.extras import needed

SMALLEST = 1e-3
"""Lower limit of the expected counts of a bin; a negative signal could otherwise give less than 0."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """The minimum of a cost function."""

    values: Floats
    covariance: Floats
    cost: float

    @property
    def errors(self) -> Floats:
        """Standard deviation of each parameter."""
        return np.sqrt(np.diagonal(self.covariance))


def deviance(counts: Floats, expected: Floats) -> float:
    """−2 ln of the Poisson likelihood ratio to `expected = counts` (Baker, Cousins, NIM 221 (1984) 437)."""
    expected = np.maximum(expected, SMALLEST)
    ratio = np.where(counts > 0, counts, 1.0) / expected
    return 2.0 * float(np.sum(expected - counts + np.where(counts > 0, counts * np.log(ratio), 0.0)))


def deviance_gradient(counts: Floats, expected: Floats, jacobian: Floats) -> Floats:
    """Derivatives of `deviance` by the parameters; `jacobian` is that of `expected`, (bins, parameters)."""
    slopes: Floats = 2.0 * (1.0 - counts / np.maximum(expected, SMALLEST)) @ jacobian
    return slopes


def minimise(
    cost: Callable[[Floats], float],
    start: Floats,
    names: Sequence[str],
    *,
    errors: Floats,
    limits: Sequence[tuple[float | None, float | None] | None],
    gradient: Callable[[Floats], Floats] | None = None,
) -> Minimum:
    """The minimum that Minuit finds from `start`, with first steps `errors`.

    Raises FitError, with the reason, if Minuit finds no valid minimum.
    """
    minuit = needed("iminuit").Minuit(cost, start, name=names, grad=gradient)
    minuit.errordef = 1.0
    minuit.errors[:] = errors
    minuit.limits[:] = limits
    minuit.migrad()
    if not minuit.valid or minuit.covariance is None:
        state = minuit.fmin
        why = next(
            (
                words
                for words, holds in (
                    ("call limit reached", state.has_reached_call_limit),
                    ("parameters at their limits", state.has_parameters_at_limit),
                    ("covariance not positive definite", not state.has_posdef_covar),
                )
                if holds
            ),
            f"estimated distance to minimum {state.edm:.2g}",
        )
        raise FitError(f"the fit did not converge ({why})")
    return Minimum(np.array(minuit.values), np.array(minuit.covariance), float(minuit.fval))
