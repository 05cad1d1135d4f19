"""Sources of compression: what cannot be read is named, and left out only if asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import (
    BalerError,
    ConfigError,
    KeyInFileError,
    SourceError,
)
from baler_root.rootio import source_schema, source_tree
from tests.helpers.root_files import Make
from tests.helpers.trees import read_baler


def test_inputs_that_will_not_do(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    with pytest.raises(SourceError, match="no such file"):
        baler_root.compress(tmp_path / "none.root", target)
    for name, data in (
        ("text.root", b"no ROOT file at all" * 100),
        ("empty.root", b""),
        ("short.root", flat_root.read_bytes()[:50]),
        ("half.root", flat_root.read_bytes()[: flat_root.stat().st_size // 2]),
        ("cut.root", flat_root.read_bytes()[:-30]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError):
            baler_root.compress(tmp_path / name, target)
        assert not list(tmp_path.glob("*a.baler*")), name
    with uproot.recreate(tmp_path / "h.root"):
        pass
    with pytest.raises(SourceError, match="holds no TTree, no RNTuple and no object"):
        baler_root.compress(tmp_path / "h.root", target)


def test_a_file_of_histograms_alone(tmp_path: Path) -> None:
    source, target, back = (tmp_path / name for name in ("h.root", "h.baler", "back.root"))
    with uproot.recreate(source) as file:
        file["folder/h"] = np.histogram([1.0, 2.0])
        file["text"] = "calibration 7"
    summary = baler_root.compress(source, target)
    assert (summary.trees, summary.raw_size) == ((), 0)
    assert "only objects" in " ".join(summary.notes)
    assert baler_root.verify(target, source).problems == []
    baler_root.decompress(target, back)
    with uproot.open(source) as one, uproot.open(back) as two, baler_root.open(target) as packed:
        assert one.classnames() == two.classnames() == packed.classnames()
        assert np.array_equal(packed["folder/h"].values(), one["folder/h"].values())
        assert str(two["text"]) == "calibration 7"
    with pytest.raises(ConfigError, match="'x' matches no branch; there is none"):
        baler_root.compress(source, tmp_path / "a.baler", bounds={"x": "rel=1e-2"})
    with pytest.raises(SourceError, match="nothing to learn from"):
        baler_root.train(source, tmp_path / "a.balermodel")
    with pytest.raises(KeyInFileError):
        baler_root.compress(source, tmp_path / "a.baler", trees="Events")


def test_rules_that_match_nothing(flat_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'Energy' matches no branch; nearest: 'energy"):
        baler_root.compress(flat_root, tmp_path / "a.baler", bounds={"Energy": "rel=1e-2"})
    assert not list(tmp_path.glob("*a.baler*"))


# What cannot be read


@pytest.fixture
def broken_branch(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """`broken_branch(name, start)` makes reading that branch fail from an entry on."""
    whole = source_tree.read_array

    def install(name: str, first: int) -> None:
        def fail(handle: Any, start: int, stop: int) -> ak.Array:
            if handle.name == name and stop > first:
                raise ValueError("basket 7 is\nnot what it seems")
            return whole(handle, start, stop)

        monkeypatch.setattr(source_tree, "read_array", fail)

    return install


@pytest.mark.parametrize("first", [0, 300], ids=["at once", "further on"])
def test_unreadable_branches_are_listed(
    first: int, broken_branch: Callable[[str, int], None], rich_root: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(source_schema, "FIRST_ENTRIES", 100)
    broken_branch("special", first)
    target = tmp_path / "a.baler"
    with pytest.raises(SourceError, match=r"special[\s\S]*ValueError: basket 7 is[\s\S]*--skip-unsupported"):
        baler_root.compress(rich_root, target, cluster_size=100)
    assert not list(tmp_path.glob("*a.baler*"))
    summary = baler_root.compress(rich_root, target, cluster_size=100, skip_unsupported=True)
    assert summary.skipped == (("Events: special", "ValueError: basket 7 is"),)
    with baler_root.open(target) as file:
        assert "energy" in file["Events"].keys()  # noqa: SIM118 - as uproot has it
        assert file["Events"].num_entries == 500
    assert baler_root.verify(target).ok
    assert baler_root.inspect(target)["provenance"]["skipped"] == [list(item) for item in summary.skipped]


def test_a_branch_left_out_of_one_tree_stays_in_another(
    broken_branch: Callable[[str, int], None],
    make_root: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source_schema, "FIRST_ENTRIES", 10)
    root = make_root("a.root", long={"x": np.arange(100), "y": np.arange(100)}, short={"x": np.arange(20)})
    broken_branch("x", 50)
    summary = baler_root.compress(root, tmp_path / "a.baler", skip_unsupported=True)
    assert [name for name, _ in summary.skipped] == ["long: x"]
    assert read_baler(tmp_path / "a.baler", "short")["x"].to_list() == list(range(20))


def test_a_type_that_changes_is_named(
    make_root: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_schema, "FIRST_ENTRIES", 10)
    root = make_root("a.root", t={"x": np.arange(100)})
    whole = source_tree.read_array
    monkeypatch.setattr(
        source_tree, "read_array", lambda h, a, b: whole(h, a, b) if b <= 10 else whole(h, a, b) * 1.5
    )
    with pytest.raises(BalerError, match=r"tree 't', branch 'x'.*the type changes along the entries"):
        baler_root.compress(root, tmp_path / "a.baler", cluster_size=50)
    assert not list(tmp_path.glob("*a.baler*"))
