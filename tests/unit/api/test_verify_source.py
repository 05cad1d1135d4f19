"""Verification against a source covers all that a file carries, not only values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import baler_root
from tests.unit.rootio.test_raw_branches import write_odd_leaves
from tests.unit.rootio.test_tree_tail import info_of, named, written_tree


def source(path: Path, *, title: str = "a", height: float = 1.0, extra: tuple[str, ...] = ()) -> Path:
    """A tree, a histogram, and extra trees and objects."""
    with uproot.recreate(path) as file:
        file.mktree("t", {"x": "i8"}, title=title).extend({"x": np.arange(10)})
        file["dir/h"] = np.histogram([height, 2.0], bins=4, range=(0, 4))
        for name in extra:
            if name.startswith("tree"):
                file.mktree(name, {"y": "i8"}).extend({"y": np.arange(3)})
            else:
                file[name] = "text"
    return path


def compressed(root: Path, **options: Any) -> Path:
    baler_root.compress(root, root.with_suffix(".baler"), codec="classic", **options)
    return root.with_suffix(".baler")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"title": "b"}, "t: its title is 'a', the source has 'b'"),
        ({"height": 3.0}, "the object 'dir/h' of cycle 1 has other bytes than in the source"),
        ({"extra": ("s",)}, "lacks the object 's' of cycle 1 of the source"),
        ({"extra": ("tree2",)}, "lacks the tree 'tree2;1' of the source"),
    ],
)
def test_differences_beside_the_values_are_found(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = compressed(source(tmp_path / "a.root"))
    assert baler_root.verify(path, tmp_path / "a.root").ok
    result = baler_root.verify(path, source(tmp_path / "b.root", **changed))
    assert len(result.problems) == 1
    assert message in result.problems[0]


def test_an_object_that_the_source_lacks_is_found(tmp_path: Path) -> None:
    path = compressed(source(tmp_path / "a.root", extra=("s",)))
    result = baler_root.verify(path, source(tmp_path / "b.root"))
    assert "has the object 's' of cycle 1, which the source lacks" in result.problems[0]


def test_trees_that_the_user_left_out_are_no_problem(tmp_path: Path) -> None:
    root = source(tmp_path / "a.root", extra=("tree2", "tree3"))
    assert baler_root.verify(compressed(root, trees=["t", "tree3"]), root).ok


def test_another_weight_is_found(tmp_path: Path) -> None:
    path = compressed(write_odd_leaves(tmp_path / "a.root", weight=2.5))
    result = baler_root.verify(path, write_odd_leaves(tmp_path / "b.root"))
    assert result.problems == ["t: its weight is 2.5, the source has 1.0"]


def test_other_user_info_is_found(tmp_path: Path) -> None:
    first, other = info_of(named("TNamed")), info_of(named("TNamed", "world"))
    path = compressed(written_tree(tmp_path / "a.root", first))
    assert baler_root.verify(path, tmp_path / "a.root").ok
    result = baler_root.verify(path, written_tree(tmp_path / "b.root", other))
    assert result.problems == ["t: its index, friends or user info are not those of the source"]


def test_another_kind_of_tree_is_found(tmp_path: Path) -> None:
    path = compressed(source(tmp_path / "a.root"))
    baler_root.decompress(path, tmp_path / "b.root", kind="rntuple")
    result = baler_root.verify(path, tmp_path / "b.root")
    assert "'t;1' is a RNTuple, not a TTree" in result.problems[0]
