"""Files of many programs, versions and types: each with a tree is compressed without leaving anything out.

A few files are tested always, where the data are; all of them with `-m slow`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import uproot

import baler_root
from tests.conftest import DATA

QUICK = (
    "uproot-from-geant4",
    "uproot-issue-172",
    "uproot-issue38a",
    "uproot-sample-5.24.00-zlib",
    "uproot-small-evnt-tree-nosplit",
    "uproot-vectorVectorDouble",
)
NAMES = sorted(path.stem for path in (DATA / "coverage").glob("*.root"))
FILES = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name not in QUICK)]


def has_trees(path: Path) -> bool:
    """Whether the file holds a TTree, a TNtuple or an RNTuple."""
    with uproot.open(path) as file:
        kinds = set(file.classnames().values())
    return bool(
        kinds & {"TTree", "TNtuple", "TNtupleD", "TChain", "ROOT::RNTuple", "ROOT::Experimental::RNTuple"}
    )


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_left_out(name: str, data_file: Callable[..., Path], tmp_path: Path) -> None:
    source, target, back = data_file("coverage", f"{name}.root"), tmp_path / "a.baler", tmp_path / "b.root"
    if not has_trees(source):
        pytest.skip("no tree")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        summary = baler_root.compress(source, target, codec="classic")
        assert summary.skipped == ()
        assert baler_root.verify(target, against=source).problems == []
        baler_root.decompress(target, back)
    with uproot.open(back) as file, baler_root.open(target) as packed:
        assert set(packed.keys(cycle=False)) <= set(file.keys(cycle=False))
