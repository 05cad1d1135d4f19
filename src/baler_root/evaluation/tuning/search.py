"""Search for the loosest bounds within a budget: one bound for all branches, then one branch at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from baler_root.errors import BalerError

TRIED_BOUNDS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
"""Relative bounds that the search tries, loosest first."""


Bounds = Mapping[str, float]
"""Relative bound of each branch."""


class BudgetError(BalerError):
    """No tried bound keeps the results within the budget."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Size and shifts with some bounds."""

    bounds: Bounds
    size: int
    """Bytes of the compressed trial files."""
    spent: Mapping[str, float]
    """Share of each limit that is used: the largest over all rounding offsets that were tried."""

    def within(self, share: float = 1.0) -> bool:
        """Whether no quantity uses more than `share` of its limit."""
        return max(self.spent.values()) <= share


def search(
    branches: Sequence[str],
    measure: Callable[[Bounds], Trial],
    *,
    share: float = 1.0,
    tried: Sequence[float] = TRIED_BOUNDS,
) -> list[Trial]:
    """The trials within `share` of the budget, each smaller than the one before.

    Bisection of the bounds `tried`, loosest first, finds the loosest bound that all branches can have,
    assuming that shifts grow with the bound. Then one branch at a time gets the next looser bound, as long as
    that saves bytes and the budget holds; the branch whose last step saved most goes first. Raises
    BudgetError if even the tightest bound breaks the budget.
    """
    best = uniform(branches, measure, share=share, tried=tried)
    passed, saved = [best], dict.fromkeys(branches, float("inf"))
    steps = {name: tried.index(bound) for name, bound in best.bounds.items()}
    candidates = [name for name in branches if steps[name] > 0]
    while candidates:
        name = max(candidates, key=saved.__getitem__)  # the first, if several are equal
        trial = measure({**best.bounds, name: tried[steps[name] - 1]})
        saved[name] = best.size - trial.size
        if trial.within(share) and trial.size < best.size:
            best, steps[name] = trial, steps[name] - 1
            passed.append(trial)
        if best is not trial or steps[name] == 0:
            candidates.remove(name)
    return passed


def uniform(
    branches: Sequence[str],
    measure: Callable[[Bounds], Trial],
    *,
    share: float = 1.0,
    tried: Sequence[float] = TRIED_BOUNDS,
) -> Trial:
    """The trial with the loosest bound that all branches can share; raises BudgetError if there is none."""
    low, high = 0, len(tried)  # bounds before `low` break the budget; `high` and those after it keep it
    passed: Trial | None = None
    last: Trial | None = None
    while low < high:
        middle = (low + high) // 2
        last = measure(dict.fromkeys(branches, tried[middle]))
        if last.within(share):
            passed, high = last, middle
        else:
            low = middle + 1
    if passed is None:
        broken = (
            "" if last is None else ", ".join(f"d{name} {spent:.3g} ×" for name, spent in last.spent.items())
        )
        raise BudgetError(
            f"even rel={tried[-1]:g} for all branches breaks the budget (times what is allowed: {broken}); "
            "a wider budget or `--margin 1` may help"
        )
    return passed
