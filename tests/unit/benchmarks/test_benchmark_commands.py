"""`python -m benchmarks` lists what there is, refuses unknown names, and publishes stored results."""

from __future__ import annotations

import importlib
import sys

import pytest

commands = pytest.importorskip("benchmarks.__main__", reason="benchmarks/ is not on the path")


def call(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command line with these arguments."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    commands.main()


def test_every_benchmark_is_listed_with_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call("list", monkeypatch=monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(commands.benchmarks())
    assert all(line.endswith(".") and len(line.split()) > 5 for line in lines)


@pytest.mark.parametrize("name", commands.benchmarks())
def test_every_benchmark_explains_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(SystemExit) as exit_:
        call("run", name, "--help", monkeypatch=monkeypatch)
    assert exit_.value.code == 0


def test_an_unknown_benchmark_is_refused_with_the_nearest_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as exit_:
        call("run", "sizes", monkeypatch=monkeypatch)
    assert exit_.value.code == 2
    assert "nearest: size" in capsys.readouterr().err


def test_pages_have_the_tables_of_the_stored_results() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pages = importlib.import_module("benchmarks.publish.pages")
    for page in pages.PAGES:
        text = (pages.ROOT / page).read_text(encoding="utf-8")
        assert pages.filled(text) == text, f"{page}: `python -m benchmarks publish pages` writes other tables"
