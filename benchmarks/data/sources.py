"""Input files of the benchmarks, read with uproot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import uproot

DATA = Path(os.environ.get("BALER_ROOT_DATA", Path(__file__).parents[3] / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class Tree:
    """Tree in memory: (path, array) of each branch in file order, and branches that uproot cannot read."""

    name: str
    branches: list[tuple[str, ak.Array]]
    unreadable: list[str]


def files(*folders: str) -> list[Path]:
    """ROOT files in these folders of the data, sorted by name; a missing folder has none."""
    return sorted(path for folder in folders for path in (DATA / folder).glob("*.root"))


def chosen(names: Sequence[str]) -> list[Path]:
    """Files to measure, smallest first: those whose name contains one of `names`; without names all."""
    paths = [p for p in files("real", "generated") if not names or any(name in p.stem for name in names)]
    return sorted(paths, key=lambda path: path.stat().st_size)


def read(path: Path) -> list[Tree]:
    """All TTrees and RNTuples of the file, each in its highest cycle."""
    with uproot.open(path) as file:
        names = file.keys(cycle=False, filter_classname=["TTree", "TNtuple*", "ROOT::RNTuple"])
        return [read_tree(name, file[name]) for name in dict.fromkeys(names)]


def read_tree(name: str, source: Any) -> Tree:
    """All branches of one tree that uproot reads, including those inside other branches."""
    branches: list[tuple[str, ak.Array]] = []
    unreadable: list[str] = []
    for path, branch in leaves(source):
        try:
            branches.append((path, ak.to_packed(branch.array(library="ak"))))
        except Exception:  # noqa: BLE001  # uproot raises errors of many types
            unreadable.append(path)
    return Tree(name, branches, unreadable)


def read_all(opener: Callable[[Path], Any], path: Path) -> None:
    """Read all branches of all trees into awkward arrays; `opener` is `uproot.open` or `baler_root.open`."""
    with opener(path) as file:
        for name, kind in file.classnames(cycle=False).items():
            if kind.startswith(("TTree", "TNtuple", "ROOT::RNTuple")):
                file[name].arrays()


def leaves(source: Any) -> Iterator[tuple[str, Any]]:
    """(path, branch) of everything with values: branches of TTrees but groups, top fields of RNTuples."""
    if isinstance(source, uproot.behaviors.RNTuple.HasFields):
        yield from ((field.name, field) for field in source.fields)
        return
    for path, branch in source.iteritems(recursive=True, full_paths=True):
        if not isinstance(branch.interpretation, uproot.interpretation.grouped.AsGrouped):
            yield path, branch


def flatten(name: str, array: ak.Array) -> Iterator[tuple[str, ak.Array]]:
    """(name, array) of each field of records, also of records in lists; other arrays unchanged."""
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
    """Whether the array holds strings."""
    return array.layout.parameter("__array__") in ("string", "bytestring")
