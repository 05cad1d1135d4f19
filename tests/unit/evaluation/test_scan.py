"""`scan` on a small analysis: sizes fall and shifts grow with the bound; plots and numbers are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot

from tests.helpers.cli import Cli, Outcome

ANALYSIS = """
import numpy as np
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Selection

INFER = ("x",)

def select(events):
    x = events["x"].to_numpy().astype(float)
    return Selection({"x > 90": x > 90}, {"x": x}, np.ones(len(x)), np.zeros(len(x), np.int64))

def infer(selection, observable):
    kept = selection.passing() & (selection.weights > 0)
    x, w = selection.observables[observable][kept], selection.weights[kept]
    mean = np.average(x, weights=w)
    return {"mean": Quantity(mean, np.sqrt(np.average((x - mean) ** 2, weights=w) / w.sum()), "GeV"),
            "Z": Quantity(w.sum() / np.sqrt(len(selection)), 1.0)}
"""

Scan = Callable[..., Outcome]


@pytest.fixture
def scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Scan:
    """`scan(*options)` runs the verb on a file of one branch and an analysis of it."""
    with uproot.recreate(tmp_path / "in.root") as file:
        file["events"] = {"x": np.random.default_rng(3).normal(100, 10, 5000).astype(np.float32)}
    (tmp_path / "mine.py").write_text(ANALYSIS)
    return lambda *options: Cli(capsys)("scan", tmp_path / "in.root", "-a", tmp_path / "mine.py", *options)


def test_every_codec_and_bound_has_its_point(scan: Scan, tmp_path: Path) -> None:
    done = scan(
        "--bounds",
        "1e-2,1e-5,bits=3",
        "--codecs",
        "classic",
        "-o",
        tmp_path / "out",
        "--json",
        "--bootstrap",
        20,
    )
    assert done.code == 0, done.err
    points = done.json
    assert [(point["codec"], point["bound"]) for point in points] == [
        ("classic", "rel=0.01"), ("classic", "rel=1e-05"), ("classic", "bits=3"),
    ]  # fmt: skip
    loose, tight, _ = points
    assert loose["size"] < tight["size"]
    assert loose["share"] == loose["size"] / (tmp_path / "in.root").stat().st_size
    assert loose["migrated"] > tight["migrated"]
    moves = [{shift["name"]: shift for shift in point["shifts"]["x"]} for point in (loose, tight)]
    assert all(one["mean"]["before"] == moves[0]["mean"]["before"] for one in moves)
    assert moves[0]["mean"]["paired_error"] > moves[1]["mean"]["paired_error"] > 0
    assert abs(moves[1]["mean"]["shift"]) < 0.02
    assert json.loads((tmp_path / "out" / "scan.json").read_text()) == points
    for name in ("size-against-bound", "z-against-size"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "out" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_table_shows_shifts_with_errors(scan: Scan) -> None:
    done = scan("--bounds", "1e-3", "--codecs", "classic", "--bootstrap", 5)
    assert done.code == 0, done.err
    for text in ("classic", "rel=0.001", "Δ mean", "Δ Z", "GeV", "±"):
        assert text in done.out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--codecs", "clasic"), 2, "classic"),
        (("--bounds", "1e-3,wide"), 2, "wide"),
        (("--bounds", ""), 2, "no bound"),
        (("--codecs", ","), 2, "no codec"),
    ],
)
def test_what_cannot_be_scanned_is_one_error(
    scan: Scan, options: tuple[str, ...], code: int, message: str
) -> None:
    done = scan(*options)
    assert done.code == code
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_folder_is_not_written_into_unasked(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = scan("--codecs", "classic", "-o", tmp_path / "out")
    assert done.code == 1
    assert "--overwrite" in done.err
    assert not any((tmp_path / "out").iterdir())
