"""Open files in other processes and threads: forked, spawned, pickled; and files that nobody closes."""

from __future__ import annotations

import gc
import io
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import awkward as ak
import pytest

import baler_root
from baler_root.errors import SourceError
from tests.helpers.processes import run_python
from tests.vectors.corpus import FOLDER

INTEGERS = FOLDER / "integers.baler"


@pytest.fixture(params=["integers", "conditional", "lists"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a golden file."""
    return Path(shutil.copy(FOLDER / f"{request.param}.baler", tmp_path / "a.baler"))


def arrays_of(tree: Any) -> list[str]:
    """Values of all branches as text, in which a NaN is like any other."""
    return [repr(branch.array().to_list()) for branch in tree.branches]


# Files that nobody closes


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no list of descriptors")
@pytest.mark.parametrize("num_workers", [1, 3])
def test_files_that_are_not_closed_keep_no_descriptor(num_workers: int) -> None:
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        tree = baler_root.open(INTEGERS, num_workers=num_workers)["Events"]
        tree.branches[0].array()
    del tree
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_many_files_that_are_not_closed() -> None:
    """More than the process may have open, without a run of the garbage collector."""
    pytest.importorskip("resource")
    run_python(
        "import gc, resource, baler_root; gc.disable(); resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        f"for _ in range(200): baler_root.open({str(INTEGERS)!r})['Events'].branches[0].array()"
    )


# Forked processes


def read_in_child(read: Callable[[], object]) -> object:
    """Result of a function in a forked process."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            data = pickle.dumps(read())
        except BaseException as error:  # noqa: BLE001 - the other process shows it
            data = pickle.dumps(repr(error))
        with os.fdopen(sender, "wb") as file:
            file.write(data)
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as file:
        result = pickle.loads(file.read())
    os.waitpid(child, 0)
    return result


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("num_workers", [1, 4])
def test_reading_goes_on_after_a_fork(num_workers: int, path: Path) -> None:
    with baler_root.open(path, num_workers=num_workers) as file:
        tree = file[file.keys()[0]]
        expected = arrays_of(tree)
        assert read_in_child(lambda: arrays_of(tree)) == expected
        assert read_in_child(lambda: read_in_child(lambda: arrays_of(tree))) == expected
        assert arrays_of(tree) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_lock_that_is_held_at_the_fork(path: Path) -> None:
    """Other threads may hold locks while a process forks; they are not there to release them."""
    data = io.BytesIO(path.read_bytes())
    for source in (path, data):
        with baler_root.open(source, num_workers=2) as file:
            tree = file[file.keys()[0]]
            expected = arrays_of(tree)
            context = tree.source.context
            locks = [context.pages._lock, context.columns._lock, context.models._lock]
            locks += [context.container._source._lock] if source is data else []
            for lock in locks:
                lock.acquire()
            assert read_in_child(lambda tree=tree: arrays_of(tree)) == expected
            for lock in locks:
                lock.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_closing_in_a_child_does_not_close_here() -> None:
    with baler_root.open(INTEGERS, num_workers=2) as file:
        expected = arrays_of(file["Events"])
        assert read_in_child(file.close) is None
        assert arrays_of(file["Events"]) == expected


# Pickles


@pytest.fixture
def file(path: Path) -> Iterator[Any]:
    with baler_root.open(path, num_workers=2, cache_size="1 MB") as file:
        yield file


def copy_of(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def test_files_trees_and_branches_are_pickled(file: Any) -> None:
    tree = file[file.keys()[0]]
    assert arrays_of(copy_of(tree)) == arrays_of(tree)
    assert copy_of(file).keys() == file.keys()
    for branch in tree.all_branches:
        other = copy_of(branch)
        assert (other.name, other.object_path) == (branch.name, branch.object_path)
        assert repr(other.array().to_list()) == repr(branch.array().to_list())
    first, second = copy_of([*list(tree.branches)[:1], tree])
    assert first.tree is second


def test_every_cycle_and_folder_is_pickled(tmp_path: Path, make_root: Callable[..., Path]) -> None:
    import numpy as np
    import uproot

    root = tmp_path / "in.root"
    with uproot.recreate(root) as out:
        for size in (3, 5):
            out.mktree("a/b:c/t", {"x": "f8"}).extend({"x": np.arange(size) * 1.5})
    baler_root.compress(root, tmp_path / "in.baler")
    with baler_root.open(tmp_path / "in.baler") as file:
        assert len(file.source.trees) == 2
        for index in range(2):
            tree = file.tree_at(index)
            assert copy_of(tree).object_path == tree.object_path
            assert copy_of(tree)["x"].array().to_list() == tree["x"].array().to_list()
        folder = file["a"]
        assert copy_of(folder).keys() == folder.keys()


def test_the_path_may_be_relative(monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path) -> None:
    monkeypatch.chdir(path.parent)
    with baler_root.open(path.name) as file:
        data = pickle.dumps(file)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pickle.loads(data) as file:
        assert arrays_of(file[file.keys()[0]])


def test_another_file_at_the_path_is_refused(path: Path) -> None:
    with baler_root.open(path) as file:
        data = pickle.dumps(file[file.keys()[0]])
    shutil.copy(FOLDER / "floats.baler", path)
    with pytest.raises(SourceError, match=r"a\.baler: is not the file that was pickled"):
        pickle.loads(data)
    path.unlink()
    with pytest.raises(SourceError, match="no such file"):
        pickle.loads(data)


def test_closed_files_stay_closed(file: Any) -> None:
    tree = file[file.keys()[0]]
    file.close()
    other = copy_of(tree)
    assert other.branches[0].name == tree.branches[0].name
    with pytest.raises(ValueError, match="closed file"):
        other.branches[0].array()


def test_file_objects_are_not_pickled(path: Path) -> None:
    with (
        baler_root.open(io.BytesIO(path.read_bytes())) as file,
        pytest.raises(TypeError, match="opened by path"),
    ):
        pickle.dumps(file)


def test_spawned_processes_read(file: Any) -> None:
    tree = file[file.keys()[0]]
    expected = arrays_of(tree)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(arrays_of, tree).result() == expected


def test_threads_read_one_file(file: Any) -> None:
    tree = file[file.keys()[0]]
    expected = arrays_of(tree)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: arrays_of(tree), range(8)):
            assert result == expected
    assert isinstance(tree.arrays(), ak.Array)
