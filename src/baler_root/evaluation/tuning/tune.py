"""The loosest bounds with which an analysis stays within a budget, proved on events that were not tuned on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from baler_root.api.compress import compress
from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError, OutputError
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Flags, Selection
from baler_root.evaluation.tuning.budget import Budget
from baler_root.evaluation.tuning.search import LADDER, Bounds, Trial, search, uniform
from baler_root.evaluation.tuning.trial_files import TrialFiles, halves, rules_of
from baler_root.format.bounds import ErrorBound

LATTICES = 3


MARGIN = 0.5


Results = Mapping[str, Mapping[str, Quantity]]
"""What is inferred from each observable."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """Bounds that keep an analysis within a budget; sizes in bytes of whole files coded by `classic`."""

    bounds: Bounds
    spent: Mapping[str, float]
    """Of each quantity, the share of its limit used up in the events tuned on: the largest of all lattices."""
    proof: Mapping[str, float]
    """The same in events that were not tuned on."""
    results: Results
    """On the original, in the events not tuned on."""
    trials: int
    source_size: int
    default_size: int
    """With the default bound for every branch."""
    tuned_size: int

    @property
    def proved(self) -> bool:
        """Whether the budget also holds in events that were not tuned on."""
        return max(self.proof.values()) <= 1


def tune(
    analysis: Analysis,
    sources: Sequence[str | os.PathLike[str]],
    budget: Budget,
    *,
    bound: str = "rel=1e-3",
    margin: float = MARGIN,
    lattices: int = LATTICES,
    say: Callable[[str], object] = lambda _: None,
) -> Tuned:
    """Searches the bounds of the branches that `analysis` reads; all others keep `bound`.

    Every other entry is tuned on, within `margin` of the budget, since results scatter; the rest proves the result.
    Each choice is tried on several `lattices`, bounds that differ by a percent, because where values are rounded to is
    chance; the largest shift counts. What was found is tried on twice as many others, which the proof uses too.

    Raises ConfigError, SourceError, BudgetError, and what the analysis raises.
    """
    if not analysis.inferable:
        raise ConfigError(
            f"{analysis.path}: has no infer(selection, observable), so there is nothing to hold within a budget"
        )
    if not 0 < margin <= 1:
        raise ConfigError(f"margin {margin:g}: a share of the budget, above 0 and at most 1")
    if lattices < 1:
        raise ConfigError(f"{lattices} lattices: at least 1 is needed")
    base = Rules(ErrorBound.parse(bound))
    with tempfile.TemporaryDirectory(prefix="baler-root-tune-") as folder:
        say("reading what the analysis needs")
        bench = TrialFiles(analysis, sources, Path(folder))
        if not bench.branches:
            raise ConfigError(
                f"{analysis.path}: reads no floating-point branch, so there is no bound to tune"
            )
        tuned_on, kept = halves(bench.original)
        results = {
            half: _inferred(analysis, bench.original, flags)
            for half, flags in (("tuned", tuned_on), ("kept", kept))
        }
        for part in results.values():
            for quantities in part.values():
                budget.check(quantities)
        count = 0

        def measured(bounds: Bounds, flags: Flags, original: Results, numbers: Iterable[int]) -> Trial:
            size, spent = 0, dict[str, float]()
            for number in numbers:
                size, selection = bench.decompressed(bounds, 1 - number / 100)
                after = _inferred(analysis, selection, flags)
                for observable, quantities in original.items():
                    for name, share in budget.spent(quantities, after[observable]).items():
                        spent[name] = max(share, spent.get(name, 0.0))
                if max(spent.values()) > 1:
                    break  # broken already
            return Trial(bounds, size, spent)

        def tried(bounds: Bounds, numbers: Iterable[int] = range(lattices)) -> Trial:
            nonlocal count
            count += 1
            trial = measured(bounds, tuned_on, results["tuned"], numbers)
            shares = ", ".join(f"d{name} {share:.2g}" for name, share in trial.spent.items())
            say(f"trial {count}: {trial.size / 1e3:.0f} kB, used up {shares}")
            return trial

        fresh = range(lattices, 3 * lattices)
        best = _confirmed(search(bench.branches, tried, share=margin), lambda b: tried(b, fresh), margin)
        say("proving the result on the other events")
        proof = measured(best.bounds, kept, results["kept"], fresh)
        say("compressing whole files")
        whole = Path(folder) / "whole.baler"
        default, tuned = (
            [compress(path, whole, rules=rules, codec="classic", overwrite=True) for path in sources]
            for rules in (base, rules_of(best.bounds, base=base))
        )
    return Tuned(
        best.bounds,
        best.spent,
        proof.spent,
        results["kept"],
        count,
        source_size=sum(summary.source_size for summary in default),
        default_size=sum(summary.size for summary in default),
        tuned_size=sum(summary.size for summary in tuned),
    )


def _confirmed(held: Sequence[Trial], again: Callable[[Bounds], Trial], share: float) -> Trial:
    """The last of these trials that also holds on lattices that the search has not seen: of many, some hold by luck.

    Where none does, all branches get tighter bounds until they do. Raises BudgetError.
    """
    for trial in reversed(held):
        found = again(trial.bounds)
        if found.within(share):
            return found
    tightest = max(held[0].bounds.values())
    return uniform(list(held[0].bounds), again, share=share, ladder=[b for b in LADDER if b < tightest])


def write_rules(
    tuned: Tuned, path: str | os.PathLike[str], heading: Sequence[str], *, bound: str, overwrite: bool
) -> None:
    """Writes the rules file that `compress --config` reads. Raises OutputError if it exists."""
    if Path(path).exists() and not overwrite:
        raise OutputError(f"{os.fspath(path)}: exists; --overwrite replaces it")
    lines = [f"# {line}".rstrip() for line in heading] + [f'default = "{bound}"']
    for name, value in tuned.bounds.items():
        lines += ["", "[[rules]]", f'branch = "{name}"', f'bound = "rel={value:g}"']
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _inferred(analysis: Analysis, selection: Selection, flags: Flags) -> dict[str, dict[str, Quantity]]:
    part = selection.reweighted(flags.astype(float))
    return {name: analysis.infer(part, name) for name in analysis.inferable}
