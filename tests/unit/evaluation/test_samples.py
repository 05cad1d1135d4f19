"""Samples: the same seed gives the same events, peaks, weights, and mistakes of the user."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from baler_root.analyses.samples.generator.processes import PROCESSES
from baler_root.analyses.samples.making import SampleOptions, make
from baler_root.analyses.samples.stream import make_stream, random_numbers
from numpy.typing import NDArray

from baler_root.errors import ConfigError, MissingExtraError, OutputError
from tests.helpers.cli import Cli

GENERATORS = ("quick", "pythia")
QUICK = SampleOptions(generator="quick")


def sample(path: Path, what: str, n: int, tree: str = "mini", **options: Any) -> ak.Array:
    """All events of a sample, made with the quick generator unless `options` name another."""
    make(path, what, n, SampleOptions(**{"generator": "quick", **options}))
    with uproot.open(path) as file:
        return file[tree].arrays()


@pytest.fixture(scope="module")
def gamgam(tmp_path_factory: pytest.TempPathFactory) -> ak.Array:
    """A sample with pseudo-data and simulation of H→γγ."""
    return sample(tmp_path_factory.mktemp("gamgam") / "gamgam.root", "gamgam", 30_000)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> ak.Array:
    """A sample with pseudo-data and simulation of four leptons."""
    return sample(tmp_path_factory.mktemp("4lep") / "4lep.root", "4lep", 9_000)


def of_process(events: ak.Array, name: str) -> ak.Array:
    return events[events.channelNumber == PROCESSES[name].number]


def data(events: ak.Array) -> ak.Array:
    return events[events.channelNumber == events.runNumber]


def mass_of_two(events: ak.Array) -> NDArray[np.float64]:
    """Mass [GeV] of the two hardest photons, both tight."""
    events = events[ak.all(events.photon_isTightID[:, :2], axis=1)]
    pt, eta, phi = (
        ak.to_numpy(events[f"photon_{name}"][:, :2]).astype(float) for name in ("pt", "eta", "phi")
    )
    angle = np.cosh(eta[:, 0] - eta[:, 1]) - np.cos(phi[:, 0] - phi[:, 1])
    return np.asarray(np.sqrt(2 * pt[:, 0] * pt[:, 1] * angle) / 1000)


def width(values: NDArray[np.float64]) -> float:
    """Half of the shortest interval with 68.27 % of the values."""
    ordered = np.sort(values)
    inside = int(0.6827 * len(ordered))
    return float(np.min(ordered[inside:] - ordered[: len(ordered) - inside]) / 2)


@pytest.mark.parametrize("generator", GENERATORS)
def test_same_seed_same_events(tmp_path: Path, generator: str) -> None:
    if generator == "pythia":
        pytest.importorskip("pythia8mc", reason="no Pythia (extra samples)")
    what = {"quick": "gamgam", "pythia": "ggH-yy"}[generator]
    first, again, other = (
        sample(tmp_path / f"{i}.root", what, 60, seed=seed, generator=generator)
        for i, seed in enumerate((1, 1, 2))
    )
    assert ak.array_equal(first, again)
    assert not ak.array_equal(first, other)


def test_chunks_change_neither_number_nor_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baler_root.analyses.samples.making.CHUNK", 700)
    made = make(tmp_path / "s.root", "gamgam", 3_000, QUICK)
    assert sum(part.entries for part in made.parts) == made.entries == 3_000
    with uproot.open(tmp_path / "s.root") as file:
        events = file["mini"].arrays()
    assert len(events) == 3_000
    assert len(data(events)) == 2_700
    assert len(np.unique(data(events).eventNumber)) == 2_700
    assert np.all(np.diff(ak.to_numpy(data(events).runNumber)) >= 0)


def test_peak_of_two_photons(gamgam: ak.Array) -> None:
    masses = mass_of_two(of_process(gamgam, "ggH-yy"))
    assert len(masses) > 2_000
    assert abs(np.median(masses) - 125.0) < 0.4
    assert 1.6 < width(masses) < 2.4


def test_background_falls_and_has_no_peak(gamgam: ak.Array) -> None:
    masses = mass_of_two(data(gamgam))
    counts = np.histogram(masses, np.arange(105, 161, 5))[0]
    assert counts[0] > 3 * counts[-1]
    sides = (
        counts[3] * counts[5]
    ) ** 0.5  # the mean of 120 to 125 and 130 to 135 where it falls exponentially
    assert abs(counts[4] - sides) < 5 * np.sqrt(counts[4])


def test_peak_of_four_leptons(four: ak.Array) -> None:
    higgs = of_process(four, "ggH-4l")
    higgs = higgs[(higgs.lep_n == 4) & ak.all(higgs.lep_truthMatched, axis=1)]
    x, y, z, e = (
        ak.to_numpy(ak.sum(part, axis=1)).astype(float)
        for part in (
            higgs.lep_pt * np.cos(higgs.lep_phi),
            higgs.lep_pt * np.sin(higgs.lep_phi),
            higgs.lep_pt * np.sinh(higgs.lep_eta),
            higgs.lep_E,
        )
    )
    masses = np.sqrt(e**2 - x**2 - y**2 - z**2) / 1000
    assert abs(np.median(masses) - 125.0) < 0.6
    assert 1.0 < width(masses) < 2.4


def test_weights_scale_simulation_to_a_luminosity(tmp_path: Path) -> None:
    made = make(tmp_path / "s.root", "ZZ-4l", 3_000, QUICK)
    (part,) = made.parts
    with uproot.open(tmp_path / "s.root") as file:
        events = file["mini"].arrays()
    assert np.unique(events.XSection).tolist() == [np.float32(PROCESSES["ZZ-4l"].cross_section)]
    assert np.unique(events.SumWeights) == pytest.approx(part.sum_of_weights, rel=1e-6)
    assert ak.min(events.mcWeight) < 0 < ak.max(events.mcWeight)
    passed = ak.sum(events.mcWeight) / part.sum_of_weights  # luminosity and cross-section drop out
    assert passed == pytest.approx(part.entries / part.generated, rel=0.03)
    assert ak.max(events.eventNumber) == part.generated


def test_luminosity_sets_the_signal(tmp_path: Path) -> None:
    def signal(luminosity: float | None) -> int:
        options = SampleOptions(generator="quick", luminosity=luminosity)
        made = make(tmp_path / "s.root", "gamgam", 6_000, options, overwrite=True)
        return sum(part.entries for part in made.parts if part.counted)

    natural = 1000 * 0.9 * 6_000 / 23_800 * (0.102 + 0.0085) * 0.48
    assert signal(None) == pytest.approx(natural, abs=5 * natural**0.5)
    assert signal(15.0) == pytest.approx(15_000 * 0.1105 * 0.48, rel=0.15)


def test_pseudodata_look_like_data(gamgam: ak.Array) -> None:
    events = data(gamgam)
    for name in ("mcWeight", "scaleFactor_PHOTON", "met_et_syst"):
        assert ak.all(events[name] == 0)
    for name in ("photon_truthMatched", "photon_pt_syst", "jet_trueflav"):
        assert not ak.any(events[name])
    assert ak.all(events.XSection == 1)
    assert ak.all(events.SumWeights == 1)


def test_branches_depend_on_each_other_as_in_real_files(gamgam: ak.Array) -> None:
    simulated = of_process(gamgam, "ggH-yy")
    order = np.argsort(ak.to_numpy(simulated.scaleFactor_PILEUP))
    noise = [
        np.std(ak.to_numpy(ak.flatten(simulated.photon_etcone20[part])))
        for part in (order[: len(order) // 4], order[-len(order) // 4 :])
    ]
    assert noise[0] > 1.2 * noise[1]  # small weights have much pileup
    events = data(gamgam)
    tight = ak.flatten(events.photon_isTightID)
    isolation = ak.flatten(events.photon_etcone20 / events.photon_pt)
    assert ak.mean(isolation[~tight]) > 3 * ak.mean(isolation[tight])
    pt, energy, eta = (
        ak.to_numpy(ak.flatten(simulated[f"photon_{name}"])).astype(float) for name in ("pt", "E", "eta")
    )
    assert np.max(np.abs(energy / (pt * np.cosh(eta)) - 1)) < 1e-6
    assert len(np.unique(np.round(ak.to_numpy(simulated.scaleFactor_PHOTON), 6))) > 20
    assert ak.all(simulated.photon_pt_syst / simulated.photon_pt < 0.02)


def test_events_given_out_count_all_that_were_generated() -> None:
    def stream() -> Any:
        return make_stream("ggH-yy", "quick", random_numbers(1, "a"), random_numbers(1, "b"), 10_000)

    whole, parts = stream(), stream()
    at_once = whole.next_generated(12_345)
    pieces = [parts.next_generated(n) for n in (0, 1, 5_000, 7_344)]
    assert sum(map(len, pieces)) == len(at_once)
    assert whole.generated == parts.generated == 12_345
    assert whole.weights == pytest.approx(parts.weights)
    taken = stream()
    assert len(taken.accepted(len(at_once))) == len(at_once)
    assert taken.generated <= 12_345


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("gamgam", 0), {}, "0 entries"),
        (("gamgam", -5), {}, "-5 entries"),
        (("gamgamm", 10), {}, "nearest: gamgam"),
        (("gamgam", 10), {"schema": "2019"}, "2020, 2025"),
        (("gamgam", 10), {"generator": "herwig"}, "pythia or quick"),
        (("gamgam", 10), {"seed": -1}, "seed -1"),
        (("gamgam", 10), {"luminosity": -1.0}, "must be positive"),
        (("gamgam", 1_000), {"luminosity": 40.0}, "lower --luminosity"),
        (("4lep", 100), {}, "lower --luminosity"),
        (("ggH-yy", 10), {"luminosity": 1.0}, "by its weights"),
    ],
)
def test_mistakes_leave_nothing(
    tmp_path: Path, arguments: tuple[str, int], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make(tmp_path / "s.root", *arguments, SampleOptions(**{"generator": "quick", **options}))
    assert list(tmp_path.iterdir()) == []


def test_output_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "s.root"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        make(path, "ggH-yy", 10, QUICK)
    assert path.read_text() == "mine"
    make(path, "ggH-yy", 10, QUICK, overwrite=True)
    with pytest.raises(OutputError, match="does not exist"):
        make(tmp_path / "no" / "s.root", "ggH-yy", 10, QUICK)


def test_without_pythia_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(MissingExtraError, match=r'pip install "baler-root\[samples\]".*quick'):
        make(tmp_path / "s.root", "gamgam", 10)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def test_command(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "s.root"
    options = ("sample", "gamgam", "-n", "500", "--generator", "quick", "-o", path)
    done = cli(*options)
    assert done.code == 0
    assert "500 entries" in done.out
    assert "pseudo-data" in done.out
    again = cli(*options)
    assert again.code == 1
    assert "exists already" in again.err
    made = cli(*options, "--overwrite", "--json", "--luminosity", "1").json
    assert (made["entries"], made["luminosity"], made["tree"]) == (500, 1.0, "mini")
    assert cli("sample", "gamgam", "-n", "0", "--generator", "quick", "-o", tmp_path / "t.root").code == 2


def test_pythia_prints_only_json(tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc", reason="no Pythia (extra samples)")
    import json
    import subprocess

    command = [sys.executable, "-m", "baler_root", "sample", "ggH-yy", "-n", "5", "--json", "-o"]
    done = subprocess.run([*command, str(tmp_path / "s.root")], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["entries"] == 5
