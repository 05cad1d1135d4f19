"""Mistakes that people make when they first try the Python API: each error says what to write instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import baler_root
from baler_root.errors import ConfigError, CorruptFileError


@pytest.mark.parametrize(
    ("keyword", "value", "hint"),
    [
        ("level", "fast", 'the level of training is training="fast"'),
        ("seed", 3, "training=TrainingOptions(seed=...)"),
        ("rel", 1e-3, 'a relative error is bound="rel=1e-3"'),
        ("branch", "x", 'bounds={"Muon_*": "bits=12"}'),
        ("boundz", "rel=1e-3", "did you mean 'bound"),
    ],
)
def test_keywords(flat_root: Path, tmp_path: Path, keyword: str, value: object, hint: str) -> None:
    options: dict[str, Any] = {keyword: value}
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{keyword}'; ") as error:
        baler_root.compress(flat_root, tmp_path / "a.baler", **options)
    assert hint in str(error.value)
    with pytest.raises(TypeError, match=re.escape(hint)):
        baler_root.train(flat_root, tmp_path / "a.balermodel", **options)


@pytest.mark.parametrize("bound", [1e-3, "1e-3", 1])
def test_a_bound_without_its_kind(flat_root: Path, tmp_path: Path, bound: Any) -> None:
    with pytest.raises(ConfigError, match='the kind of error is missing; write "rel=1e-3"'):
        baler_root.compress(flat_root, tmp_path / "a.baler", bound=bound)


def test_one_tree_by_its_name(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    baler_root.compress(flat_root, target, trees="Events", codec="classic")
    with baler_root.open(target) as file:
        assert file.keys(cycle=False) == ["Events"]


def test_one_or_several_files(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    several: Any = [flat_root, flat_root]
    with pytest.raises(ConfigError, match="list as input: name one ROOT file"):
        baler_root.compress(several, target)
    baler_root.compress(flat_root, target, codec="classic")
    with pytest.raises(ConfigError, match=r"baler_root\.concatenate and baler_root\.iterate read several"):
        baler_root.open(several)
    with pytest.raises(ConfigError, match="merge needs a list of files"):
        baler_root.merge(str(target), tmp_path / "b.baler")


def test_a_root_file_in_place_of_a_baler_file(flat_root: Path) -> None:
    for read in (baler_root.open, baler_root.verify, baler_root.inspect):
        with pytest.raises(CorruptFileError, match=r"a ROOT file, not a \.baler file; `baler-root compress`"):
            read(flat_root)


def test_options_of_open(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    baler_root.compress(flat_root, target, codec="classic")
    with pytest.raises(TypeError, match="argument 'num_worker'; did you mean 'num_workers'"):
        baler_root.open(target, num_worker=2)
