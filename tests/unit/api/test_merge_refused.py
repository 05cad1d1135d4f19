"""Files that do not fit together are not merged, and the message names the tree and branch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import baler_root
from baler_root.errors import ConfigError, CorruptFileError
from baler_root.format.model_file import read_model_file
from tests.helpers.forge import Forger
from tests.helpers.processes import run_python
from tests.helpers.root_files import write_root
from tests.vectors.corpus import FOLDER

Make = Callable[..., Path]

EVENTS = FOLDER / "integers.baler"
MODEL = FOLDER / "detached.balermodel"


def compressed(folder: Path, name: str, bound: str | None = None, **trees: Any) -> Path:
    root = write_root(folder / f"{name}.root", **trees)
    baler_root.compress(root, folder / f"{name}.baler", bound=bound)
    return folder / f"{name}.baler"


def check_refused(sources: list[Path], target: Path, message: str) -> None:
    """Merging fails with this message and leaves nothing."""
    before = sorted(target.parent.iterdir())
    with pytest.raises(ConfigError, match=message):
        baler_root.merge(sources, target)
    assert sorted(target.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("trees", "bound", "message"),
    [
        ({"t": {"x": np.ones(3), "y": np.ones(3)}}, None, r"\('t'\).*branch 'y', which the first file lacks"),
        ({"t": {"z": np.ones(3)}}, None, r"\('t'\).*branch 'z' in place of 'x'"),
        ({"t": {"x": np.ones(3, "f4")}}, None, r"\('t'\).*branch 'x' is of type float, not double"),
        ({"t": {"x": np.ones(3)}}, "abs=0.5", r"\('t'\).*branch 'x' has the bound abs=0.5, not rel=0.001"),
        ({"u": {"x": np.ones(3)}}, None, r"\('u'\).*its path is 'u', not 't'"),
        ({"t": {"x": np.ones(3)}, "u": {"x": np.ones(3)}}, None, r"\('u'\).*the tree is only in one of them"),
    ],
)
def test_the_message_names_tree_and_branch(
    trees: dict[str, Any], bound: str | None, message: str, tmp_path: Path
) -> None:
    first = compressed(tmp_path, "first", t={"x": np.ones(5)})
    other = compressed(tmp_path, "other", bound, **trees)
    check_refused([first, other], tmp_path / "all.baler", message)


def test_a_branch_that_is_missing_is_named(tmp_path: Path) -> None:
    first = compressed(tmp_path, "first", t={"x": np.ones(5), "y": np.ones(5)})
    other = compressed(tmp_path, "other", t={"x": np.ones(5)})
    check_refused([first, other], tmp_path / "all.baler", "branch 'y', which it lacks")


@pytest.mark.parametrize("sources", [[MODEL, EVENTS], [EVENTS, MODEL], [EVENTS, EVENTS, MODEL]])
def test_models_and_events_are_not_merged(sources: list[Path], tmp_path: Path) -> None:
    check_refused(
        sources,
        tmp_path / "all.baler",
        r"detached\.balermodel: is a model file, and .*integers.* holds events",
    )


def test_model_files_give_the_models_of_all(tmp_path: Path) -> None:
    paths = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=6000)
        columns = {"x": x, "y": x + rng.normal(0, 0.02, 6000), "z": x + rng.normal(0, 0.02, 6000)}
        root = write_root(tmp_path / f"{seed}.root", **{f"t{seed}": columns})
        paths.append(tmp_path / f"{seed}.balermodel")
        baler_root.train(root, paths[-1], training="fast")
    parts = [model.trained for path in paths for model in read_model_file(path).models]
    assert len(parts) == 2
    merged = baler_root.merge([paths[0], paths[1], paths[0]], tmp_path / "all.balermodel")
    assert [model.trained for model in read_model_file(merged).models] == parts
    assert baler_root.verify(merged).ok
    summary = baler_root.compress(tmp_path / "2.root", tmp_path / "2.baler", model=merged)
    alone = baler_root.compress(tmp_path / "2.root", tmp_path / "2b.baler", model=paths[1])
    assert summary.parts["pages"] == alone.parts["pages"]


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("codec", [1, 7, 255])
def test_an_unknown_codec_number_is_damage(position: int, codec: int, tmp_path: Path) -> None:
    forger = Forger(EVENTS)
    forger.pages = [(page, payload, codec) for page, payload, _ in forger.pages]
    bad = forger.write(tmp_path / "bad.baler")
    sources = [EVENTS, EVENTS]
    sources[position] = bad
    with pytest.raises(CorruptFileError, match=rf"bad\.baler: page 0.*unknown codec number {codec}"):
        baler_root.merge(sources, tmp_path / "all.baler")
    assert list(tmp_path.iterdir()) == [bad]


def test_a_damaged_first_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(EVENTS.read_bytes())
    data[100] ^= 1
    (tmp_path / "bad.baler").write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"bad\.baler: "):
        baler_root.merge([tmp_path / "bad.baler", EVENTS], tmp_path / "all.baler")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.baler"]


FULL = """
import resource, sys
import baler_root
from baler_root.errors import OutputError
source, target, size, verb = sys.argv[1:]
size = int(size)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    if verb == "merge":
        baler_root.merge([source, source], target)
    elif verb == "compress":
        baler_root.compress(source, target, codec="classic")
    else:
        baler_root.decompress(source, target)
except OutputError as error:
    assert "no output remains" in str(error), error
else:
    raise AssertionError("no error")
"""


@pytest.mark.parametrize("verb", ["merge", "decompress"])
def test_a_full_disk_leaves_nothing(verb: str, tmp_path: Path) -> None:
    """The largest possible file stands for the disk: smaller than the first file, than both, and so on."""
    pytest.importorskip("resource")
    whole = EVENTS.stat().st_size
    for size in (0, 10, whole // 2, whole + 100) if verb == "merge" else (0, 200):
        argv = ["", str(EVENTS), str(tmp_path / "out"), str(size), verb]
        run_python(f"import sys; sys.argv = {argv!r}\n{FULL}")
        assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_of_a_small_file(flat_root: Path, tmp_path: Path) -> None:
    """A file that waits in a buffer until it is flushed."""
    pytest.importorskip("resource")
    folder = tmp_path / "output"
    folder.mkdir()
    for size in (0, 500):
        argv = ["", str(flat_root), str(folder / "out.baler"), str(size), "compress"]
        run_python(f"import sys; sys.argv = {argv!r}\n{FULL}")
        assert list(folder.iterdir()) == []
