"""Options and targets of firmware: wrong ones are refused with a hint before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from baler_root.errors import ConfigError, MissingToolError
from baler_root.fpga import tools
from baler_root.fpga.build.target import Target, folder
from baler_root.training.hardware.budget import parse_clock
from tests.helpers.cli import Cli
from tests.helpers.firmware import (
    Make,
    changed,
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "quartz"], "one of vitis, vivado, catapult"),
        (["--strategy", "fast"], "one of latency, resource, distributed_arithmetic"),
        (["--strategy", "distributed_arithmetic", "--backend", "catapult"], "take vitis or vivado"),
        (["--reuse", "4"], "--strategy resource"),
        (["--reuse", "0"], "at least once"),
        (["--clock", "fast"], "write it as 200MHz or 5ns"),
        (["--levels", "0"], "at least 1"),
        (["--target", "vu999"], "built-in ones are ku115, vu13p"),
        (["--target", "nowhere.toml"], "no such file"),
    ],
)
def test_options_that_make_no_sense(
    make_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    outcome = Cli(capsys)("fpga", "build", make_model(), "-o", tmp_path / "out", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("luts =", "lutts =", "unknown key 'lutts'; did you mean 'luts'"),
        ("dsps = 12288", "", "dsps missing"),
        ("luts = 1728000", 'luts = "many"', "luts must be int"),
        ('"200MHz"', '"soon"', "write it as 200MHz"),
        ('"xcup"', '"ice40"', "yosys_family must be one of"),
        ("adder_levels = 3", "adder_levels = 0", "must be positive"),
        ("name =", "name", "cannot be read as TOML"),
    ],
)
def test_target_files_that_are_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    shutil.copyfile(folder() / "vu13p.toml", path)
    assert Target.load(str(path)) == Target.load("vu13p")
    changed(path, old, new)
    with pytest.raises(ConfigError, match=message):
        Target.load(str(path))


def test_clocks() -> None:
    assert parse_clock("2.5ns") == parse_clock("0.4 GHz") == parse_clock("400 MHz") == 400
    for wrong in ("", "200", "0MHz", "-5ns", "5us"):
        with pytest.raises(ConfigError, match="write it as"):
            parse_clock(wrong)


def test_folders_that_exist_are_kept(
    make_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    cli = Cli(capsys)
    outcome = cli("fpga", "build", make_model(), "-o", target)
    assert outcome.code == 1
    assert "exists already; use --overwrite" in outcome.err
    outcome = cli("fpga", "build", tmp_path / "small.balermodel", "-o", target, "--overwrite")
    assert outcome.code == 1
    assert "no folder of firmware" in outcome.err
    assert (target / "thesis.tex").read_text() == "years of work"


def test_tools_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    with pytest.raises(MissingToolError, match="yosys is not installed: apt install yosys"):
        tools.YOSYS.path()
