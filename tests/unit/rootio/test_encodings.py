"""Values become the bytes of the source: every entry is compared, and no byte is made up."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from uproot.containers import AsVector
from uproot.interpretation.jagged import AsJagged
from uproot.interpretation.numerical import AsDtype
from uproot.interpretation.objects import AsObjects

import baler_root
from baler_root.api.file_compression import FileCompression
from baler_root.rootio.branch_types import parts_of, streamed_branch
from baler_root.rootio.leaves import Leaf, OutputBranch
from baler_root.rootio.raw import raw_schema
from baler_root.rootio.raw.find_encoding import find_encoding
from baler_root.rootio.raw.object_bytes import encode_array
from baler_root.rootio.raw.raw_branch import RawBranch
from baler_root.rootio.source import RootSource
from baler_root.rootio.ttree_writer import TTreeWriter
from tests.conftest import data_path
from tests.helpers.raw_ttrees import baskets

VECTORS = {"counted": {"versioned": {"counted": {"number": ">i4"}}, "version": "0009"}}
"""Lists of vectors, each with the version of its class."""


def as_bytes(encoding: Any, array: ak.Array) -> ak.Array:
    data, offsets = encode_array(encoding, array)
    return ak.Array([data[a:b].tobytes() for a, b in pairwise(offsets)])


def vectors(*entries: Any) -> ak.Array:
    """Lists of lists of integers, also where there are none."""
    return ak.values_astype(ak.Array([*entries, [[1]]])[:-1], np.int32)


def branch_of(interpretation: Any) -> Any:
    return SimpleNamespace(interpretation=interpretation, file=None)


NESTED = branch_of(AsObjects(AsVector(False, AsVector(True, np.dtype(">i4")))))


@pytest.mark.parametrize(
    ("entries", "seen"), [([[], []], False), ([], False), ([[], [[]]], True), ([[[1, 2], [3]], []], True)]
)
def test_a_version_is_that_of_a_record(entries: list[Any], seen: bool) -> None:
    array = vectors(*entries)
    raw = as_bytes(VECTORS, array) if entries else ak.Array([b"x"])[:0]
    assert find_encoding(NESTED, array, raw) == (VECTORS if seen else None)
    unused = find_encoding(NESTED, array, raw, used=False)
    assert unused is not None
    assert as_bytes(unused, array).to_list() == raw.to_list() if entries else True


def test_a_version_without_entries_is_not_known() -> None:
    branch = branch_of(AsJagged(AsDtype(">i4"), header_bytes=10))
    assert find_encoding(branch, vectors([[1]])[0][:0], ak.Array([b"x"])[:0]) is None


def learned(monkeypatch: pytest.MonkeyPatch, values: ak.Array, first: int) -> tuple[Any, list[int]]:
    """The encoding of a branch with these entries, and the starts of later entries that were read."""
    starts = []

    class Entries:
        def __init__(self, _: Any) -> None:
            self.num_entries = len(values)

        def array(self, start: int, stop: int) -> Any:
            return {"bytes": as_bytes(VECTORS, values[start:stop])}

    def read(_: Any, start: int, stop: int) -> ak.Array:
        starts.append(start)
        return values[start:stop]

    monkeypatch.setattr(raw_schema, "RawBranch", Entries)
    monkeypatch.setattr(raw_schema.source_tree, "read_array", read)
    return raw_schema._with_encoding({}, NESTED, values[:first]), starts


def test_an_encoding_is_learned_where_the_records_are(monkeypatch: pytest.MonkeyPatch) -> None:
    array = vectors(*[[]] * 50, [[7]], *[[]] * 20, [[8, 9]])
    assert learned(monkeypatch, array, 10) == ({"encoding": VECTORS}, [50])


def test_a_branch_without_records_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    array = vectors(*[[]] * 50)
    record, starts = learned(monkeypatch, array, 10)
    assert starts == []
    assert as_bytes(record["encoding"], array).to_list() == [bytes(4)] * 50


def write_versions(path: Path, *encodings: Any, names: str = "v") -> Path:
    """A tree of vectors that are stored by one encoding after another, and of a branch that is raw."""
    array = ak.values_astype(ak.Array([[1, 2], [], [3], [4, 5, 6]]), np.int32)
    parts = [part for name in names for part in parts_of(name, array.type.content)]
    items = [streamed_branch(part, part.name, n, "std::vector<int32_t>")[0] for n, part in enumerate(parts)]
    leaves = [Leaf("x", np.dtype(np.int32)), Leaf("x", np.dtype(np.int32), offset=4)]
    odd = OutputBranch("odd", "x/I:x/I", leaves, len(items))
    with uproot.recreate(path, compression=None) as file:
        writer = TTreeWriter(file, "t", "", [*items, odd], {})
        for encoding in encodings:
            for item in items:
                item.encoding = encoding
                writer._fill_record(item, array)
            writer._basket(odd, bytes(8 * len(array)), len(array), 8)
            writer.num_entries += len(array)
        writer.close()
    return path


def version(text: str) -> Any:
    return {"versioned": {"counted": {"number": ">i4"}}, "version": text}


@pytest.mark.parametrize("place", [1, 2, 4])
@pytest.mark.parametrize("cluster_size", [4, 5, 1000])
def test_bytes_that_change_later_come_back(
    place: int, cluster_size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of two versions of a class, joined by hadd: the branch is raw, and nothing is rewritten."""
    monkeypatch.setattr("baler_root.rootio.source_schema.FIRST_ENTRIES", 4)
    encodings = [version("0009" if part < place else "000a") for part in range(5)]
    source = write_versions(tmp_path / "a.root", *encodings)
    summary = baler_root.compress(source, tmp_path / "a.baler", cluster_size=cluster_size)
    assert [branch.path for branch in summary.trees[0].branches if branch.raw] == ["v", "odd"]
    assert f"entry {4 * place}" in baler_root.inspect(tmp_path / "a.baler")["trees"][0]["branches"][0]["raw"]
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root")
    with uproot.open(source) as one, uproot.open(tmp_path / "b.root") as two:
        assert baskets(two["t"]["v"]) == baskets(one["t"]["v"])


def test_branches_that_change_together_need_one_new_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time does not grow with the square of the number of such branches."""
    monkeypatch.setattr("baler_root.rootio.source_schema.FIRST_ENTRIES", 4)
    starts = []
    plan = FileCompression.plan
    monkeypatch.setattr(FileCompression, "plan", lambda self: (starts.append(self), plan(self))[1])
    source = write_versions(tmp_path / "a.root", version("0009"), version("000a"), names="uvw")
    summary = baler_root.compress(source, tmp_path / "a.baler", cluster_size=4)
    assert [branch.path for branch in summary.trees[0].branches if branch.raw] == ["u", "v", "w", "odd"]
    assert len(starts) == 2


def test_values_of_one_encoding_stay_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baler_root.rootio.source_schema.FIRST_ENTRIES", 4)
    source = write_versions(tmp_path / "a.root", *[version("0009")] * 5)
    summary = baler_root.compress(source, tmp_path / "a.baler", cluster_size=6)
    assert [branch.path for branch in summary.trees[0].branches if branch.raw] == ["odd"]
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root")
    with uproot.open(source) as one, uproot.open(tmp_path / "b.root") as two:
        original, again = (RawBranch(file["t"]["v"]).array(0, 20)["bytes"] for file in (one, two))
        assert again.to_list() == original.to_list()


def test_records_of_real_files_are_not_made_up() -> None:
    """Ten empty entries of a branch of lists of objects do not say how other entries would be stored."""
    with RootSource(data_path("coverage", "uproot-issue-880.root")) as source:
        branch = next(b for b in source.directory["Z"]["Event"].branches if b.name == "pg[6]")
        array, raw = branch.array(), RawBranch(branch).array(0, branch.num_entries)["bytes"]
    assert find_encoding(branch, array[:10, :0], ak.Array([b""] * 10)) is None
    encoding = find_encoding(branch, array, raw)
    assert encoding is not None
    assert encoding["items"]["regular"]["template"].startswith("4000003c0004")
