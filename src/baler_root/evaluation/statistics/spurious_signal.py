"""The test for spurious signal, which chooses the background function.

As in ATLAS (e.g. arXiv:1802.04146, section 6), signal and background are fitted to a template without signal.
At every mass near the peak, the fitted signal must be less than a fifth of its statistical error, or less
than a tenth of the expected signal. Of the functions that pass, the one with the fewest parameters is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.selection import Floats
from baler_root.evaluation.statistics.background import BackgroundModel
from baler_root.evaluation.statistics.peak_model import PeakModel
from baler_root.evaluation.statistics.peak_shape import PeakShape


@dataclass(frozen=True, slots=True)
class Candidate:
    """A background function and its spurious signal at the worst of the tested masses."""

    background: BackgroundModel
    spurious: float
    """Fitted signal [events]; NaN if a fit failed."""
    error: float
    """Statistical error of the fitted signal."""
    passes: bool


def candidates(
    template: Floats,
    edges: Floats,
    peak: PeakShape,
    backgrounds: Sequence[BackgroundModel],
    masses: Floats,
    signal: float,
) -> list[Candidate]:
    """Tests of all functions on a template, scaled to the background of data; `signal` is expected."""
    tested = []
    for background in backgrounds:
        model = PeakModel(edges, peak, background)
        try:
            background_fit = model.background_only(template)
            fits = [model.fit(template, float(mass), background_fit) for mass in masses]
        except FitError:
            tested.append(Candidate(background, np.nan, np.nan, False))
            continue
        worst = max(fits, key=lambda fit: abs(fit.signal))
        passes = all(abs(fit.signal) < max(0.2 * fit.signal_error, 0.1 * signal) for fit in fits)
        tested.append(Candidate(background, worst.signal, worst.signal_error, passes))
    return tested


def choose(tested: Sequence[Candidate]) -> Candidate:
    """The candidate with the fewest parameters that passes; raises FitError if none passes."""
    passing = [candidate for candidate in tested if candidate.passes]
    if not passing:
        raise FitError("every background function has too much spurious signal")
    return min(passing, key=lambda candidate: (candidate.background.size, abs(candidate.spurious)))
