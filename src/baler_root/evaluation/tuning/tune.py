"""The loosest bounds that keep an analysis within a budget, validated on events not used to find them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from baler_root._types import Log
from baler_root.api.compress import compress
from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError, OutputError
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Flags, Selection
from baler_root.evaluation.tuning.budget import Budget
from baler_root.evaluation.tuning.search import TRIED_BOUNDS, Bounds, Trial, search, uniform
from baler_root.evaluation.tuning.trial_files import TrialFiles, halves, relative_rules
from baler_root.format.bounds import ErrorBound

Results = Mapping[str, Mapping[str, Quantity]]
"""Inferred quantities by observable."""


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """Options of the search for bounds; bad values raise ConfigError."""

    bound: str = "rel=1e-3"
    """Bound of the branches that the analysis doesn't read."""
    margin: float = 0.5
    """Share of the budget that the tuning half may use; results scatter, so the other half needs a margin."""
    offsets: int = 3
    """Rounding offsets that each choice is tried with; the largest shift counts."""

    def __post_init__(self) -> None:
        ErrorBound.parse(self.bound)
        if not 0 < self.margin <= 1:
            raise ConfigError(f"margin {self.margin:g}: a share of the budget, above 0 and at most 1")
        if self.offsets < 1:
            raise ConfigError(f"{self.offsets} rounding offsets (--lattices): at least 1 is needed")


@dataclass(frozen=True, slots=True)
class TuningResult:
    """Bounds that keep an analysis within a budget; sizes in bytes of whole files coded by `classic`."""

    bounds: Bounds
    """Relative bound of each branch."""
    spent: Mapping[str, float]
    """Share of each limit that is used in the tuning half: the largest over all rounding offsets."""
    validation: Mapping[str, float]
    """Share of each limit that is used in the other half of the events."""
    results: Results
    """Results on the original, in the other half of the events."""
    trials: int
    """Number of trials."""
    source_size: int
    default_size: int
    """Size with the default bound for every branch."""
    tuned_size: int

    @property
    def validated(self) -> bool:
        """Whether the budget also holds in the half of the events that was not used for tuning."""
        return max(self.validation.values()) <= 1


def tune(
    analysis: Analysis,
    sources: Sequence[str | os.PathLike[str]],
    budget: Budget,
    options: TuneOptions | None = None,
    *,
    log: Log = lambda _: None,
) -> TuningResult:
    """Searches bounds for the branches that `analysis` reads; all other branches keep `options.bound`.

    Every second entry is used for tuning, within `options.margin` of the budget; the others validate the
    result. The values that a bound rounds to are arbitrary, so each choice is tried with several rounding
    offsets (bounds that differ by 1 %), and the largest shift counts. The result is tried again with twice as
    many other offsets, which also serve for the validation.

    Raises ConfigError, SourceError, BudgetError, and AnalysisError for mistakes in the analysis.
    """
    if options is None:
        options = TuneOptions()
    if not analysis.inferable:
        raise ConfigError(
            f"{analysis.path}: has no infer(selection, observable), so there is nothing to hold within a budget"
        )
    with tempfile.TemporaryDirectory(prefix="baler-root-tune-") as name:
        folder = Path(name)
        log("reading the branches of the analysis")
        files = TrialFiles(analysis, sources, folder)
        if not files.branches:
            raise ConfigError(
                f"{analysis.path}: reads no floating-point branch, so there is no bound to tune"
            )
        tuning, validating = (_Half(analysis, files, budget, flags) for flags in halves(files.original))
        searched, confirming = range(options.offsets), range(options.offsets, 3 * options.offsets)
        trials = _Trials(tuning, log)
        passed = search(files.branches, lambda bounds: trials.measure(bounds, searched), share=options.margin)
        best = _confirmed(passed, lambda bounds: trials.measure(bounds, confirming), options.margin)
        log("validating the result on the other events")
        validation = validating.measure(best.bounds, confirming)
        log("compressing whole files")
        base = Rules(ErrorBound.parse(options.bound))
        default, tuned = (
            [
                compress(path, folder / "whole.baler", rules=rules, codec="classic", overwrite=True)
                for path in sources
            ]
            for rules in (base, relative_rules(best.bounds, base=base))
        )
    return TuningResult(
        best.bounds,
        best.spent,
        validation.spent,
        validating.original,
        trials.count,
        source_size=sum(summary.source_size for summary in default),
        default_size=sum(summary.size for summary in default),
        tuned_size=sum(summary.size for summary in tuned),
    )


class _Half:
    """Half of the events, on which bounds are measured against the budget."""

    def __init__(self, analysis: Analysis, files: TrialFiles, budget: Budget, flags: Flags) -> None:
        """Raises ConfigError if the budget doesn't fit the results on the original events."""
        self._analysis, self._files, self._budget, self._flags = analysis, files, budget, flags
        self.original = self._inferred(files.original)
        """Results on the original events."""
        for quantities in self.original.values():
            budget.check(quantities)

    def measure(self, bounds: Bounds, offsets: Iterable[int]) -> Trial:
        """Bytes and shifts with these bounds; stops at the first rounding offset that breaks the budget."""
        size, spent = 0, dict[str, float]()
        for offset in offsets:
            size, selection = self._files.decompressed(bounds, 1 - offset / 100)
            after = self._inferred(selection)
            for observable, quantities in self.original.items():
                for name, share in self._budget.spent(quantities, after[observable]).items():
                    spent[name] = max(share, spent.get(name, 0.0))
            if max(spent.values()) > 1:
                break
        return Trial(bounds, size, spent)

    def _inferred(self, selection: Selection) -> Results:
        part = selection.reweighted(self._flags.astype(float))
        return {name: self._analysis.infer(part, name) for name in self._analysis.inferable}


@dataclass(slots=True)
class _Trials:
    """Trials on one half of the events, counted and logged."""

    half: _Half
    log: Log
    count: int = 0

    def measure(self, bounds: Bounds, offsets: Iterable[int]) -> Trial:
        self.count += 1
        trial = self.half.measure(bounds, offsets)
        shares = ", ".join(f"d{name} {share:.2g}" for name, share in trial.spent.items())
        self.log(f"trial {self.count}: {trial.size / 1e3:.0f} kB, share of the budget: {shares}")
        return trial


def _confirmed(passed: Sequence[Trial], measure: Callable[[Bounds], Trial], share: float) -> Trial:
    """The last of these trials that also passes with rounding offsets that the search has not used.

    Of many trials, some pass by chance. If none passes again, all branches get tighter bounds until they do.
    Raises BudgetError.
    """
    for trial in reversed(passed):
        repeated = measure(trial.bounds)
        if repeated.within(share):
            return repeated
    tightest = max(passed[0].bounds.values())
    return uniform(
        list(passed[0].bounds),
        measure,
        share=share,
        tried=[bound for bound in TRIED_BOUNDS if bound < tightest],
    )


def write_rules(
    tuned: TuningResult, path: str | os.PathLike[str], heading: Sequence[str], *, bound: str, overwrite: bool
) -> None:
    """Writes the rules file for `compress --config`. Raises OutputError if it exists."""
    if Path(path).exists() and not overwrite:
        raise OutputError(f"{os.fspath(path)}: exists; --overwrite replaces it")
    lines = [f"# {line}".rstrip() for line in heading] + [f'default = "{bound}"']
    for name, value in tuned.bounds.items():
        lines += ["", "[[rules]]", f'branch = "{name}"', f'bound = "rel={value:g}"']
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
