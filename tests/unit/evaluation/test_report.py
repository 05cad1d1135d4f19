"""Reports: results of the measurement, and mistakes of the user (issue 5)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import uproot
from baler_root.analyses.samples.toys import four_leptons, write_tree

import baler_root
from baler_root.errors import ConfigError, SourceError

for library in ("hist", "iminuit", "jinja2", "mplhep", "vector"):
    pytest.importorskip(library, reason="the extra [report] is not installed")

from baler_root.compression.rules.rules import Rules
from baler_root.evaluation.analysis.analysis import load
from baler_root.evaluation.report.build_report import build_report
from baler_root.evaluation.report.cost import encoding
from baler_root.evaluation.report.options import ReportOptions
from baler_root.evaluation.report.page import page
from baler_root.evaluation.report.pairs import FilePair
from baler_root.evaluation.report.results import Report
from baler_root.evaluation.report.rounding_offsets import offset_selections
from tests.helpers.cli import Cli

Pairs = list[tuple[str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


# ---- Measurements --------------------------------------------------------------------------------------


def quick(pairs: Pairs, analysis: str | None, bootstrap: int = 0) -> Report:
    """A report with few toys, without rounding offsets."""
    options = ReportOptions(toys=5, bootstrap=bootstrap, offsets=0)
    loaded = None if analysis is None else load(analysis)
    return build_report(pairs, loaded, options, time_encoding=False, stage=lambda _: None)


def test_a_lossless_file_changes_nothing(pairs: Pairs, tmp_path: Path) -> None:
    exact = []
    for source, _ in pairs:
        target = tmp_path / Path(source).with_suffix(".baler").name
        baler_root.compress(source, target, bound="lossless", codec="classic")
        exact.append((source, str(target)))
    made = quick(exact, "hgamgam", bootstrap=2)
    assert "nothing moved at all; 0 of" in made.verdict
    for one in made.impact.observables:
        assert {shift.shift for shift in one.shifts} == {0.0}
        assert (one.all_selected.moved, one.all_selected.largest) == (0, 0.0)
        assert {
            quantity.value for quantity in one.study_before.quantities.values() if not quantity.failure
        } == {quantity.value for quantity in one.study_after.quantities.values() if not quantity.failure}
    assert all(cut.individual.gained == cut.individual.lost == 0 for cut in made.impact.cuts)
    assert all(branch.changed == 0 for pair in made.pairs for branch in pair.fidelity)


def test_without_an_analysis_values_are_judged(pairs: Pairs) -> None:
    made = quick(pairs[:1], None)
    assert made.impact is None
    assert made.verdict.startswith("The largest error is 0.99")
    assert {one.name for one in made.pairs[0].consistency} == {"photon"}


def test_an_analysis_of_ones_own(pairs: Pairs, tmp_path: Path, cli: Cli) -> None:
    mine = tmp_path / "mine.py"
    shutil.copy(load("example").path, mine)
    page_path = tmp_path / "mine.html"
    done = cli("report", *pairs[0], "-a", mine, "-o", page_path, "--bootstrap", 3, "--offsets", 0, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    document = json.loads(page_path.with_suffix(".json").read_text())
    assert document["impact"]["observables"][0]["shifts"][0]["name"] == "mean"
    assert "moved by more than" in document["verdict"]
    assert not (tmp_path / "mine-documents").exists()


def test_four_leptons_too(tmp_path: Path) -> None:
    signal = four_leptons("2020", 400, process=345060, mass=125.0, cross_section=5e-3)
    continuum = four_leptons("2020", 400, process=363490, cross_section=5e-3, seed=2)
    both = []
    for name, columns in (("signal", signal), ("zz", continuum)):
        source = write_tree(tmp_path / f"{name}.root", "mini", columns)
        baler_root.compress(source, tmp_path / f"{name}.baler", codec="classic")
        both.append((str(source), str(tmp_path / f"{name}.baler")))
    made = quick(both, "hzz4l")
    assert [one.name for one in made.impact.observables] == ["m_4l", "m_4l_stored"]
    assert set(made.impact.processes) == {345060, 363490}
    assert "workspace.json" in made.impact.observables[0].study_after.documents


def test_other_rounding_offsets_give_independent_errors(pairs: Pairs, tmp_path: Path) -> None:
    analysis = load("hgamgam")
    sources = [source for source, _ in pairs]
    bounds = [{"photon_pt": "rel=0.001", "photon_eta": "rel=0.001"}] * 2
    original = analysis.run(sources).observables["m_gg"]
    selections = offset_selections(analysis, sources, bounds, (), 2, tmp_path)
    masses = [selection.observables["m_gg"] for selection in selections]
    assert len(masses) == 2
    errors = [mass - original for mass in masses]
    assert all(0 < np.nanstd(error) < 0.2 for error in errors)
    usable = np.isfinite(errors[0]) & np.isfinite(errors[1])
    assert abs(np.corrcoef(errors[0][usable], errors[1][usable])[0, 1]) < 0.2
    assert not list(tmp_path.glob("*.baler"))


def test_rules_come_back_from_a_file(pairs: Pairs) -> None:
    rules = Rules.from_json(baler_root.inspect(pairs[0][1])["provenance"]["rules"])
    assert rules == Rules()


def test_encoding_is_timed_unless_networks_were_trained(pairs: Pairs) -> None:
    provenance = baler_root.inspect(pairs[1][1])["provenance"]
    use, _ = encoding(pairs[1][0], provenance, even_if_slow=False)
    assert use is not None
    assert use.cpu > 0
    use, why = encoding(pairs[1][0], {**provenance, "level": "default"}, even_if_slow=False)
    assert use is None
    assert "--time-encoding" in why


# ---- Errors ---------------------------------------------------------------------------------------


def messages(source: Path | str, compressed: Path | str) -> str:
    with pytest.raises(SourceError) as raised, FilePair(source, compressed) as pair:
        list(pair.clusters())
    return str(raised.value)


def test_files_of_different_events_are_found_out(tmp_path: Path, pairs: Pairs) -> None:
    x = np.random.default_rng(1).normal(100.0, 10.0, 1000)
    numbers = np.arange(1000)

    def made(name: str, **columns: np.ndarray) -> Path:
        with uproot.recreate(tmp_path / f"{name}.root") as file:
            file["t"] = columns
        return tmp_path / f"{name}.root"

    first = made("first", x=x, eventNumber=numbers)
    compressed = tmp_path / "first.baler"
    baler_root.compress(first, compressed, codec="classic")
    assert "has 500 entries, not 1000" in messages(
        made("half", x=x[:500], eventNumber=numbers[:500]), compressed
    )
    assert "eventNumber, which is stored exactly, is 999 in the original and 0 in" in messages(
        made("reversed", x=x, eventNumber=numbers[::-1].copy()), compressed
    )
    assert "of the values of x miss the bound rel=0.001" in messages(
        made("other", x=x[::-1].copy(), eventNumber=numbers), compressed
    )
    assert "has 1 branches, not the 2" in messages(made("fewer", x=x), compressed)
    assert "there is no tree 't;1'" in messages(pairs[0][0], compressed)


def test_the_command_says_in_one_line_what_is_wrong(pairs: Pairs, tmp_path: Path, cli: Cli) -> None:
    page_path = tmp_path / "r.html"
    swapped = cli("report", pairs[0][0], pairs[1][1], "-o", page_path)
    assert swapped.code == 1
    assert "do not hold the same events" in swapped.err
    assert cli("report", *pairs[0], "-o", page_path, "--simulation", "alone").code == 2
    assert "no analysis 'hgamgan'" in cli("report", *pairs[0], "-a", "hgamgan", "-o", page_path).err
    assert cli("report", tmp_path / "no.root", pairs[0][1], "-o", page_path).code == 1
    assert "name it report.html" in cli("report", *pairs[0], "-o", tmp_path / "r.txt").err
    page_path.write_text("mine")
    existing = cli("report", *pairs[0], "-o", page_path)
    assert existing.code == 1
    assert "--overwrite" in existing.err
    assert len(existing.err.splitlines()) == 1
    assert page_path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [page_path]


def test_an_analysis_that_raises_leaves_nothing_behind(pairs: Pairs, tmp_path: Path, cli: Cli) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("def select(events):\n    return events.no_such_branch\n")
    done = cli("report", *pairs[0], "-a", mine, "-o", tmp_path / "r.html")
    assert done.code == 1
    assert "mine.py" in done.err
    assert "line 2" in done.err
    assert list(tmp_path.iterdir()) == [mine]


def test_a_missing_extra_is_named_before_anything_is_measured(
    pairs: Pairs, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mplhep", None)
    monkeypatch.setattr(
        "baler_root.evaluation.report.build_report.build_report", lambda *_, **__: pytest.fail("measured")
    )
    done = cli("report", *pairs[0], "-o", tmp_path / "r.html")
    assert done.code == 1
    assert 'pip install "baler-root[report]"' in done.err


def test_a_study_that_fails_is_reported_as_failed(pairs: Pairs, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    text = Path(load("example").path).read_text()
    mine.write_text(
        text + "\n\ndef study(selection, observable, *, toys, seed, progress=None):\n"
        "    from baler_root.errors import FitError\n    raise FitError('no minimum')\n"
    )
    made = quick(pairs[:1], str(mine))
    assert made.impact.observables[0].study_failure == "compressed: no minimum"
    assert "the study failed: compressed: no minimum" in page(made, [], "")


@pytest.mark.parametrize(
    "wrong", [{"toys": 0}, {"bootstrap": -1}, {"offsets": -1}, {"offsets": 51}, {"seed": -1}]
)
def test_options_check_themselves(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        ReportOptions(**wrong)


def test_the_template_is_part_of_the_package() -> None:
    from importlib.resources import files

    assert files("baler_root.evaluation.report").joinpath("page.html.j2").is_file()
