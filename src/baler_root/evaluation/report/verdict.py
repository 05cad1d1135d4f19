"""The verdict of a report: one sentence, with numbers, on whether compression matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from baler_root.format.bounds import LOSSLESS

if TYPE_CHECKING:
    from baler_root.evaluation.report.analysis_impact import AnalysisImpact
    from baler_root.evaluation.report.result_shifts import Shift
    from baler_root.evaluation.report.results import PairReport


def verdict(pairs: Sequence[PairReport], impact: AnalysisImpact | None) -> str:
    """The verdict on the results of the analysis, or, without one, on the values."""
    sizes = [pair.cost for pair in pairs]
    ratio = sum(cost.compressed for cost in sizes) / sum(cost.original for cost in sizes)
    size = f"at {ratio:.2f} of the size"
    missed = sum(branch.missed for pair in pairs for branch in pair.fidelity)
    broken = f"; {missed} values MISS their bound" if missed else ""
    if impact is None:
        return f"{_values(pairs)} {size}{broken}."
    shifts = [(observable.name, shift) for observable in impact.observables for shift in observable.shifts]
    changes = [_change(observable, shift) for observable, shift in shifts if shift.name == "Z"]
    failures = [f"{shift.name} of {observable}" for observable, shift in shifts if math.isnan(shift.shift)]
    relative = [
        (abs(shift.relative), shift.name, observable)
        for observable, shift in shifts
        if math.isfinite(shift.relative)
    ]
    if relative:
        largest, name, observable = max(relative)
        if largest > 1:
            moved = f"the largest shift is {largest:.2g} times the statistical error ({name} of {observable})"
        elif largest > 0:
            moved = f"nothing moved by more than {100 * largest:.2g} % of its statistical error ({name} of {observable})"
        else:
            moved = "nothing moved at all"
    else:
        moved = "nothing could be compared with its statistical error"
    failed = f"; NOT MEASURED: {', '.join(failures)}" if failures else ""
    crossed = impact.selected
    migrated = f"{crossed.gained + crossed.lost} of {crossed.before} selected events crossed a cut"
    head = f"{', '.join(changes)} {size}" if changes else size[0].upper() + size[1:]
    return f"{head}; {moved}; {migrated}{failed}{broken}."


def _change(observable: str, shift: Shift) -> str:
    """`ΔZ(m_gg) = +0.004 ± 0.009`."""
    if math.isnan(shift.shift):
        return f"ΔZ({observable}) not measured"
    error = f" ± {shift.paired_error:.3f}" if math.isfinite(shift.paired_error) else ""
    mean = (
        f" (mean of {len(shift.offset_shifts) + 1} rounding offsets {signed(shift.offset_mean)} ± {shift.offset_error:.3f})"
        if shift.offset_shifts else ""
    )  # fmt: skip
    return f"ΔZ({observable}) = {signed(shift.shift)}{error}{mean}"


def _values(pairs: Sequence[PairReport]) -> str:
    lossy = [
        branch
        for pair in pairs
        for branch in pair.fidelity
        if branch.bound != str(LOSSLESS) and branch.values
    ]
    if not lossy:
        return "Every value is unchanged,"
    largest = max(branch.max_of_limit for branch in lossy)
    ks = max((branch.ks, branch.name) for branch in lossy if math.isfinite(branch.ks))
    return (
        f"The largest error is {largest:.3f} of its bound and no distribution differs by more than {ks[0]:.2g} "
        f"(Kolmogorov and Smirnov, {ks[1]})"
    )


def signed(value: float) -> str:
    """The number with its sign, three decimals, and never −0.000.

    >>> signed(-0.0041), signed(-0.0001), signed(0.02)
    ('−0.004', '0.000', '+0.020')
    """
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", "−")
