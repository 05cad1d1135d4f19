"""Each command on a small file: exit codes, standard output and error, JSON, and files left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from baler_root.analyses.samples.demo import compare
from baler_root.analyses.samples.toys import nanoaod, write_tree

import baler_root
from baler_root.format.bounds import ErrorBound
from tests.helpers.cli import Cli
from tests.helpers.processes import run_python


def test_version_and_usage(cli: Cli) -> None:
    assert cli("--version").out.strip() == f"baler-root {baler_root.__version__}"
    assert cli("no-such-verb").code == 2
    assert cli("compress", "in.root").code == 2
    assert cli("compress", "in.root", "out.baler", "--no-such-option").code == 2
    assert cli("compress", "in.root", "out.baler", "--jobs", "0").code == 2


@pytest.mark.parametrize(
    "verb", ["", "compress", "decompress", "inspect", "verify", "train", "sample", "demo", "presets"]
)
def test_help_has_examples(cli: Cli, verb: str) -> None:
    outcome = cli(*verb.split(), "--help")
    assert outcome.code == 0
    assert f"baler-root {verb}".strip() in outcome.out


def test_help_imports_neither_arrays_nor_root() -> None:
    code = (
        "import sys; sys.argv = ['baler-root', 'compress', '--help']\n"
        "from baler_root.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'awkward', 'uproot', 'pandas', 'pcodec', 'fsspec', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    run_python(code)


def test_compress_reports_what_was_kept_and_what_was_bounded(
    cli: Cli, flat_root: Path, tmp_path: Path
) -> None:
    target = tmp_path / "flat.baler"
    outcome = cli("compress", flat_root, target)
    assert outcome.code == 0, outcome.err
    assert outcome.err == "", "no progress where nobody looks"
    assert "integer" in outcome.out
    assert "by name (weights, cross-sections)" in outcome.out
    assert "rel=0.001 (default)" in outcome.out
    assert "of the input" in outcome.out
    assert "is allowed" in outcome.out
    assert target.exists()


def test_compress_json_has_every_branch(cli: Cli, flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "flat.baler"
    found = cli("compress", flat_root, target, "--json", "--branch", "energy=bits=8").json
    branches = {branch["path"]: branch for branch in found["trees"][0]["branches"]}
    with uproot.open(flat_root) as file:
        assert set(branches) == set(file["Events"].keys())
    assert branches["energy"]["bound"] == "bits=8"
    assert branches["energy"]["reason"] == "rule 'energy'"
    assert branches["weight"]["bound"] == "lossless"
    assert 0 < branches["energy"]["max_error"] <= 2**-9 * (1 + 1e-6)
    assert found["size"] == target.stat().st_size == sum(found["parts"].values())


def test_quiet_prints_nothing(cli: Cli, flat_root: Path, tmp_path: Path) -> None:
    outcome = cli("compress", flat_root, tmp_path / "flat.baler", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    outcome = cli("verify", tmp_path / "flat.baler", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_options_reach_the_file(cli: Cli, two_trees_root: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('default = "abs=0.5"\n[[rules]]\nbranch = "energy*"\nbound = "bits=6"\n')
    target = tmp_path / "two.baler"
    outcome = cli(
        "compress", two_trees_root, target, "--config", rules, "--tree", "Events", "--cluster-size", "300",
        "--branch", "energy_copy=lossless", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    (tree,) = outcome.json["trees"]
    assert (tree["path"], tree["clusters"]) == ("Events", 4)
    bounds = {branch["path"]: branch["bound"] for branch in tree["branches"]}
    assert bounds["energy"] == "bits=6"
    assert bounds["energy_copy"] == "lossless"
    assert bounds["special"] == "abs=0.5"


def test_jobs_change_nothing_but_the_time(cli: Cli, flat_root: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.baler", tmp_path / "two.baler"
    assert cli("compress", flat_root, one, "--cluster-size", "300").code == 0
    assert cli("compress", flat_root, two, "--cluster-size", "300", "--jobs", "2").code == 0
    assert one.read_bytes() == two.read_bytes()


def test_several_inputs_go_into_a_folder(cli: Cli, make_root: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_root(f"{name}.root", Events={"x": np.arange(10.0)})
    folder = tmp_path / "out"
    folder.mkdir()
    outcome = cli("compress", tmp_path / "*.root", folder)
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in folder.iterdir()) == ["a.baler", "b.baler"]
    assert "2 files:" in outcome.out
    lines = cli("compress", tmp_path / "*.root", folder, "--overwrite", "--json").out.splitlines()
    assert [Path(json.loads(line)["source"]).name for line in lines] == ["a.root", "b.root"]


def test_one_bad_input_does_not_stop_the_others(
    cli: Cli, make_root: Callable[..., Path], tmp_path: Path
) -> None:
    make_root("b.root", Events={"x": np.arange(10.0)})
    (tmp_path / "a.root").write_bytes(b"not a ROOT file")
    folder = tmp_path / "out"
    folder.mkdir()
    outcome = cli("compress", tmp_path / "a.root", tmp_path / "b.root", folder)
    assert outcome.code == 1
    assert "a.root" in outcome.err
    assert "1 failed" in outcome.out
    assert [path.name for path in folder.iterdir()] == ["b.baler"]


def test_inspect_shows_bounds_and_errors(cli: Cli, flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "flat.baler"
    cli("compress", flat_root, target)
    outcome = cli("inspect", target)
    assert outcome.code == 0, outcome.err
    for word in ("TTree Events", "1 000 entries", "energy", "rel=0.001", "weight", "pages", "flat.root"):
        assert word in outcome.out
    found = cli("inspect", target, "--json").json
    assert found["size"] == target.stat().st_size
    sizes = [
        float(line)
        for line in map(_size_column, cli("inspect", target, "--by-size").out.splitlines())
        if line
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) > 5


def _size_column(line: str) -> str:
    """Share of the file in a row of the table, without the percent sign."""
    shares = [word for word in line.split() if word.endswith("%")]
    return shares[0].rstrip("%") if shares else ""


def test_verify_finds_damage_and_wrong_sources(
    cli: Cli, flat_root: Path, make_root: Callable[..., Path], tmp_path: Path
) -> None:
    target = tmp_path / "flat.baler"
    cli("compress", flat_root, target)
    sound = cli("verify", target, "--against", flat_root)
    assert sound.code == 0, sound.err
    assert "OK" in sound.out
    assert "within their bounds" in sound.out
    with uproot.open(flat_root) as file:
        arrays = file["Events"].arrays(library="np")
    arrays["energy"] = arrays["energy"] * np.float32(1.01)
    other = cli("verify", target, "--against", make_root("other.root", Events=arrays))
    assert other.code == 1
    assert "energy" in other.err
    data = bytearray(target.read_bytes())
    data[len(data) // 3] ^= 1
    damaged = tmp_path / "damaged.baler"
    damaged.write_bytes(data)
    assert cli("verify", damaged).code == 1
    both = cli("verify", target, damaged, "--json")
    assert both.code == 1
    assert [json.loads(line)["ok"] for line in both.out.splitlines()] == [True, False]


def test_decompress_writes_what_was_read(cli: Cli, jagged_root: Path, tmp_path: Path) -> None:
    target, back = tmp_path / "jagged.baler", tmp_path / "back.root"
    assert cli("compress", jagged_root, target, "--bound", "lossless", "-q").code == 0
    outcome = cli("decompress", target, back, "--compression", "zlib-1")
    assert outcome.code == 0, outcome.err
    with uproot.open(jagged_root) as first, uproot.open(back) as second:
        assert second["Events"].keys() == first["Events"].keys()
        assert ak.array_equal(first["Events"].arrays(), second["Events"].arrays())
    again = cli("decompress", target, back)
    assert again.code == 1
    assert "--overwrite" in again.err


def test_presets_name_their_sources(cli: Cli) -> None:
    outcome = cli("presets")
    assert outcome.code == 0
    for word in ("lossless", "nanoaod", "physlite", "atlas-opendata", "cms-sw/cmssw", "Athena"):
        assert word in outcome.out
    assert list(cli("presets", "nanoaod", "--json").json) == ["nanoaod"]
    assert cli("presets", "nano").code == 2


def test_demo_prints_the_table(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("demo", "--entries", "300", "--output", tmp_path)
    assert outcome.code == 0, outcome.err
    for word in ("ROOT, LZMA-9", ".baler, rel=0.001", "Every value is within its bound", str(tmp_path)):
        assert word in outcome.out.replace("rel=1e-3", "rel=0.001")
    found = cli("demo", "--entries", "300", "--output", tmp_path, "--json").json
    assert {row["bound"] for row in found["rows"]} == {
        "lossless",
        "rel=1e-2",
        "rel=1e-3",
        "rel=1e-4",
        "bits=10",
    }
    assert all(row["violations"] == 0 for row in found["rows"])
    assert all((tmp_path / row["file"]).stat().st_size == row["size"] for row in found["rows"])


def test_demo_sample_is_the_same_for_the_same_seed() -> None:
    one, two, other = nanoaod(50, 1), nanoaod(50, 1), nanoaod(50, 2)
    assert all(ak.array_equal(one[name], two[name]) for name in one)
    assert not ak.array_equal(one["MET_pt"], other["MET_pt"])


def test_demo_would_notice_a_missed_bound(tmp_path: Path) -> None:
    path = tmp_path / "sample.root"
    write_tree(path, "Events", nanoaod(100, 1))
    with uproot.open(path) as file:
        source = file["Events"].arrays()
    bounds = {name: ErrorBound("rel", 1e-3) for name in source.fields}
    assert compare(source, source, bounds) == (0.0, 0)
    worse = ak.with_field(source, source["MET_pt"] * np.float32(1.01), "MET_pt")
    largest, missed = compare(source, worse, bounds)
    assert missed > 0
    assert largest == pytest.approx(0.01, rel=1e-3)


INTERRUPTED = """
import os, signal, sys
from baler_root.cli import main
from baler_root.format.container.write import ContainerWriter

write_page = ContainerWriter.write_page

def write_and_interrupt(*arguments):
    write_page(*arguments)
    os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" lets children ignore it
ContainerWriter.write_page = write_and_interrupt
sys.argv = ["baler-root", "compress", *sys.argv[1:]]
main()
"""


def test_interrupt_leaves_nothing(flat_root: Path, tmp_path: Path) -> None:
    """Ctrl-C after the first page: exit 130, one line, no output and no temporary file."""
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-c", INTERRUPTED, str(flat_root), str(folder / "flat.baler")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert done.stderr.strip() == "interrupted; no unfinished file remains"
    assert list(folder.iterdir()) == []


def test_a_closed_pipe_is_no_error(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "flat.baler"
    baler_root.compress(str(flat_root), str(target))
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "baler_root", "inspect", str(target)],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert "Traceback" not in done.stderr


def test_merge_says_that_objects_are_those_of_the_first_file(cli: Cli, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.baler" for number in range(2)]
    for path in paths:
        with uproot.recreate(path.with_suffix(".root")) as file:
            file["t"] = {"x": np.arange(5.0)}
            file["h"] = np.histogram([1.0])
        baler_root.compress(path.with_suffix(".root"), path, codec="classic")
    merged = cli("merge", *paths, tmp_path / "all.baler")
    assert merged.code == 0
    assert "1 object such as histograms, as in" in merged.err + merged.out
    alone = cli("merge", *paths, tmp_path / "quiet.baler", "--quiet")
    assert (alone.out, alone.err) == ("", "")
