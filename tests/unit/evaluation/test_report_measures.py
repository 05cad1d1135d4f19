"""Measurements of a report, on cases whose result is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from baler_root.api.json_values import json_text
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Selection
from baler_root.evaluation.report.consistency import Consistency
from baler_root.evaluation.report.correlations import Correlations
from baler_root.evaluation.report.event_movements import movement, peak, signal_of
from baler_root.evaluation.report.fidelity import Fidelity, Thinned, distances
from baler_root.evaluation.report.migrations import by_process, migrations, selected
from baler_root.evaluation.report.pairs import PairedColumn
from baler_root.evaluation.report.result_shifts import replicas, shifts
from baler_root.evaluation.statistics.intervals import median, shortest_interval
from baler_root.format.bounds import LOSSLESS, ErrorBound

BOUND = ErrorBound("abs", 0.5)


def column(
    name: str, x: object, y: object, bound: ErrorBound = BOUND, table: str = "t: entries"
) -> PairedColumn:
    return PairedColumn("t", name, table, bound, (), np.asarray(x), np.asarray(y))


def selection(x: np.ndarray, threshold: float = 0.0, weights: object = 1.0, process: int = 0) -> Selection:
    """Entries beyond a threshold of x, of which x is the observable."""
    return Selection(
        {"cut": x > threshold},
        {"x": x},
        np.broadcast_to(weights, x.shape).astype(float),
        np.full(len(x), process),
    )


# ---- Branches ----------------------------------------------------------------------------------------------


def test_a_known_smear_has_its_mean_and_rms() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(1.0, 2.0, 100_000)
    error = rng.uniform(-0.3, 0.5, x.size)  # mean 0.1, RMS² = variance 0.8²/12 and mean²
    fidelity = Fidelity()
    for part in range(4):  # in chunks
        chosen = slice(part * 25_000, (part + 1) * 25_000)
        fidelity.add([column("x", x[chosen], (x + error)[chosen])])
    (result,) = fidelity.result()
    assert result.values == result.changed == result.compared == x.size
    assert result.missed == 0
    assert result.residual_mean == pytest.approx(0.1, abs=0.003)
    assert result.residual_rms == pytest.approx(math.sqrt(0.8**2 / 12 + 0.01), rel=0.01)
    assert result.residual_max == pytest.approx(0.5, abs=1e-3)
    assert result.max_of_limit == pytest.approx(1.0, abs=2e-3)
    assert result.bias_of_limit == pytest.approx(0.2, abs=0.006)
    assert result.response_mean == pytest.approx(float(np.mean(error / x)))
    assert 0.1 <= result.wasserstein <= float(np.mean(np.abs(error)))  # of the means, of the pairs
    assert sum(result.errors) == x.size


def test_relative_bounds_are_held_against_responses() -> None:
    x = np.array([0.0, 10.0, -20.0, np.nan, np.inf])
    fidelity = Fidelity()
    fidelity.add([column("x", x, x * (1 + 5e-4), ErrorBound("rel", 1e-3))])
    (result,) = fidelity.result()
    assert result.response_mean == pytest.approx(5e-4)
    assert result.response_rms == pytest.approx(5e-4)
    assert result.max_of_limit == pytest.approx(0.5)
    assert result.residual_max == pytest.approx(0.01)


def test_identical_columns_give_exact_zeros() -> None:
    x = np.random.default_rng(2).normal(size=1000).astype(np.float32)
    fidelity, correlations = Fidelity(), Correlations()
    columns = [column("a", x, x.copy()), column("b", x**2, x**2), column("c", x, x, LOSSLESS)]
    for measure in (fidelity, correlations):
        measure.add(columns)
    for result in fidelity.result():
        numbers = (
            result.changed,
            result.missed,
            result.residual_mean,
            result.residual_rms,
            result.residual_max,
        )
        assert numbers == (0, 0, 0.0, 0.0, 0.0)
        assert (result.response_rms, result.max_of_limit, result.bias_of_limit) == (0.0, 0.0, 0.0)
        assert (result.ks, result.wasserstein, result.wasserstein_of_spread) == (0.0, 0.0, 0.0)
    (table,) = correlations.result()
    assert table.largest == table.rms == 0.0
    assert table.pairs == ()


def test_values_beyond_the_bound_are_counted() -> None:
    fidelity = Fidelity()
    fidelity.add([column("x", [1.0, 2.0, 3.0], [1.0, 2.6, 3.0])])
    assert fidelity.result()[0].missed == 1


def test_distances_of_distributions() -> None:
    x = np.arange(100.0)
    assert distances(x, x + 7.0) == (pytest.approx(0.07), pytest.approx(7.0))
    assert distances(x, x + 1000.0)[0] == 1.0
    ks, area = distances(np.zeros(10), np.array([0.0] * 7 + [1.0] * 3))
    assert (ks, area) == (pytest.approx(0.3), pytest.approx(0.3))
    assert all(map(math.isnan, distances(np.empty(0), np.empty(0))))


def test_distances_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="the extra [report] is not installed")
    rng = np.random.default_rng(3)
    x = rng.normal(size=500)
    y = np.round(x, 1)
    assert distances(x, y) == (
        pytest.approx(stats.ks_2samp(x, y).statistic), pytest.approx(stats.wasserstein_distance(x, y))
    )  # fmt: skip


def test_thinning_keeps_pairs_evenly_spaced() -> None:
    thinned = Thinned(limit=100)
    rng = np.random.default_rng(4)
    x, start = np.arange(10_000.0), 0
    while start < len(x):
        step = int(rng.integers(1, 300))
        thinned.add(x[start : start + step], -x[start : start + step])
        start += step
    one, other = thinned.pairs()
    assert 50 <= len(one) <= 100
    assert np.array_equal(one, -other)
    assert set(np.diff(one)) == {float(thinned.step)}
    assert one[0] == 0.0


def test_correlations_change_as_they_must() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(1e6, 1.0, (2, 50_000))
    correlations = Correlations()
    for part in (slice(0, 10_000), slice(10_000, None)):
        correlations.add(
            [column("a", a[part], a[part]), column("b", b[part], (0.6 * a + 0.8 * b)[part]), column("k", a[part] * 0, a[part] * 0)]
        )  # fmt: skip
    (table,) = correlations.result()
    assert table.columns == ("a", "b")
    assert table.before == pytest.approx(np.corrcoef(a, b))
    assert table.after == pytest.approx(np.corrcoef(a, 0.6 * a + 0.8 * b))
    assert table.largest == pytest.approx(0.6, abs=0.02)
    assert table.pairs[0][:2] == ("a", "b")


def test_correlations_leave_out_what_is_not_finite() -> None:
    a, b = np.random.default_rng(6).normal(size=(2, 1000))
    holes = b.copy()
    holes[::3] = np.nan
    correlations = Correlations()
    correlations.add([column("a", a, a), column("b", holes, holes)])
    usable = np.isfinite(holes)
    assert correlations.result()[0].before[0, 1] == pytest.approx(np.corrcoef(a[usable], b[usable])[0, 1])


def test_energies_are_held_against_momenta() -> None:
    rng = np.random.default_rng(7)
    pt, eta, phi = rng.uniform(10.0, 50.0, 1000), rng.uniform(-2, 2, 1000), rng.uniform(-3, 3, 1000)
    energy = pt * np.cosh(eta)
    consistency = Consistency()
    others = [column("ph_pt", pt, pt), column("ph_eta", eta, eta), column("ph_phi", phi, phi)]
    consistency.add([*others, column("ph_E", energy, energy * (1 - 1e-3)), column("jet_pt", pt, pt)])
    (result,) = consistency.result()
    assert (result.name, result.objects) == ("ph", 1000)
    assert (result.negative_before, result.negative_after) == (0, 1000)
    assert result.rms_before < 1e-15
    assert result.rms_after == pytest.approx(1e-3, rel=2e-3)
    assert result.change_rms == pytest.approx(2e-3, rel=2e-3)  # of 1 − p²/E²


def test_masses_belong_to_the_relation_where_they_are_stored() -> None:
    pt, mass = np.array([30.0, 40.0]), np.array([5.0, 10.0])
    energy = np.sqrt((pt * np.cosh(0.5)) ** 2 + mass**2)
    parts = {"pt": pt, "eta": np.full(2, 0.5), "phi": np.zeros(2), "E": energy, "m": mass}
    consistency = Consistency()
    consistency.add([column(f"fat_{name}", values, values) for name, values in parts.items()])
    (result,) = consistency.result()
    assert result.relation == "(E² − p² − m²) / E²"
    assert result.rms_before < 1e-14
    assert (result.negative_before, result.change_max) == (0, 0.0)


# ---- Events ------------------------------------------------------------------------------------------------


def test_migrations_in_and_out() -> None:
    x, y = np.array([-1.0, -0.1, 0.1, 1.0, 2.0]), np.array([-1.0, 0.1, -0.1, 1.0, 2.0])
    before, after = selection(x, weights=2.0, process=7), selection(y, weights=2.0, process=7)
    (cut,) = migrations(before, after)
    assert cut.individual == cut.cumulative == selected(before, after) == by_process(before, after)[7]
    assert (cut.individual.before, cut.individual.after, cut.individual.gained, cut.individual.lost) == (
        3,
        3,
        1,
        1,
    )
    assert cut.individual.share == pytest.approx(2 / 3)
    assert cut.individual.weight_before == 6.0
    assert selected(before, before).share == 0.0


def test_a_smear_moves_as_many_across_a_cut_as_it_must() -> None:
    rng = np.random.default_rng(8)
    x = rng.uniform(-1.0, 1.0, 400_000)
    y = x + rng.uniform(-0.1, 0.1, x.size)
    crossing = selected(selection(x), selection(y))
    # density 1/2 per unit, times ∫₀^w (w − x)/2w dx = w/4 on each side of the cut
    expected = x.size * 0.5 * 0.1 / 4
    assert crossing.gained == pytest.approx(expected, rel=0.05)
    assert crossing.lost == pytest.approx(expected, rel=0.05)


def test_movement_of_an_observable() -> None:
    x = np.array([1.0, 2.0, 3.0, -1.0])
    moved = movement(selection(x), selection(x + np.array([0.1, -0.3, 0.0, 5.0])), "x", np.ones(4, bool))
    assert (moved.events, moved.moved) == (3, 2)  # the last is selected on one side only
    assert moved.mean == pytest.approx(-0.2 / 3)
    assert moved.rms == pytest.approx(math.sqrt(0.1 / 3))
    assert moved.largest == pytest.approx(0.3)
    none = movement(selection(x), selection(x), "x", np.zeros(4, bool))
    assert none.events == 0
    assert math.isnan(none.mean)


def test_effective_width_of_a_gaussian_is_its_standard_deviation() -> None:
    x = np.random.default_rng(9).normal(125.0, 1.7, 200_000)
    low, high = shortest_interval(x, np.ones_like(x))
    assert (high - low) / 2 == pytest.approx(1.7, rel=0.01)
    result = peak(selection(x), "x", "GeV", np.ones(x.size, bool))
    assert result["median"].value == pytest.approx(125.0, abs=0.02)
    assert result["effective width"].value == (high - low) / 2
    weighted = peak(selection(x, weights=-0.5), "x", "GeV", np.ones(x.size, bool))
    assert weighted["effective width"].value == pytest.approx(result["effective width"].value)


def test_medians_and_intervals_of_few_values() -> None:
    assert median(np.array([3.0, 1.0, 2.0]), np.ones(3)) == 2.0
    assert median(np.array([1.0, 2.0]), np.array([1.0, 1e9])) == pytest.approx(1.5, abs=0.5)
    assert shortest_interval(np.array([0.0, 5.0, 5.1, 9.0]), np.array([1.0, 4.0, 4.0, 1.0])) == (5.0, 5.1)
    one = peak(selection(np.array([1.0])), "x", "GeV", np.ones(1, bool))
    assert one["median"].failure == "1 selected events of signal"
    assert math.isnan(one["median"].value)


def test_signal_is_what_the_analysis_says() -> None:
    mixed = Selection({}, {}, np.ones(3), np.array([0, 7, 8]))
    assert signal_of(mixed, (8,)).tolist() == [False, False, True]
    assert signal_of(mixed, ()).tolist() == [False, True, True]
    assert signal_of(Selection({}, {}, np.ones(2), np.zeros(2, int)), ()).all()


# ---- Results -----------------------------------------------------------------------------------------------


def mean_of(chosen: Selection) -> dict[str, Quantity]:
    passing = chosen.passing()
    return {
        "mean": Quantity(float(np.average(chosen.observables["x"][passing], weights=chosen.weights[passing])))
    }


def test_paired_errors_are_those_of_the_difference() -> None:
    rng = np.random.default_rng(10)
    x = rng.normal(100.0, 10.0, 2500)
    before, after = selection(x), selection(x + rng.normal(0.0, 0.5, x.size))
    result = replicas(before, after, mean_of, ["mean"], number=400, seed=1)
    (shift,) = shifts(mean_of(before), mean_of(after), result)
    assert shift.paired_error == pytest.approx(0.5 / 50, rel=0.15)  # not 10 / 50
    assert shift.statistical_error == pytest.approx(10 / 50, rel=0.15)
    assert shift.relative == pytest.approx(shift.shift / shift.statistical_error)
    again = replicas(before, after, mean_of, ["mean"], number=400, seed=1)
    assert np.array_equal(result.after["mean"], again.after["mean"])


def test_equal_selections_do_not_shift() -> None:
    same = selection(np.linspace(1.0, 2.0, 50))
    result = replicas(same, same, mean_of, ["mean"], number=20, seed=1)
    (shift,) = shifts(mean_of(same), mean_of(same), result, [mean_of(same)] * 3)
    assert (shift.shift, shift.paired_error, shift.relative) == (0.0, 0.0, 0.0)
    assert (shift.offset_mean, shift.offset_error) == (0.0, 0.0)


def test_failed_fits_are_never_numbers() -> None:
    calls = iter(range(1000))

    def sometimes(chosen: Selection) -> dict[str, Quantity]:
        return {"mean": Quantity.failed("no") if next(calls) % 4 == 1 else mean_of(chosen)["mean"]}

    same = selection(np.linspace(1.0, 2.0, 50))
    result = replicas(same, same, sometimes, ["mean"], number=10, seed=1)
    (shift,) = shifts({"mean": Quantity(1.0, 0.1)}, {"mean": Quantity.failed("did not converge")}, result)
    assert shift.failed == 5
    assert math.isnan(shift.shift)
    assert math.isnan(shift.relative)
    assert json.loads(json_text(shift))["shift"] is None
