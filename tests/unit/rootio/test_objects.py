"""Objects other than trees are carried byte for byte, with its directories, cycles, titles and streamers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import SourceError
from baler_root.rootio import objects
from baler_root.rootio.objects import TREES, CarriedObject, copy_objects, key_at, pack_objects, unpack_objects
from baler_root.rootio.write import write_root
from tests.conftest import data_path

FILES = [
    ("coverage", "uproot-hepdata-example.root"),
    ("coverage", "uproot-issue-172.root"),
    ("coverage", "uproot-issue-222.root"),
    ("coverage", "uproot-issue-240.root"),
    ("coverage", "uproot-issue-359.root"),
    ("coverage", "uproot-issue-513.root"),
    ("coverage", "uproot-issue-707.root"),
    ("coverage", "uproot-issue-76.root"),
    ("coverage", "uproot-issue-tbranch-of-th2.root"),
    ("coverage", "uproot-issue209.root"),
    ("coverage", "uproot-issue243-new.root"),
    ("coverage", "uproot-issue327.root"),
    ("coverage", "uproot-issue38c.root"),
    ("coverage", "uproot-issue431.root"),
    ("coverage", "uproot-issue433-splitlevel2.root"),
    ("coverage", "uproot-issue485.root"),
    ("real", "cms_nano_2015_ttbar_200.root"),
    ("real", "delphes_z91_100.root"),
]


def payload(key: Any) -> bytes:
    """The uncompressed bytes behind a key."""
    chunk, cursor = key.get_uncompressed_chunk_cursor()
    return bytes(chunk.get(cursor.index, cursor.index + key.fObjlen, cursor, {}))


def members(value: Any, depth: int = 8) -> Any:
    """Object as uproot reads it, in a form that can be compared; NaN equals NaN."""
    if isinstance(value, str):  # uproot's strings are models too, with an address in what they print
        return "".join(value)
    if depth and isinstance(value, uproot.model.Model):
        own = {name: members(inner, depth - 1) for name, inner in value.members.items()}
        inside = [members(inner, depth - 1) for inner in value] if isinstance(value, Sequence) else []
        return type(value).__name__, own, [members(base, depth - 1) for base in value.bases], inside
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if depth and isinstance(value, list | tuple):
        return [members(inner, depth - 1) for inner in value]
    return (
        repr(value) if value is None or isinstance(value, str | bytes | int | float) else type(value).__name__
    )


def objects_of(path: Path) -> Iterator[tuple[Any, Any, bytes, list[CarriedObject], list[tuple[str, str]]]]:
    """The open source, the unpacked objects, and what `pack_objects` gave."""
    with uproot.open(path) as source:
        blob, found, missing = pack_objects(source)
        yield source, unpack_objects(blob), blob, found, missing


@pytest.mark.parametrize(("folder", "name"), FILES, ids=[name for _, name in FILES])
def test_objects_of_real_files_are_carried_bit_for_bit(folder: str, name: str) -> None:
    for source, packed, blob, found, missing in objects_of(data_path(folder, name)):
        trees = [name for name in source.classnames().values() if name in TREES]
        folders = [name for name in source.classnames().values() if name.startswith("TDirectory")]
        objects = [item for item in found if item.classname != "TDirectory"]
        assert missing == []
        assert len(objects) == len(source.classnames()) - len(trees) - len(folders)
        target = io.BytesIO()
        copy_objects(blob, uproot.recreate(target, compression=uproot.ZSTD(3)))
        with uproot.open(io.BytesIO(target.getvalue())) as copied:
            for item in objects:
                before, after = key_at(source, item.path, item.cycle), key_at(packed, item.path, item.cycle)
                cycle = sum(o.path == item.path and o.cycle <= item.cycle for o in objects)
                final = key_at(copied, item.path, cycle)
                for key in (after, final):
                    assert (key.fClassName, key.fTitle, key.fName) == (
                        before.fClassName,
                        before.fTitle,
                        before.fName,
                    )
                    assert payload(key) == payload(before)
                    assert key.fKeylen == before.fKeylen
                assert (item.classname, item.title) == (before.fClassName, before.fTitle)
                try:
                    expected = members(before.get())
                except (NotImplementedError, uproot.deserialization.DeserializationError):
                    continue
                assert members(after.get()) == expected
                assert members(final.get()) == expected


def test_the_same_objects_give_the_same_bytes(tmp_path: Path) -> None:
    blobs = []
    for number in range(2):
        path = tmp_path / f"{number}.root"
        with uproot.recreate(path) as file:
            file["h"] = np.histogram(np.arange(10.0))
            file["deep/er/name"] = "text"
        with uproot.open(path) as file:
            blobs.append(pack_objects(file)[0])
    assert (tmp_path / "0.root").read_bytes() != (tmp_path / "1.root").read_bytes()  # dates, identifiers
    assert blobs[0] == blobs[1]
    with unpack_objects(blobs[0]) as again:
        assert pack_objects(again)[0] == blobs[0]


def test_cycles_titles_and_empty_directories(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "x.root") as file:
        file["h"] = np.histogram(np.arange(10.0), bins=3)
        file["h"] = np.histogram(np.arange(10.0), bins=5)
        file["a/b/note"] = "µ"
        file.mkdir("empty/inside")
        file.mktree("t", {"x": "f8"})
    with uproot.open(tmp_path / "x.root") as file:
        blob, found, missing = pack_objects(file)
    assert missing == []
    assert sorted((o.path, o.cycle, o.classname) for o in found) == [
        ("a/b/note", 1, "TObjString"),
        ("empty/inside", 1, "TDirectory"),
        ("h", 1, "TH1D"),
        ("h", 2, "TH1D"),
    ]
    target = tmp_path / "y.root"
    write_root(target, [], blob)
    with uproot.open(target) as file:
        assert file.keys() == ["h;2", "h;1", "a;1", "a/b;1", "a/b/note;1", "empty;1", "empty/inside;1"]
        assert [len(file[f"h;{cycle}"].values()) for cycle in (1, 2)] == [3, 5]
        assert str(file["a/b/note"]) == "µ"
        assert file["empty/inside"].keys() == []


def test_no_objects_no_bytes(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "x.root") as file:
        file.mktree("dir/t", {"x": "f8"})
        file.mkrntuple("n", {"x": "f8"})
    with uproot.open(tmp_path / "x.root") as file:
        assert pack_objects(file) == (b"", [], [])
    assert unpack_objects(b"").keys() == []


def test_damaged_objects_are_named(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "x.root", compression=uproot.ZLIB(9)) as file:
        file["good"] = "fine"
        file["bad"] = np.histogram(np.zeros(10), bins=1000)
    with uproot.open(tmp_path / "x.root") as file:
        key = file.key("bad")
        start = key.fSeekKey + key.fKeylen
    raw = bytearray((tmp_path / "x.root").read_bytes())
    raw[start + 9 : start + 40] = bytes(31)
    with uproot.open(io.BytesIO(raw)) as file:
        _, found, missing = pack_objects(file)
    assert [item.path for item in found] == ["good"]
    assert [path for path, _ in missing] == ["bad"]


def test_more_objects_than_a_file_carries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects beyond the limit are named; those that fit are carried."""
    path = tmp_path / "h.root"
    with uproot.recreate(path) as file:
        file["small"] = np.histogram([1.0])
        file["large"] = np.histogram([1.0], bins=5000)
        file["text"] = "last"
    monkeypatch.setattr(objects, "MAX_PAYLOADS_LENGTH", 20_000)
    with uproot.open(path) as file:
        blob, carried, missing = pack_objects(file)
    assert [item.path for item in carried] == ["small", "text"]
    (left_out,) = missing
    assert left_out[0] == "large"
    assert "all objects may have 20000 together" in left_out[1]
    assert sorted(unpack_objects(blob).keys(cycle=False)) == ["small", "text"]
    with pytest.raises(SourceError, match="all objects may have 20000 together"):
        baler_root.compress(path, tmp_path / "h.baler")
