"""Bad input of the command line: one clear error, exit 1 or 2, input untouched, no output left."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot

from baler_root.format.container.layout import HEAD_MAGIC
from tests.helpers.cli import Cli

Root = Callable[..., Path]


@pytest.fixture
def source(make_root: Root) -> Path:
    """A TTree with a float, an integer and a boolean branch, and an RNTuple-only string is elsewhere."""
    return make_root(
        "in.root",
        Events={
            "Muon_pt": np.linspace(1, 90, 100, dtype="f4"),
            "nMuon": np.arange(100),
            "HLT_Mu": np.arange(100) > 9,
        },
    )


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def refused(cli: Cli, tmp_path: Path) -> Callable[..., str]:
    """`refused(code, source, *options)` compresses, expects this exit code and no change of any file, and
    returns the message.
    """

    def run(code: int, *arguments: Path | str, target: Path | None = None) -> str:
        sources = [argument for argument in arguments if isinstance(argument, Path)]
        options = [argument for argument in arguments if isinstance(argument, str)]
        before = {path: digest(path) for path in tmp_path.rglob("*") if path.is_file()}
        outcome = cli("compress", *sources, target or tmp_path / "out.baler", *options)
        assert outcome.code == code, outcome.err
        assert outcome.out == ""
        assert "Traceback" not in outcome.err
        assert {path: digest(path) for path in tmp_path.rglob("*") if path.is_file()} == before
        assert outcome.err.startswith("error: ")
        return outcome.err.removeprefix("error: ").strip()

    return run


def one_line(message: str, *words: str) -> None:
    assert "\n" not in message
    for word in words:
        assert word in message


def test_missing_file(refused: Callable[..., str], tmp_path: Path) -> None:
    one_line(refused(1, tmp_path / "none.root"), "none.root: no such file")


def test_glob_without_match(refused: Callable[..., str], tmp_path: Path) -> None:
    one_line(refused(1, tmp_path / "none*.root"), "no file matches")


def test_folder_as_input(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "folder.root").mkdir()
    one_line(refused(1, tmp_path / "folder.root"), "folder")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"plain text", "is not a ROOT file"),
        (b"PAR1" * 200, "is not a ROOT file"),
        (b"\0" * 500, "is not a ROOT file"),
        (HEAD_MAGIC + bytes(500), "is a .baler file"),
        (b"root" * 200, "not a readable ROOT file"),
    ],
)
def test_not_a_root_file(refused: Callable[..., str], tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "other.root"
    path.write_bytes(content)
    one_line(refused(1, path), "other.root", reason)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.8, 0.97])
def test_truncated_root_file(
    refused: Callable[..., str], make_root: Root, tmp_path: Path, share: float
) -> None:
    rng = np.random.default_rng(1)
    whole = make_root(
        "whole.root", Events={name: rng.normal(size=3000) for name in ("x", "y", "z")}
    ).read_bytes()
    path = tmp_path / "cut.root"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "cut.root" in refused(1, path)


def test_root_file_without_its_last_bytes(refused: Callable[..., str], source: Path, tmp_path: Path) -> None:
    """All data is there, yet the file is not what was written."""
    path = tmp_path / "cut.root"
    path.write_bytes(source.read_bytes()[:-3])
    one_line(refused(1, path), "cut.root", "truncated")


def test_an_empty_file(refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "nothing.root"
    with uproot.recreate(path):
        pass
    one_line(refused(1, path), "nothing.root", "no TTree, no RNTuple and no object")


def test_no_such_tree(refused: Callable[..., str], source: Path) -> None:
    one_line(refused(1, source, "--tree", "Event"), "not found: 'Event'", "nearest: 'Events'")


def test_unknown_branch_in_a_rule(refused: Callable[..., str], source: Path) -> None:
    one_line(
        refused(2, source, "--branch", "Muon_pT=bits=9"), "'Muon_pT' matches no branch", "nearest: 'Muon_pt'"
    )


@pytest.mark.parametrize(
    "bound", ["rel=-1", "rel=0", "rel=nan", "abs=1e400", "abs=inf", "bits=-1", "bits=2.5", "rel", "r=1"]
)
def test_bounds_without_sense(refused: Callable[..., str], source: Path, bound: str) -> None:
    one_line(refused(2, source, "--bound", bound), "bound")
    one_line(refused(2, source, "--branch", f"Muon_pt={bound}"), "Muon_pt")


def test_bound_on_a_string(refused: Callable[..., str], nested_root: Path) -> None:
    one_line(refused(2, nested_root, "--branch", "name=rel=1e-3"), "'name'", "string", "no error to bound")
    one_line(refused(2, nested_root, "--branch", "name*=rel=1e-3"), "'name*' would change nothing", "string")


def test_bound_on_a_boolean(refused: Callable[..., str], source: Path) -> None:
    one_line(refused(2, source, "--branch", "HLT_Mu=abs=1"), "'HLT_Mu'", "bool", "no error to bound")


def test_bound_on_integers_by_glob(refused: Callable[..., str], source: Path) -> None:
    one_line(refused(2, source, "--branch", "nMu*=abs=1"), "would change nothing", "integer", "'nMuon'")


def test_rules_files(refused: Callable[..., str], source: Path, tmp_path: Path) -> None:
    one_line(refused(2, source, "--config", str(tmp_path / "none.toml")), "none.toml", "No such file")
    path = tmp_path / "rules.toml"
    path.write_text("bound = 'rel=1e-3'")
    one_line(refused(2, source, "--config", str(path)), "rules.toml", "unknown key 'bound'")


def test_unknown_preset_and_codec(refused: Callable[..., str], source: Path) -> None:
    one_line(refused(2, source, "--preset", "nano-aod"), "unknown preset 'nano-aod'; did you mean 'nanoaod'?")
    one_line(refused(2, source, "--codec", "clasic"), "clasic", "classic")


@pytest.mark.parametrize("size", ["0", "-3", "many", "64 XB", "0 MB"])
def test_cluster_sizes_without_sense(refused: Callable[..., str], source: Path, size: str) -> None:
    one_line(refused(2, source, f"--cluster-size={size}"), "cluster size", size)


def test_output_exists(refused: Callable[..., str], source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.baler"
    target.write_bytes(b"precious")
    one_line(refused(1, source), "out.baler", "exists already", "--overwrite")


def test_overwrite_replaces_only_when_all_went_well(
    refused: Callable[..., str],
    cli: Cli,
    source: Path,
    tmp_path: Path,
) -> None:
    target = tmp_path / "out.baler"
    target.write_bytes(HEAD_MAGIC + b"precious")
    refused(2, source, "--overwrite", "--branch", "nothing=bits=3")
    assert target.read_bytes() == HEAD_MAGIC + b"precious"
    assert cli("compress", source, target, "--overwrite", "--quiet").code == 0
    assert target.read_bytes() != HEAD_MAGIC + b"precious"


def test_output_folder_missing(refused: Callable[..., str], source: Path, tmp_path: Path) -> None:
    one_line(refused(1, source, target=tmp_path / "none" / "out.baler"), "none", "does not exist")
    message = refused(1, source, source, target=tmp_path / "none")
    one_line(message, "none: no such folder")


def test_output_is_the_input(refused: Callable[..., str], source: Path) -> None:
    one_line(refused(2, source, "--overwrite", target=source), "input and output are the same file")


def test_two_inputs_of_one_name(refused: Callable[..., str], source: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    twin = tmp_path / "sub" / "in.root"
    twin.write_bytes(source.read_bytes())
    (tmp_path / "out").mkdir()
    one_line(refused(2, source, twin, target=tmp_path / "out"), "would both become")


def test_output_cannot_be_written(refused: Callable[..., str], source: Path) -> None:
    one_line(refused(1, source, target=Path("/proc/out.baler")), "/proc/out.baler", "cannot be written")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_disk_full(cli: Cli, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary file is on a device that is always full."""
    real_open = Path.open

    def full(self: Path, mode: str = "r", *rest: object, **more: object) -> object:
        return Path("/dev/full").open("wb") if mode == "xb" else real_open(self, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", full)
    outcome = cli("compress", source, tmp_path / "out.baler")
    assert outcome.code == 1
    assert "No space left on device" in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out.baler").exists()


def test_zero_entries_is_no_error(cli: Cli, make_root: Root, tmp_path: Path) -> None:
    path = make_root("empty.root", Events={"x": np.zeros(0, "f4"), "n": np.zeros(0, "i4")})
    assert cli("compress", path, tmp_path / "empty.baler").code == 0
    assert cli("verify", tmp_path / "empty.baler", "--against", path).code == 0
    assert cli("inspect", tmp_path / "empty.baler").code == 0


@pytest.mark.parametrize("verb", ["inspect", "verify", "decompress"])
def test_reading_what_is_no_baler_file(cli: Cli, tmp_path: Path, verb: str) -> None:
    path = tmp_path / "x.baler"
    rest = [tmp_path / "back.root"] if verb == "decompress" else []
    missing = cli(verb, path, *rest)
    assert missing.code == 1
    assert "no such file" in missing.err
    for content in (b"", b"not a baler file" * 100):
        path.write_bytes(content)
        outcome = cli(verb, path, *rest)
        assert outcome.code == 1
        assert "x.baler" in outcome.err
        assert "Traceback" not in outcome.err
    assert not (tmp_path / "back.root").exists()


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "baler_root", "inspect", str(tmp_path / "none.baler")]
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    assert plain.returncode == 1
    assert plain.stderr.startswith("error: ")
    debug = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"BALER_ROOT_DEBUG": "1"}
    )
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr
