"""Significance of a discovery: q0, Z and p-values (Cowan, Cranmer, Gross, Vitells, EPJ C 71 (2011) 1554)."""

from __future__ import annotations

import numpy as np

from baler_root.evaluation.analysis.selection import Floats
from baler_root.evaluation.statistics.peak_model import ModelFit, PeakModel
from baler_root.extras import needed


def significance(without: float, deviance: float, signal: float) -> float:
    """Z = √q0 from the deviances of the fits without and with signal; negative for a deficit.

    The paper's q0 is 0 for a deficit. Here Z keeps its sign (the "uncapped" statistic of ATLAS), so that
    p-values above one half stay distinct and differences between two nearly equal data sets are not cut off.
    """
    return float(np.copysign(np.sqrt(max(without - deviance, 0.0)), signal))


def p_value(z: float) -> float:
    """One-sided p-value: the probability that background alone fluctuates to this Z or higher."""
    return float(needed("scipy.stats").norm.sf(z))


def z_of(p: float) -> float:
    """The Z of a one-sided p-value."""
    return float(needed("scipy.stats").norm.isf(p))


def observed(model: PeakModel, counts: Floats, mass: float) -> tuple[float, ModelFit, ModelFit]:
    """(Z, fit with signal, fit without signal) at a fixed mass. Raises FitError."""
    without = model.background_only(counts)
    fit = model.fit(counts, mass, without)
    return significance(without.deviance, fit.deviance, fit.signal), fit, without


def expected(model: PeakModel, signal: float, mass: float, parameters: Floats) -> float:
    """Median Z for this signal, from the Asimov data set (counts as expected). Raises FitError."""
    return observed(model, model.expected(signal, mass, parameters), mass)[0]
