"""The page of a report: it works offline, and its JSON, plots and verdict have the numbers (issue 5)."""

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

for library in ("hist", "iminuit", "jinja2", "mplhep", "vector"):
    pytest.importorskip(library, reason="the extra [report] is not installed")

from baler_root.evaluation.analysis.analysis import load
from baler_root.evaluation.report.build_report import build_report
from baler_root.evaluation.report.options import ReportOptions
from baler_root.evaluation.report.output import write

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""

Pairs = list[tuple[str, str]]


@pytest.fixture(scope="module")
def page(pairs: Pairs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small report of H → γγ, made once."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    options = ReportOptions(toys=10, bootstrap=5, offsets=1, seed=1)
    report = build_report(pairs, load("hgamgam"), options, time_encoding=False, stage=lambda _: None)
    write(report, path, "baler-root report <data> & more", False)
    return path


class Reader(HTMLParser):
    """Collects links, ids, open tags, and images and regions without a name."""

    VOID = frozenset({"meta", "link", "br", "path", "use", "rect", "image"})

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.unnamed = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.links += [
            str(attributes[name]) for name in ("href", "src", "xlink:href", "action") if name in attributes
        ]
        self.ids += [str(attributes["id"])] if "id" in attributes else []
        self.unnamed += attributes.get("role") in ("img", "region") and not attributes.get("aria-label")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()


def test_the_page_is_valid_and_fetches_nothing(page: Path) -> None:
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
    assert re.match(r"ΔZ\(m_gg\) = [−+]?\d\.\d{3} ± \d\.\d{3} \(mean of 2 rounding offsets", verdict)
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
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert shot.exists(), done.stderr
        assert "CONSOLE" not in done.stderr, done.stderr
        shots[scheme] = matplotlib_image(shot)
    ground = {name: image[5, 5, :3].mean() for name, image in shots.items()}
    assert ground["light"] > 0.9
    assert ground["dark"] < 0.2
    for name, image in shots.items():  # plots are drawn: many pixels have the colour of compressed events
        orange = (image[..., 0] > 0.7) & (np.abs(image[..., 1] - 0.376) < 0.1) & (image[..., 2] < 0.35)
        assert orange.sum() > 500, name


def matplotlib_image(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(path))
