"""The data that benchmarks run on, read with uproot alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import uproot

DATA = Path(os.environ.get("BALER_ROOT_DATA", Path(__file__).parents[3] / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree in memory: `branches` are (path, array) in the order of the file."""

    name: str
    branches: list[tuple[str, ak.Array]]
    unreadable: list[str]


def files(*folders: str) -> list[Path]:
    """Every ROOT file of these folders of the data, by name; folders that are absent give none."""
    return sorted(path for folder in folders for path in (DATA / folder).glob("*.root"))


def chosen(names: Sequence[str]) -> list[Path]:
    """The files to measure, smallest first: those whose name holds one of `names`, or all."""
    paths = [p for p in files("real", "generated") if not names or any(name in p.stem for name in names)]
    return sorted(paths, key=lambda path: path.stat().st_size)


def read(path: Path) -> list[Tree]:
    """Every TTree and RNTuple of the file, each name once, in its highest cycle."""
    with uproot.open(path) as file:
        names = file.keys(cycle=False, filter_classname=["TTree", "TNtuple*", "ROOT::RNTuple"])
        return [read_tree(name, file[name]) for name in dict.fromkeys(names)]


def read_tree(name: str, source: Any) -> Tree:
    """All branches of one tree that uproot reads, those inside other branches too."""
    branches: list[tuple[str, ak.Array]] = []
    unreadable: list[str] = []
    for path, branch in leaves(source):
        try:
            branches.append((path, ak.to_packed(branch.array(library="ak"))))
        except Exception:  # noqa: BLE001  # uproot raises whatever its deserialisers meet
            unreadable.append(path)
    return Tree(name, branches, unreadable)


def leaves(source: Any) -> Iterator[tuple[str, Any]]:
    """(path, branch) of everything that holds values: TTree branches that are no groups, top-level fields."""
    if isinstance(source, uproot.behaviors.RNTuple.HasFields):
        yield from ((field.name, field) for field in source.fields)
        return
    for path, branch in source.iteritems(recursive=True, full_paths=True):
        if not isinstance(branch.interpretation, uproot.interpretation.grouped.AsGrouped):
            yield path, branch


def flatten(name: str, array: ak.Array) -> Iterator[tuple[str, ak.Array]]:
    """Records taken apart, outermost first, also under one level of lists; other arrays as they are."""
    layout = array.layout
    if layout.is_record:
        for field in array.fields:
            yield from flatten(f"{name}.{field}", array[field])
    elif layout.is_list and not is_text(array) and layout.content.is_record:
        for field in layout.content.fields:
            yield from flatten(f"{name}.{field}", array[field])
    else:
        yield name, array


def is_text(array: ak.Array) -> bool:
    """Whether the entries are strings."""
    return array.layout.parameter("__array__") in ("string", "bytestring")
