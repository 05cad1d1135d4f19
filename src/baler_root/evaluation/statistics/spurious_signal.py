"""The choice of a background function by the signal it feigns where there is none.

As ATLAS does it (e.g. arXiv:1802.04146, section 6): the fit of signal and background to a background-only template
must find, at every mass near the peak, less than a fifth of the statistical error of the signal, or less than a tenth
of the expected signal. Of the functions that pass, the one of fewest parameters is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.selection import Floats
from baler_root.evaluation.statistics.background import Continuum
from baler_root.evaluation.statistics.peak_model import Bump
from baler_root.evaluation.statistics.peak_shape import Peak


@dataclass(frozen=True, slots=True)
class Candidate:
    """How much signal a function feigns at most, at one of the masses."""

    continuum: Continuum
    spurious: float
    """Events; NaN where a fit failed."""
    error: float
    """Statistical error of the signal there."""
    passes: bool


def candidates(
    template: Floats, edges: Floats, peak: Peak, continua: Sequence[Continuum], masses: Floats, signal: float
) -> list[Candidate]:
    """All functions tested against a template with the counts of background that data have."""
    out = []
    for continuum in continua:
        model = Bump(edges, peak, continuum)
        try:
            without = model.background_only(template)
            fits = [model.fit(template, float(mass), without) for mass in masses]
        except FitError:
            out.append(Candidate(continuum, np.nan, np.nan, False))
            continue
        worst = max(fits, key=lambda fit: abs(fit.signal))
        passes = all(abs(fit.signal) < max(0.2 * fit.signal_error, 0.1 * signal) for fit in fits)
        out.append(Candidate(continuum, worst.signal, worst.signal_error, passes))
    return out


def choose(tested: Sequence[Candidate]) -> Candidate:
    """The one of fewest parameters that passes; raises FitError where none does."""
    passing = [candidate for candidate in tested if candidate.passes]
    if not passing:
        raise FitError("every background function feigns too much signal")
    return min(passing, key=lambda candidate: (candidate.continuum.size, abs(candidate.spurious)))
