"""The search for the loosest bounds within a budget: one bound for all branches first, then one branch at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from baler_root.errors import BalerError

LADDER = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
"""Relative bounds that are tried, loosest first."""


Bounds = Mapping[str, float]
"""The relative bound of each branch."""


class BudgetError(BalerError):
    """No bound that was tried keeps the physics within the budget."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What some bounds cost, and what they do to the results."""

    bounds: Bounds
    size: int
    """Bytes of the file with nothing but these branches."""
    spent: Mapping[str, float]
    """Of each quantity, the share of its limit that is used up; the largest of all lattices tried."""

    def within(self, share: float = 1.0) -> bool:
        """Whether no quantity uses up more than this share of its limit."""
        return max(self.spent.values()) <= share


def search(
    branches: Sequence[str],
    measure: Callable[[Bounds], Trial],
    *,
    share: float = 1.0,
    ladder: Sequence[float] = LADDER,
) -> list[Trial]:
    """The trials that were within `share` of the budget, each smaller than the one before.

    The loosest bound that all branches can have is found by halving the ladder, as if shifts grew with the bound.
    Then each branch in turn is given the next looser one, again and again while that saves bytes and the budget holds;
    the branch whose last step saved most goes first. Raises BudgetError if even the tightest bound breaks the budget.
    """
    best = uniform(branches, measure, share=share, ladder=ladder)
    held, saved = [best], dict.fromkeys(branches, float("inf"))
    places = {name: ladder.index(bound) for name, bound in best.bounds.items()}
    open_ = [name for name in branches if places[name] > 0]
    while open_:
        name = max(open_, key=saved.__getitem__)  # of equals the first
        trial = measure({**best.bounds, name: ladder[places[name] - 1]})
        saved[name] = best.size - trial.size
        if trial.within(share) and trial.size < best.size:
            best, places[name] = trial, places[name] - 1
            held.append(trial)
        if best is not trial or places[name] == 0:
            open_.remove(name)
    return held


def uniform(
    branches: Sequence[str],
    measure: Callable[[Bounds], Trial],
    *,
    share: float = 1.0,
    ladder: Sequence[float] = LADDER,
) -> Trial:
    """The trial of the loosest bound that all branches can have; raises BudgetError where there is none."""
    low, high = 0, len(ladder)  # all before `low` break the budget, `high` and all after hold it
    held: Trial | None = None
    last: Trial | None = None
    while low < high:
        middle = (low + high) // 2
        last = measure(dict.fromkeys(branches, ladder[middle]))
        if last.within(share):
            held, high = last, middle
        else:
            low = middle + 1
    if held is None:
        broken = (
            "" if last is None else ", ".join(f"d{name} {spent:.3g} ×" for name, spent in last.spent.items())
        )
        raise BudgetError(
            f"even rel={ladder[-1]:g} for all branches is not within the budget (of what may be used up: {broken}); "
            "a wider budget, or `--margin 1`, may do"
        )
    return held
