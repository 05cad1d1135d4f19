"""Opens the tree that an analysis reads, in a ROOT file or a `.baler` file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from baler_root.errors import SourceError

Path = str | os.PathLike[str]


@contextlib.contextmanager
def opened(source: Any, names: Sequence[str]) -> Iterator[Any]:
    """The first tree with one of these names in `source`, a path or an open directory; a tree is passed
    through.

    Without names, the only tree. Raises SourceError, which lists the trees in the file.
    """
    if isinstance(source, str | os.PathLike):
        with _file(os.fspath(source)) as directory:
            yield _find(directory, names, os.fspath(source))
    elif hasattr(source, "iterate"):
        yield source
    else:
        yield _find(source, names, str(getattr(source, "file_path", "input")))


@contextlib.contextmanager
def _file(path: str) -> Iterator[Any]:
    if path.endswith(".baler"):
        from baler_root.dataset.file import open as open_file

        with open_file(path) as directory:
            yield directory
    else:
        from baler_root.rootio.source import RootSource

        with RootSource(path) as file:
            yield file.directory


def _find(directory: Any, names: Sequence[str], location: str) -> Any:
    from baler_root.rootio.objects import TREES

    classes: dict[str, str] = directory.classnames()
    trees = list(dict.fromkeys(key.partition(";")[0] for key, name in classes.items() if name in TREES))
    tree = next((name for name in names if name in trees), None)
    if tree is None and not names and len(trees) == 1:
        tree = trees[0]
    if tree is None:
        expected = " or ".join(map(repr, names)) or "a single tree (set TREES in the analysis to choose one)"
        raise SourceError(f"{location}: the analysis reads {expected}; the file has {_listed(trees)}")
    return directory[tree]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "") if names else "no tree"
