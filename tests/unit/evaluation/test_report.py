"""`baler-root report`: one page that works offline, JSON with every number, plots; and what its user gets wrong (issue 5)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import SourceError

for library in ("hist", "iminuit", "jinja2", "mplhep", "vector"):
    pytest.importorskip(library, reason="the extra [report] is not installed")

from baler_root.analyses.samples.toys import four_leptons, photon_pairs, write_tree

from baler_root.compression.rules.rules import Rules
from baler_root.evaluation.analysis.analysis import load
from baler_root.evaluation.report.cost import encoding
from baler_root.evaluation.report.measure import build
from baler_root.evaluation.report.pairs import Pair
from baler_root.evaluation.report.rounding_offsets import lattices
from tests.helpers.cli import Cli

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""

Pairs = list[tuple[str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    """Data and simulated signal of H → γγ, each as ROOT and as .baler."""
    folder = tmp_path_factory.mktemp("pairs")
    data = write_tree(folder / "data.root", "mini", photon_pairs("2020", 8000, signal=300))
    signal = write_tree(
        folder / "mc.root",
        "mini",
        photon_pairs("2020", 0, signal=2000, process=343981, cross_section=0.03, seed=2),
    )
    out = []
    for source in (data, signal):
        target = source.with_suffix(".baler")
        baler_root.compress(source, target, bound="rel=1e-3", level="fast")
        out.append((str(source), str(target)))
    return out


@pytest.fixture(scope="module")
def page(pairs: Pairs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small report of H → γγ, made once."""
    from baler_root.evaluation.report.output import write as write_report

    path = tmp_path_factory.mktemp("report") / "report.html"
    made = build(
        pairs,
        load("hgamgam"),
        toys=10,
        bootstrap=5,
        offsets=1,
        seed=1,
        time_encoding=False,
        stage=lambda _: None,
    )
    write_report(made, path, "baler-root report <data> & more", False)
    return path


# ---- The page -------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Links, tags left open, and what images are called."""

    VOID = frozenset({"meta", "link", "br", "path", "use", "rect", "image"})

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.unnamed = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [str(found[name]) for name in ("href", "src", "xlink:href", "action") if name in found]
        self.ids += [str(found["id"])] if "id" in found else []
        self.unnamed += found.get("role") in ("img", "region") and not found.get("aria-label")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()


def test_the_page_is_whole_and_asks_for_nothing_outside(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert reader.unnamed == 0
    assert len(reader.ids) == len(set(reader.ids))
    inside = {f"#{name}" for name in reader.ids}
    assert [link for link in reader.links if not link.startswith("data:") and link not in inside] == []
    assert not re.search(r"<script|@import|url\((?!#)", text)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "&lt;data&gt; &amp; more" in text
    assert "not suited for scientific publications" in text
    assert text.count('class="plot"') == 17


def test_json_has_every_number_and_no_nan(page: Path) -> None:
    document = json.loads(page.with_suffix(".json").read_text(), parse_constant=pytest.fail)
    impact = document["impact"]
    assert [one["name"] for one in impact["observables"]] == ["m_gg", "m_gg_stored"]
    assert document["verdict"] in page.read_text(encoding="utf-8")
    names = [shift["name"] for shift in impact["observables"][0]["shifts"]]
    assert names == ["Z", "signal", "background", "mass", "median", "effective width"]
    assert impact["selected"]["before"] > 1000
    fidelity = {one["name"]: one for one in document["pairs"][0]["fidelity"]}
    assert 0 < fidelity["photon_pt"]["max_of_limit"] <= 1
    assert fidelity["eventNumber"]["max_of_limit"] == 0
    cost = document["pairs"][0]["cost"]
    assert cost["compressed"] == sum(cost["parts"].values())
    assert [one["compression"] for one in cost["root"]] == ["zlib-1", "zstd-5", "lzma-9"]
    assert cost["ratio"] == cost["compressed"] / cost["original"]
    assert cost["decode"]["cpu"] > 0


def test_the_verdict_is_one_sentence_with_its_numbers(page: Path) -> None:
    verdict = json.loads(page.with_suffix(".json").read_text())["verdict"]
    assert re.match(r"ΔZ\(m_gg\) = [−+]?\d\.\d{3} ± \d\.\d{3} \(mean of 2 lattices", verdict)
    assert re.search(
        r"at 0\.\d\d of the size; nothing moved by more than [\d.]+ % of its statistical error", verdict
    )
    assert "MISS" not in verdict


def test_plots_are_written_as_png_and_pdf(page: Path) -> None:
    folder = page.with_name("report-plots")
    names = {path.stem for path in folder.iterdir()}
    assert {
        "spectrum-m_gg-data",
        "movement-m_gg_stored",
        "migrations",
        "residuals",
        "z-against-size",
    } <= names
    for path in folder.iterdir():
        head = path.read_bytes()[:4]
        assert head == (b"\x89PNG" if path.suffix == ".png" else b"%PDF")
    assert (page.with_name("report-documents") / "m_gg-original-background.json").exists()
    assert len(list(page.parent.iterdir())) == 4


def test_the_page_renders_in_a_browser(page: Path, tmp_path: Path) -> None:
    if not CHROMIUM or not Path(CHROMIUM).exists():
        pytest.skip("no chromium (CHROMIUM says where it is)")
    shots = {}
    for scheme, setting in (("dark", 0), ("light", 1)):
        shot = tmp_path / f"{scheme}.png"
        done = subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--window-size=1200,2400",
                f"--blink-settings=preferredColorScheme={setting}", f"--screenshot={shot}", page.as_uri(),
            ],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert shot.exists(), done.stderr
        assert "CONSOLE" not in done.stderr, done.stderr
        shots[scheme] = matplotlib_image(shot)
    ground = {name: image[5, 5, :3].mean() for name, image in shots.items()}
    assert ground["light"] > 0.9
    assert ground["dark"] < 0.2
    for name, image in shots.items():  # plots are drawn: many pixels are of the colour of compressed events
        orange = (image[..., 0] > 0.7) & (np.abs(image[..., 1] - 0.376) < 0.1) & (image[..., 2] < 0.35)
        assert orange.sum() > 500, name


def matplotlib_image(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(path))


# ---- What is measured -----------------------------------------------------------------------------------------------


def quick(pairs: Pairs, analysis: str | None, **options: int) -> object:
    chosen = {"toys": 5, "bootstrap": 0, "offsets": 0, "seed": 0, **options}
    return build(
        pairs,
        None if analysis is None else load(analysis),
        time_encoding=False,
        stage=lambda _: None,
        **chosen,
    )


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
        assert (one.every.moved, one.every.largest) == (0, 0.0)
        assert {
            quantity.value for quantity in one.study_before.quantities.values() if not quantity.failure
        } == {quantity.value for quantity in one.study_after.quantities.values() if not quantity.failure}
    assert all(cut.alone.came == cut.alone.went == 0 for cut in made.impact.cuts)
    assert all(branch.changed == 0 for pair in made.pairs for branch in pair.fidelity)


def test_without_an_analysis_values_are_judged(pairs: Pairs) -> None:
    made = quick(pairs[:1], None)
    assert made.impact is None
    assert made.verdict.startswith("The largest error is 0.99")
    assert {one.name for one in made.pairs[0].consistency} == {"photon"}


def test_an_analysis_of_ones_own(pairs: Pairs, tmp_path: Path, cli: Cli) -> None:
    mine = tmp_path / "mine.py"
    shutil.copy(load("example").path, mine)
    out = tmp_path / "mine.html"
    done = cli("report", *pairs[0], "-a", mine, "-o", out, "--bootstrap", 3, "--offsets", 0, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    document = json.loads(out.with_suffix(".json").read_text())
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


def test_other_lattices_round_elsewhere(pairs: Pairs, tmp_path: Path) -> None:
    analysis = load("hgamgam")
    sources = [source for source, _ in pairs]
    bounds = [{"photon_pt": "rel=0.001", "photon_eta": "rel=0.001"}] * 2
    original = analysis.run(sources).observables["m_gg"]
    found = [one.observables["m_gg"] for one in lattices(analysis, sources, bounds, (), 2, tmp_path)]
    assert len(found) == 2
    errors = [one - original for one in found]
    assert all(0 < np.nanstd(error) < 0.2 for error in errors)
    usable = np.isfinite(errors[0]) & np.isfinite(errors[1])
    assert abs(np.corrcoef(errors[0][usable], errors[1][usable])[0, 1]) < 0.2
    assert not list(tmp_path.glob("*.baler"))


def test_rules_come_back_from_a_file(pairs: Pairs) -> None:
    rules = Rules.from_json(baler_root.inspect(pairs[0][1])["provenance"]["rules"])
    assert rules == Rules()


def test_encoding_is_timed_unless_networks_were_trained(pairs: Pairs) -> None:
    provenance = baler_root.inspect(pairs[1][1])["provenance"]
    effort, _ = encoding(pairs[1][0], provenance, even_if_slow=False)
    assert effort is not None
    assert effort.cpu > 0
    effort, why = encoding(pairs[1][0], {**provenance, "level": "default"}, even_if_slow=False)
    assert effort is None
    assert "--time-encoding" in why


# ---- What goes wrong ------------------------------------------------------------------------------------------------


def messages(source: Path | str, compressed: Path | str) -> str:
    with pytest.raises(SourceError) as raised, Pair(source, compressed) as pair:
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
    assert "eventNumber, which is kept exactly, is 999 in the original and 0 in" in messages(
        made("reversed", x=x, eventNumber=numbers[::-1].copy()), compressed
    )
    assert "of the values of x miss the bound rel=0.001" in messages(
        made("other", x=x[::-1].copy(), eventNumber=numbers), compressed
    )
    assert "has 1 branches, not the 2" in messages(made("fewer", x=x), compressed)
    assert "there is no tree 't;1'" in messages(pairs[0][0], compressed)


def test_the_command_says_in_one_line_what_is_wrong(pairs: Pairs, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "r.html"
    swapped = cli("report", pairs[0][0], pairs[1][1], "-o", out)
    assert swapped.code == 1
    assert "do not hold the same events" in swapped.err
    assert cli("report", *pairs[0], "-o", out, "--simulation", "alone").code == 2
    assert "no analysis 'hgamgan'" in cli("report", *pairs[0], "-a", "hgamgan", "-o", out).err
    assert cli("report", tmp_path / "no.root", pairs[0][1], "-o", out).code == 1
    assert "name it report.html" in cli("report", *pairs[0], "-o", tmp_path / "r.txt").err
    out.write_text("mine")
    existing = cli("report", *pairs[0], "-o", out)
    assert existing.code == 1
    assert "--overwrite" in existing.err
    assert len(existing.err.splitlines()) == 1
    assert out.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [out]


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
        "baler_root.evaluation.report.measure.build", lambda *_, **__: pytest.fail("measured")
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
    from baler_root.evaluation.report.page import page as page_of

    assert "the study failed: compressed: no minimum" in page_of(made, [], "")


def test_the_template_is_part_of_the_package() -> None:
    from importlib.resources import files

    assert files("baler_root.evaluation.report").joinpath("page.html.j2").is_file()
