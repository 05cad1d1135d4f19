"""Budgets are read as they are written, and the search finds the loosest bounds that hold them."""

from __future__ import annotations

import math

import pytest

from baler_root.errors import ConfigError
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.tuning.budget import Budget
from baler_root.evaluation.tuning.search import TRIED_BOUNDS, Bounds, BudgetError, Trial, search

ORIGINAL = {
    "Z": Quantity(4.0, 1.0),
    "mass": Quantity(125.0, 0.4, "GeV"),
    "signal": Quantity(300.0, 70.0),
    "width": Quantity.failed("no minimum", "GeV"),
}


def moved(**values: float) -> dict[str, Quantity]:
    return ORIGINAL | {name: Quantity(value, 0.0, ORIGINAL[name].unit) for name, value in values.items()}


def test_a_budget_is_spent_in_shares_of_its_limits() -> None:
    budget = Budget.parse("dZ<0.01, dm<10MeV,dsignal<5%")
    budget.check(ORIGINAL)
    spent = budget.spent(ORIGINAL, moved(Z=3.995, mass=125.02, signal=300.0))
    assert spent == {"Z": pytest.approx(0.5), "mass": pytest.approx(2.0), "signal": 0.0}


def test_a_limit_in_statistical_errors() -> None:
    budget = Budget.parse("dm<0.1sigma")
    assert budget.spent(ORIGINAL, moved(mass=125.02)) == {"mass": pytest.approx(0.5)}


def test_what_could_not_be_measured_breaks_the_budget() -> None:
    spent = Budget.parse("dZ<0.01").spent(ORIGINAL, {"Z": Quantity.failed("no minimum")})
    assert spent == {"Z": math.inf}


def test_a_budget_is_written_as_it_is_read() -> None:
    text = "dZ<0.01, dmass<10MeV, dsignal<0.1 sigma, dbackground<1%"
    assert Budget.parse(str(Budget.parse(text))) == Budget.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "write limits such as"),
        ("Z<0.01", "write limits such as"),
        ("dZ>0.01", "write limits such as"),
        ("dZ<-1", "above 0"),
        ("dZ<0", "above 0"),
        ("dZ<0.1,dZ<0.2", "limited twice"),
        ("dsignl<0.1", "did you mean dsignal"),
        ("dxyz<0.1", "the analysis gives Z, mass"),
        ("dZ<1MeV", "Z has no unit"),
        ("dm<1", "mass is in GeV"),
        ("dwidth<1GeV", "no minimum"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Budget.parse(text).check(ORIGINAL)


class Model:
    """Shifts that grow with each bound and sizes that fall with it, as of real branches but known exactly."""

    def __init__(self, sensitivity: dict[str, float]) -> None:
        self.sensitivity, self.tried = sensitivity, list[Bounds]()

    def __call__(self, bounds: Bounds) -> Trial:
        self.tried.append(bounds)
        size = sum(round(1000 - 100 * math.log2(bound / TRIED_BOUNDS[-1])) for bound in bounds.values())
        return Trial(
            bounds, size + 10_000, {"Z": sum(self.sensitivity[name] * b for name, b in bounds.items())}
        )


def test_each_branch_gets_the_loosest_bound_that_the_budget_allows() -> None:
    model = Model({"pt": 900.0, "eta": 100.0, "iso": 0.0})
    best = search(list(model.sensitivity), model)[-1]
    assert best.within()
    assert best.bounds["iso"] == TRIED_BOUNDS[0]
    for name, bound in best.bounds.items():
        if bound < TRIED_BOUNDS[0]:
            looser = {**best.bounds, name: TRIED_BOUNDS[TRIED_BOUNDS.index(bound) - 1]}
            assert not model(looser).within(), name


def test_no_bounds_are_tried_twice() -> None:
    model = Model({"pt": 900.0, "eta": 100.0, "iso": 0.0})
    search(list(model.sensitivity), model)
    tried = [tuple(sorted(bounds.items())) for bounds in model.tried]
    assert len(tried) == len(set(tried))


def test_only_a_share_of_the_budget_is_used() -> None:
    model = Model({"pt": 900.0, "eta": 100.0})
    best = search(list(model.sensitivity), model, share=0.5)[-1]
    assert best.within(0.5)
    assert best.size > search(list(model.sensitivity), model)[-1].size


def test_where_nothing_moves_all_are_as_loose_as_can_be() -> None:
    best = search(["pt", "eta"], Model({"pt": 0.0, "eta": 0.0}))[-1]
    assert set(best.bounds.values()) == {TRIED_BOUNDS[0]}


def test_a_budget_that_nothing_holds_is_an_error_with_numbers() -> None:
    with pytest.raises(BudgetError, match=r"even rel=1e-06 .* dZ 10 ×"):
        search(["pt"], Model({"pt": 1e7}))
