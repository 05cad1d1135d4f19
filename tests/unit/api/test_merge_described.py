"""Files whose branches ROOT stored in different ways are not merged: their bytes mean different things."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import ConfigError
from baler_root.format.container.read import open_container
from baler_root.rootio import leaves, ttree_writer
from baler_root.rootio.leaves import Leaf, OutputBranch
from baler_root.rootio.raw.joined_records import join_records, record_difference
from baler_root.rootio.tbuffer import TBuffer
from baler_root.rootio.ttree_writer import TTreeWriter
from tests.helpers.forge import Forger
from tests.helpers.raw_ttrees import numbers

Change = Callable[[dict[str, Any]], None]


def write_branch(buffer: TBuffer, branch: OutputBranch, entries: int, *, is_filled: bool) -> None:
    leaves.write_branch(buffer, branch, entries if is_filled or branch.name != "odd" else 0)


def raw_file(
    folder: Path, name: str, entries: int = 50, *, is_filled: bool = True, weight: float = 1.0
) -> Path:
    """A file with a raw branch, which was filled or not."""
    pair = [Leaf("x", np.dtype(np.int32)), Leaf("x", np.dtype(np.int32), offset=4)]
    branches = [numbers("number", 0), OutputBranch("odd", "x/I:x/I", pair, 1)]
    with uproot.recreate(folder / f"{name}.root", compression=None) as file:
        writer = TTreeWriter(file, "t", "", branches, {}, weight=weight)
        if entries:
            writer._fill_flat(branches[0], np.arange(entries, dtype=np.int32))
        if entries and is_filled:
            writer._basket(branches[1], bytes(8 * entries), entries, 8)
        writer.num_entries = entries
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ttree_writer, "write_branch", partial(write_branch, is_filled=is_filled))
            writer.close()
    baler_root.compress(folder / f"{name}.root", folder / f"{name}.baler", codec="classic")
    return folder / f"{name}.baler"


def changed_record(source: Path, target: Path, change: Change) -> Path:
    """A copy of a file with another description of its raw branch."""

    def manifest(document: dict[str, Any]) -> None:
        change(document["trees"][0]["records"][-1][1])

    return Forger(source).write(target, manifest=manifest)


def check_refused(sources: list[Path], message: str) -> None:
    for number, order in enumerate((sources, sources[::-1])):
        target = sources[0].parent / f"merged{number}.baler"
        with pytest.raises(ConfigError, match=message):
            baler_root.merge(order, target)
        assert not target.exists()


@pytest.mark.parametrize("between", [False, True])
def test_a_raw_branch_that_one_file_never_filled_is_named(between: bool, tmp_path: Path) -> None:
    """A file without entries between them changes nothing."""
    filled, never = raw_file(tmp_path, "a"), raw_file(tmp_path, "b", is_filled=False)
    sources = [raw_file(tmp_path, "c", 0)] * between + [filled, never]
    check_refused(sources, r"\('t'\).*branch 'odd' is raw, and was never filled in")
    merged = baler_root.merge([never, never], tmp_path / "m.baler")
    baler_root.decompress(merged, tmp_path / "m.root")
    with uproot.open(tmp_path / "m.root") as file:
        assert file["t"].num_entries == 100
        assert file["t"]["odd"].num_baskets == 0


def test_weights_that_differ_are_named(tmp_path: Path) -> None:
    sources = [raw_file(tmp_path, "a"), raw_file(tmp_path, "b", weight=3.0)]
    check_refused(sources, r"\('t'\).*its weight is (3, not 1|1, not 3)")


@pytest.mark.parametrize(
    ("change", "member"),
    [
        (lambda record: record.update(fIOBits=2), "fIOBits"),
        (lambda record: record.update(fEntryOffsetLen=1000), "fEntryOffsetLen"),
        (lambda record: record.update(fSplitLevel=99), "fSplitLevel"),
        (lambda record: record["fLeaves"][0].update(fIsUnsigned=True), "fIsUnsigned of its leaf"),
        (lambda record: record["fLeaves"].pop(), "leaves"),
    ],
)
def test_the_member_of_a_description_that_differs_is_named(
    change: Change, member: str, tmp_path: Path
) -> None:
    first = raw_file(tmp_path, "a")
    other = changed_record(first, tmp_path / "other.baler", change)
    check_refused([first, other], rf"branch 'odd' is stored in another way: .*{member}")


def test_numbers_that_grow_with_the_data_are_joined(tmp_path: Path) -> None:
    first = raw_file(tmp_path, "a")

    def change(record: dict[str, Any]) -> None:
        record["fBasketSize"] = 10**6
        record["fLeaves"][1].update(fMaximum=7, fMinimum=-7)

    other = changed_record(first, tmp_path / "other.baler", change)
    merged = baler_root.merge([first, other], tmp_path / "m.baler")
    with open_container(merged) as container:
        record = container.manifest.trees[0].schema.branches[1].record
    assert record is not None
    assert record["fBasketSize"] == 10**6
    assert (record["fLeaves"][1]["fMaximum"], record["fLeaves"][1]["fMinimum"]) == (7, -7)


ZEROS = {"class": "TBranch", "fLeaves": [], "encoding": {"template": "0000", "at": []}}
KNOWN = {**ZEROS, "encoding": {"template": "0102", "at": []}}


def test_an_encoding_is_that_of_a_file_with_entries() -> None:
    """A file without entries has zeros for the bytes that all its records share."""
    assert record_difference(KNOWN, ZEROS, 1, values=False) == ""
    assert join_records([ZEROS, KNOWN], 1) == KNOWN
    assert "its encoding is {'template': '0102'" in record_difference(KNOWN, ZEROS, 1, values=True)
    assert record_difference(KNOWN, None, 1, values=True) == "only one of them describes how ROOT stores it"


def test_classes_that_the_first_file_does_not_describe_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = raw_file(tmp_path, "a")
    with monkeypatch.context() as patch:
        patch.setattr("baler_root.rootio.objects._streamers_for", lambda *_: [])
        other = raw_file(tmp_path, "b")
    with pytest.raises(ConfigError, match=r"has raw branches and describes .*TBranch version 13.*name this"):
        baler_root.merge([other, first], tmp_path / "m.baler")
    assert baler_root.verify(baler_root.merge([first, other], tmp_path / "m.baler")).ok
