"""Several files read as one: `concatenate` and `iterate` as uproot has them."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import ConfigError, KeyInFileError, SourceError
from tests.helpers.compare import assert_same
from tests.helpers.root_files import write_tree

Paths = tuple[Path, Path]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Path]]:
    """Three files of one tree, and the same as `.baler`; the last has another tree too."""
    folder = tmp_path_factory.mktemp("several")
    sources, targets = [], []
    for number, entries in enumerate((50, 0, 70)):
        source, target = folder / f"part{number}.root", folder / f"part{number}.baler"
        with uproot.recreate(source) as file:
            n = np.arange(entries)
            write_tree(file, "Events", {"x": n + 1000.0 * number, "n": n % 4})
            if number == 2:
                write_tree(file, "other", {"z": np.arange(4)})
        baler_root.compress(source, target, bound="lossless", cluster_size=20)
        sources.append(source)
        targets.append(target)
    return sources, targets


@pytest.mark.parametrize("library", ["ak", "np", "pd"])
def test_concatenate_as_uproot(several: tuple[list[Path], list[Path]], library: str) -> None:
    if library == "pd":
        pytest.importorskip("pandas")
    for options in (
        {},
        {"entry_start": 45, "entry_stop": -60},
        {"entry_start": -3},
        {"expressions": ["2 * x"], "cut": "n == 1"},
        {"filter_name": "n", "how": tuple},
    ):
        theirs = uproot.concatenate([f"{p}:Events" for p in several[0]], library=library, **options)
        ours = baler_root.concatenate([f"{p}:Events" for p in several[1]], library=library, **options)
        assert_same(ours, theirs)


def test_iterate_as_uproot(several: tuple[list[Path], list[Path]]) -> None:
    def steps(module: object, paths: list[Path], **options: object) -> list[object]:
        found = module.iterate([f"{p}:Events" for p in paths], ["x"], step_size=30, report=True, **options)
        return [
            (arrays.x.to_list(), r.start, r.stop, r.tree_entry_start, Path(r.file_path).stem)
            for arrays, r in found
        ]

    assert steps(baler_root, several[1]) == steps(uproot, several[0])
    pytest.importorskip("pandas")
    files = [f"{p}:Events" for p in several[1]]
    index = [list(frame.index) for frame in baler_root.iterate(files, "n", step_size=40, library="pd")]
    assert list(chain(*index)) == list(range(120))


def test_ways_to_name_files(several: tuple[list[Path], list[Path]]) -> None:
    paths = several[1]
    folder = paths[0].parent
    whole = baler_root.concatenate([f"{p}:Events" for p in paths])
    for files in (
        f"{folder}/*.baler:Events",
        {f"{folder}/part?.baler": "Events"},
        {folder / "*.baler": "Events"},
        [{p: "Events"} for p in paths],
    ):
        assert ak.array_equal(baler_root.concatenate(files), whole)
    assert ak.array_equal(baler_root.concatenate(paths[:2]), whole[:50])
    with baler_root.open(paths[0])["Events"] as tree:
        assert ak.array_equal(baler_root.concatenate([tree, paths[1]]), whole[:50])
        assert sum(len(step) for step in baler_root.iterate(tree)) == 50
        assert not tree.file.closed


def test_mistakes_with_many_files(several: tuple[list[Path], list[Path]], mixed: Paths) -> None:
    paths = several[1]
    with pytest.raises(ConfigError, match="holds 2 trees"):
        baler_root.concatenate(paths[2])
    with pytest.raises(SourceError, match="no file matches"):
        baler_root.concatenate(str(paths[0].parent / "none*.baler"))
    with pytest.raises(KeyInFileError, match="nearest: 'other'"):
        baler_root.concatenate({paths[2]: "othr"})
    with pytest.raises(KeyInFileError):
        baler_root.concatenate([{p: "other"} for p in paths])
    with pytest.raises(ConfigError, match="is not a tree"):
        baler_root.concatenate({mixed[1]: "hist"})
    with pytest.raises(TypeError):
        baler_root.concatenate(5)
    with pytest.raises(TypeError):
        baler_root.concatenate({paths[0]: 5})
    found = baler_root.concatenate([{p: "other"} for p in paths], allow_missing=True)
    assert found.z.to_list() == [0, 1, 2, 3]
    assert len(list(baler_root.iterate([{p: "other"} for p in paths], allow_missing=True))) == 1
    with pytest.raises(SourceError, match="allow_missing"):
        baler_root.concatenate({paths[0]: "other"}, allow_missing=True)
