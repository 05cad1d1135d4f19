"""The statistics of a discovery: closed forms, toys, and fits that fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("iminuit", reason="the extra [report] is not installed")
pytest.importorskip("numba_stats", reason="the extra [report] is not installed")
pyhf = pytest.importorskip("pyhf", reason="the extra [report] is not installed")

from baler_root.errors import FitError
from baler_root.evaluation.analysis import histogram
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.selection import Floats
from baler_root.evaluation.statistics import (
    look_elsewhere,
    peak_search,
    significance,
    spurious_signal,
    workspace,
)
from baler_root.evaluation.statistics.background import BackgroundModel, Bernstein, Exponential
from baler_root.evaluation.statistics.fit import deviance, deviance_gradient
from baler_root.evaluation.statistics.peak_model import PeakModel
from baler_root.evaluation.statistics.peak_shape import PeakShape, fit_peak
from baler_root.evaluation.statistics.workspace import Sample

EDGES = np.linspace(105.0, 160.0, 111)
PEAK = PeakShape(-0.1, 1.6, 1.5, 2.5)
MASSES = np.arange(110.0, 150.1, 1.0)


def falling(total: float = 28_000.0) -> Floats:
    """Expected background: an exponential of 40 GeV."""
    centres = 0.5 * (EDGES[1:] + EDGES[:-1])
    shape = np.exp(-(centres - 105.0) / 40.0)
    return shape * (total / shape.sum())


def model(order: int = 3) -> PeakModel:
    return PeakModel(EDGES, PEAK, Bernstein(EDGES, order))


def counting_z(s: Floats | float, b: Floats | float) -> float:
    """Median Z of a counting experiment, combined over bins (Cowan et al., eq. 97)."""
    return float(np.sqrt(2 * np.sum((s + b) * np.log1p(s / np.asarray(b)) - s)))


def test_histograms_are_those_of_numpy() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(120, 20, 10_000), [np.nan, np.inf, -np.inf, 105.0, 160.0, EDGES[37]]])
    weights = rng.normal(1, 1, len(values))
    filled = histogram.fill(values, weights, EDGES)
    usual = values != 160.0  # NumPy's last bin includes its upper edge
    kept = np.isfinite(values) & usual
    np.testing.assert_allclose(
        filled.counts, np.histogram(values[kept], EDGES, weights=weights[kept])[0], atol=1e-9
    )
    np.testing.assert_allclose(
        filled.variances, np.histogram(values[kept], EDGES, weights=weights[kept] ** 2)[0]
    )


@pytest.mark.parametrize("background", [Bernstein(EDGES, 3), Exponential(EDGES, 2)], ids=lambda c: c.name)
def test_derivatives_are_those_of_differences(background: BackgroundModel) -> None:
    counts = np.random.default_rng(2).poisson(falling()).astype(float)
    parameters = background.start(counts)
    steps = 1e-5 * np.eye(background.size)
    numeric = np.array(
        [
            (
                deviance(counts, background.expected(parameters + step))
                - deviance(counts, background.expected(parameters - step))
            )
            / 2e-5
            for step in steps
        ]
    )
    exact = deviance_gradient(counts, background.expected(parameters), background.jacobian(parameters))
    np.testing.assert_allclose(exact, numeric, rtol=1e-4, atol=1e-3)


def test_backgrounds_integrate_their_functions() -> None:
    t = np.linspace(-1, 1, 110 * 200 + 1)
    t = 0.5 * (t[1:] + t[:-1])
    fine = np.exp(5.0 - 0.7 * t + 0.2 * t * t).reshape(110, 200).mean(axis=1)
    np.testing.assert_allclose(Exponential(EDGES, 2).expected(np.array([5.0, -0.7, 0.2])), fine, rtol=1e-7)
    u = 0.5 * (t + 1)
    fine = (3 * (1 - u) ** 2 + 5 * 2 * u * (1 - u) + 7 * u * u).reshape(110, 200).mean(axis=1)
    np.testing.assert_allclose(Bernstein(EDGES, 2).expected(np.array([3.0, 5.0, 7.0])), fine, rtol=1e-5)


def test_a_peak_is_found_again_in_weighted_events() -> None:
    rng = np.random.default_rng(3)
    edges = np.linspace(110.0, 140.0, 121)
    expected = 20_000 * PEAK.fractions(edges, 125.0)
    counts = rng.poisson(expected / 0.3) * 0.3
    fit = fit_peak(Histogram(edges, counts, counts * 0.3), PeakShape(0.5, 2.0, 2.0, 2.0))
    assert abs(fit.peak.offset - PEAK.offset) < 4 * fit.offset_error
    assert abs(fit.peak.width - PEAK.width) < 4 * fit.width_error
    assert fit.offset_error == pytest.approx(PEAK.width / math.sqrt(20_000 / 0.3), rel=0.5)


def test_a_peak_has_its_area_and_moves_with_mass() -> None:
    wide = np.linspace(50.0, 200.0, 1501)
    assert PEAK.fractions(wide, 125.0).sum() == pytest.approx(1.0, abs=1e-3)
    centres = 0.5 * (wide[1:] + wide[:-1])
    assert centres[PEAK.fractions(wide, 140.0).argmax()] == pytest.approx(140.0 - 0.1 * 140 / 125, abs=0.11)


def test_asimov_z_of_a_count_is_the_closed_form() -> None:
    for s, b in ((5.0, 10.0), (20.0, 50.0), (30.0, 3.0)):
        samples = [
            Sample("signal", Histogram(np.array([0.0, 1.0]), np.array([s]), np.zeros(1)), is_signal=True),
            Sample("background", Histogram(np.array([0.0, 1.0]), np.array([b]), np.zeros(1))),
        ]
        result = workspace.discover(workspace.build("one", samples, np.array([s + b]), statistical=False))
        assert result.expected == pytest.approx(counting_z(s, b), rel=0.01)
        assert result.observed == pytest.approx(counting_z(s, b), rel=0.01)
        assert result.strength == pytest.approx(1.0, abs=1e-3)


def test_asimov_z_of_a_shape_is_the_closed_form() -> None:
    """With the background known, bins add up; a background that is fitted takes some of it away."""
    base, signal = falling(), 300.0
    shape = signal * PEAK.fractions(EDGES, 125.0)
    samples = [
        Sample("signal", Histogram(EDGES, shape, np.zeros(110)), is_signal=True),
        Sample("background", Histogram(EDGES, base, np.zeros(110))),
    ]
    result = workspace.discover(workspace.build("m", samples, base + shape, statistical=False))
    assert result.expected == pytest.approx(counting_z(shape, base), rel=0.01)

    # the same by Fisher's information of the yield, when Bernstein coefficients are fitted along
    fitted = model()
    parameters = fitted.background_only(base).parameters
    jacobian = np.column_stack([shape / signal, fitted.background.jacobian(parameters)])
    information = jacobian.T @ (jacobian / fitted.background.expected(parameters)[:, None])
    weak = 30.0  # where Z = s/σ
    expected = weak / math.sqrt(np.linalg.inv(information)[0, 0])
    assert significance.expected(fitted, weak, 125.0, parameters) == pytest.approx(expected, rel=0.01)


def test_p_values_are_one_sided() -> None:
    assert significance.p_value(5.0) == pytest.approx(2.8665e-7, rel=1e-4)
    assert significance.p_value(0.0) == 0.5
    assert significance.z_of(0.1510) == pytest.approx(1.03, abs=0.005)  # the numbers of Baler's talk
    assert significance.z_of(0.1820) == pytest.approx(0.91, abs=0.005)
    assert significance.significance(10.0, 1.0, -5.0) == -3.0


def pulls(toys: int, seed: int) -> tuple[Floats, Floats]:
    """Pulls of the fitted signal and mass."""
    rng = np.random.default_rng(seed)
    fitted, signal = model(), 500.0
    parameters = fitted.background_only(falling()).parameters
    expected = fitted.expected(signal, 125.0, parameters)
    pairs = []
    for _ in range(toys):
        counts = rng.poisson(expected).astype(float)
        fit = fitted.fit(counts, 125.0, fitted.background_only(counts))
        free = fitted.fit_mass(counts, fit, (110.0, 140.0))
        pairs.append(((fit.signal - signal) / fit.signal_error, (free.mass - 125.0) / free.mass_error))
    signals, masses = np.array(pairs).T
    return signals, masses


def test_yields_are_unbiased() -> None:
    signals, masses = pulls(400, 4)
    assert abs(signals.mean()) < 0.1
    assert abs(signals.std() - 1) < 0.1
    assert abs(masses.mean()) < 0.15
    assert abs(masses.std() - 1) < 0.15


@pytest.mark.slow
def test_yields_are_unbiased_in_many_toys() -> None:
    signals, _ = pulls(5000, 5)
    assert abs(signals.mean()) < 0.05
    assert abs(signals.std() - 1) < 0.04


def test_scans_agree_with_minuit() -> None:
    fitted = model()
    counts = np.random.default_rng(6).poisson(falling() + 300 * PEAK.fractions(EDGES, 125.0)).astype(float)
    without = fitted.background_only(counts)
    scan = look_elsewhere.Scanner(fitted, MASSES, without).significances(counts)
    fits = [fitted.fit(counts, float(mass), without) for mass in MASSES]
    minuit = [significance.significance(without.deviance, fit.deviance, fit.signal) for fit in fits]
    np.testing.assert_allclose(scan, minuit, atol=0.02)
    assert scan.max() == pytest.approx(max(minuit), abs=1e-4)


def test_local_p_values_are_uniform_in_toys() -> None:
    fitted = model()
    without = fitted.background_only(falling())
    scanner = look_elsewhere.Scanner(fitted, np.array([125.0]), without)
    rng = np.random.default_rng(7)
    z = np.array([scanner.significances(scanner.toy(rng))[0] for _ in range(1000)])
    assert abs(z.mean()) < 0.12
    assert abs(z.std() - 1) < 0.08


def test_gross_vitells_agrees_with_toys() -> None:
    fitted = model()
    scanner = look_elsewhere.Scanner(fitted, np.arange(110.0, 150.1, 0.5), fitted.background_only(falling()))
    calls: list[tuple[int, int]] = []
    scans = look_elsewhere.scan_toys(scanner, 600, 8, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (600, 600)
    assert 2.0 < scans.crossings < 5.0
    for z in (2.0, 2.5):
        bound, counted = look_elsewhere.gross_vitells(z, scans), look_elsewhere.by_toys(z, scans)
        assert counted.value < bound.value + 3 * counted.error
        assert counted.value > 0.5 * bound.value
    none = look_elsewhere.by_toys(9.0, scans)
    assert math.isnan(none.value)
    assert "none of 600 toys" in none.failure
    again = look_elsewhere.scan_toys(scanner, 5, 8)
    np.testing.assert_array_equal(again.highest, scans.highest[:5])


def test_functions_that_feign_signal_are_not_chosen() -> None:
    centres = 0.5 * (EDGES[1:] + EDGES[:-1])
    bent = falling() * (1 + 0.1 * np.cos((centres - 105.0) / 20.0))
    backgrounds = [Exponential(EDGES, 1), *(Bernstein(EDGES, order) for order in (1, 2, 3, 4, 5))]
    tested = spurious_signal.candidates(bent, EDGES, PEAK, backgrounds, np.arange(121.0, 129.1, 1.0), 50.0)
    assert not tested[0].passes
    assert not tested[1].passes
    chosen = spurious_signal.choose(tested)
    assert chosen.passes
    assert abs(chosen.spurious) < 0.2 * chosen.error
    assert all(not one.passes for one in tested if one.background.size < chosen.background.size)
    with pytest.raises(FitError, match="too much spurious signal"):
        spurious_signal.choose(tested[:2])


def test_fits_that_fail_give_no_number() -> None:
    fitted = model()
    nothing = peak_search.measure(np.zeros(110), fitted, 125.0)
    assert set(nothing) == set(peak_search.UNITS)
    for quantity in nothing.values():
        assert math.isnan(quantity.value)
        assert quantity.failure == "no entry from 105 to 160 GeV"
    edges = np.linspace(110.0, 140.0, 121)
    with pytest.raises(FitError, match="a shape needs 50"):
        fit_peak(Histogram(edges, np.full(121 - 1, 0.1), np.full(120, 0.1)), PEAK)
    with pytest.raises(FitError, match="no simulated signal"):
        fit_peak(Histogram(edges, np.zeros(120), np.zeros(120)), PEAK)


def test_negative_bins_count_as_empty() -> None:
    counts = np.random.default_rng(9).poisson(falling()).astype(float)
    counts[5] = -20.0
    clipped = np.maximum(counts, 0.0)
    assert peak_search.measure(counts, model(), 125.0) == peak_search.measure(clipped, model(), 125.0)


def systematic(size: float) -> float:
    edges = np.array([0.0, 1.0])
    samples = [
        Sample("signal", Histogram(edges, np.array([20.0]), np.zeros(1)), is_signal=True),
        Sample("background", Histogram(edges, np.array([100.0]), np.zeros(1)), normalisations={"rate": size}),
    ]
    return workspace.discover(workspace.build("one", samples, np.array([100.0]), statistical=False)).expected


def test_a_systematic_costs_what_the_formula_says() -> None:
    """Z_A with an uncertain background, Cowan's formula (in G. Cowan, PHYSTAT 2012), σ_b = 10 %."""
    s, b, sigma = 20.0, 100.0, 10.0
    total, v = s + b, sigma**2
    z = math.sqrt(
        2
        * (
            total * math.log(total * (b + v) / (b * b + total * v))
            - b * b / v * math.log1p(v * s / (b * (b + v)))
        )
    )
    assert systematic(0.1) == pytest.approx(z, rel=0.02)
    assert systematic(1e-4) == pytest.approx(counting_z(s, b), rel=0.01)


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")  # pyhf's
def test_workspaces_are_valid_for_others_and_pyhf_is_left_as_it_was() -> None:
    counts = Histogram(np.arange(4.0), np.array([1.0, 0.0, 2.0]), np.array([0.1, 0.0, 0.1]))
    samples = [
        Sample(
            "signal", counts, True, {"theory": 0.05}, {"scale": (counts.counts * 1.1, counts.counts * 0.9)}
        ),
        Sample("ZZ", counts, False, {"theory": 0.05}),
    ]
    document = workspace.build("m4l", samples, np.array([2.0, 1.0, 3.0]))
    parsed = pyhf.Workspace(document)  # checks it against pyhf's schema
    assert parsed.model().config.poi_name == "mu"
    before = pyhf.get_backend()
    result = workspace.discover(document, with_error=True)
    assert pyhf.get_backend() == before
    assert result.strength_error > 0.1


def test_a_deficit_has_no_significance() -> None:
    edges = np.array([0.0, 1.0])
    samples = [
        Sample("signal", Histogram(edges, np.array([20.0]), np.zeros(1)), is_signal=True),
        Sample("background", Histogram(edges, np.array([100.0]), np.zeros(1))),
    ]
    result = workspace.discover(workspace.build("one", samples, np.array([80.0]), statistical=False))
    assert result.observed == pytest.approx(0.0, abs=1e-3)
    assert result.strength == pytest.approx(0.0, abs=1e-3)
