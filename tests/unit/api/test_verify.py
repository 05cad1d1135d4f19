"""Verification finds any value that misses its bound, and any source that is another file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import FormatError, SourceError
from tests.conftest import flat_columns, jagged_columns, nested_columns

Make = Callable[..., Path]


def columns(n: int = 120) -> dict[str, object]:
    return {**flat_columns(n), "Muon": jagged_columns(n)["Muon"]}


@pytest.fixture
def pair(make_root: Make, tmp_path: Path) -> tuple[Path, Path]:
    """(ROOT file, the `.baler` file made of it)."""
    root = make_root("in.root", Events=columns(), Lumi={"n": np.arange(3)})
    baler_root.compress(root, tmp_path / "in.baler", cluster_size=50)
    return root, tmp_path / "in.baler"


def test_all_is_well(pair: tuple[Path, Path]) -> None:
    root, path = pair
    seen: list[tuple[int, int]] = []
    result = baler_root.verify(path, root, progress=lambda done, total: seen.append((done, total)))
    assert result.ok
    assert result.path == str(path)
    assert seen[-1] == (123, 123)
    assert all(one[0] < other[0] for one, other in pairwise(seen))
    with open_file(path) as file:
        assert result.pages == len(file.container.page_ids())
        values = sum(int(tree.statistics["length"].astype(np.int64).sum()) for tree in file.trees)
    assert result.values == values
    assert result.worst["Events: i32"] == ("lossless", 0.0)
    bound, error = result.worst["Events: energy"]
    assert bound == "rel=0.001"
    assert 0 < error <= 1e-3


def test_without_a_source_no_value_is_compared(pair: tuple[Path, Path]) -> None:
    result = baler_root.verify(pair[1])
    assert result.ok
    assert (result.values, result.worst) == (0, {})
    assert baler_root.verify(io.BytesIO(pair[1].read_bytes())).ok


@pytest.mark.parametrize(
    ("name", "place", "change"),
    [
        ("energy", 77, lambda x: x * np.float32(1.003)),
        ("special", 3, lambda x: 0.0 * abs(x)),
        ("special", 0, lambda _: np.array(0x7FF8000000000001).view(np.float64)),
        ("i8", 119, lambda x: x + 1),
        ("trigger", 0, lambda x: not x),
        ("event", 50, lambda x: x + 1),
        ("weight", 0, lambda x: np.nextafter(x, np.float32(9))),
    ],
)
def test_one_changed_value_is_found(
    name: str, place: int, change: Callable[[object], object], pair: tuple[Path, Path], make_root: Make
) -> None:
    other = columns()
    values = np.array(other[name])
    values[place] = change(values[place])
    other[name] = values
    root = make_root("other.root", Events=other, Lumi={"n": np.arange(3)})
    result = baler_root.verify(pair[1], root)
    assert len(result.problems) == 1
    assert result.problems[0].startswith(f"Events: {name}: 1 values miss the bound ")


def test_a_change_within_the_bound_is_no_problem(pair: tuple[Path, Path], make_root: Make) -> None:
    with baler_root.open(pair[1]) as file:
        decoded = file["Events"]["energy"].array(library="np")
    root = make_root("other.root", Events={**columns(), "energy": decoded}, Lumi={"n": np.arange(3)})
    result = baler_root.verify(pair[1], root)
    assert result.ok
    assert result.worst["Events: energy"] == ("rel=0.001", 0.0)


def test_each_field_of_a_record_has_its_bound_and_its_error(make_root: Make, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    x, y, n = random.exponential(size=500), random.exponential(size=500), np.arange(500)
    root = make_root("in.root", kind="rntuple", Events={"p": ak.zip({"x": x, "y": y, "n": n})})
    target = tmp_path / "in.baler"
    baler_root.compress(
        root, target, bounds={"p.x": "rel=1e-2", "p.y": "abs=1e-5"}, codec="classic", cluster_size=100
    )
    worst = baler_root.verify(target, root).worst
    assert {name: bound for name, (bound, _) in worst.items()} == {
        "Events: p.x": "rel=0.01",
        "Events: p.y": "abs=1e-05",
        "Events: p.n": "lossless",
    }
    decoded = baler_root.open(target)["Events"]["p"].array()
    x, y = x.astype(np.float64), y.astype(np.float64)
    assert worst["Events: p.x"][1] == pytest.approx(np.max(np.abs(decoded.x / x - 1)))
    assert worst["Events: p.y"][1] == pytest.approx(np.max(np.abs(decoded.y - y)))
    assert worst["Events: p.n"][1] == 0


def test_other_list_structure_is_found(pair: tuple[Path, Path], make_root: Make) -> None:
    other = columns()
    other["Muon"] = one_moved(other["Muon"], place=next(i for i, n in enumerate(ak.num(other["Muon"])) if n))
    result = baler_root.verify(pair[1], make_root("other.root", Events=other, Lumi={"n": np.arange(3)}))
    assert any("nMuon" in problem for problem in result.problems)
    assert any("Muon_pt" in problem for problem in result.problems)


def one_moved(muons: object, place: int) -> ak.Array:
    """The muons of the source, one of them moved to the entry before or after."""
    counts = ak.to_numpy(ak.num(muons)).copy()
    counts[place] -= 1
    counts[place + 1] += 1
    return ak.unflatten(ak.flatten(muons), counts)


def changed(kind: str) -> dict[str, dict[str, object]]:
    trees: dict[str, dict[str, object]] = {"Events": columns(), "Lumi": {"n": np.arange(3)}}
    if kind == "no tree":
        del trees["Lumi"]
    elif kind == "more entries":
        trees["Events"] = columns(121)
    elif kind == "fewer entries":
        trees["Lumi"] = {"n": np.arange(2)}
    elif kind == "more branches":
        trees["Events"]["extra"] = np.arange(120)
    elif kind == "fewer branches":
        del trees["Events"]["i8"]
    elif kind == "renamed":
        trees["Lumi"] = {"m": np.arange(3)}
    elif kind == "another type":
        trees["Lumi"] = {"n": np.arange(3.0)}
    return trees


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no tree", "has no tree 'Lumi;1'"),
        ("more entries", "tree 'Events;1' has 121 entries, not 120"),
        ("fewer entries", "tree 'Lumi;1' has 2 entries, not 3"),
        ("more branches", "tree 'Events;1' has .* branches, not"),
        ("fewer branches", "tree 'Events;1' has .* branches, not"),
        ("renamed", "'m' for 'n'"),
        ("another type", "the type changes along the entries"),
    ],
)
def test_another_source_is_told_apart(kind: str, said: str, pair: tuple[Path, Path], make_root: Make) -> None:
    result = baler_root.verify(pair[1], make_root("other.root", **changed(kind)))
    assert len(result.problems) == 1
    assert re.search(said, result.problems[0])


def test_what_is_no_source(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        baler_root.verify(pair[1], tmp_path / "none.root")
    with pytest.raises(SourceError, match=r"is a \.baler file"):
        baler_root.verify(pair[1], pair[1])
    with pytest.raises(FormatError, match=r"a ROOT file, not a \.baler file"):
        baler_root.verify(pair[0], pair[0])


def test_damage_and_source_are_both_reported(pair: tuple[Path, Path], make_root: Make) -> None:
    """One page is damaged, another value differs: both are named, each once."""
    root, path = pair
    data = bytearray(path.read_bytes())
    with open_file(path) as file:
        data[int(file.container.pages[0]["offset"]) + 60] ^= 1
    path.write_bytes(data)
    other = columns()
    other["i16"] = np.array(other["i16"])
    other["i16"][110] += 1
    result = baler_root.verify(path, make_root("other.root", Events=other, Lumi={"n": np.arange(3)}))
    assert len(result.problems) == 2
    assert "page 0 of cluster 0 of tree 'Events'" in result.problems[0]
    assert result.problems[1].startswith("Events: i16: 1 values miss")
    assert not baler_root.verify(path, root).ok


def test_nested_and_optional_values(make_root: Make, tmp_path: Path) -> None:
    option = ak.Array([1.5, None, None, 2.5] * 10)
    root = make_root("in.root", "rntuple", Events={**nested_columns(40), "option": option})
    baler_root.compress(root, tmp_path / "in.baler", cluster_size=15)
    assert baler_root.verify(tmp_path / "in.baler", root).ok
    other = make_root(
        "other.root", "rntuple", Events={**nested_columns(40), "option": ak.fill_none(option, 0.0)[:40]}
    )
    assert not baler_root.verify(tmp_path / "in.baler", other).ok
