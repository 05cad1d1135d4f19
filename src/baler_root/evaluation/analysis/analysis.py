"""Analyses: Python files with a function `select(events)`, which are run over trees in chunks."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from baler_root.errors import AnalysisError, ConfigError, SourceError, nearest
from baler_root.evaluation.analysis.open_tree import opened
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Observable, Selection
from baler_root.evaluation.analysis.study import Progress, Study
from baler_root.evaluation.analysis.user_code import errors_of_file
from baler_root.extras import needed

STEP = 50_000
"""Entries read at a time. Beyond that, memory grows only with the selection, by about 30 bytes per entry."""


BUILT_IN = ("example", "hgamgam", "hzz4l")
"""Names of the analyses that come with the package."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """A loaded analysis file; `analyses/example.py` explains the names that it may define."""

    name: str
    path: Path
    module: ModuleType

    @property
    def title(self) -> str:
        """Title in reports."""
        return str(getattr(self.module, "TITLE", self.name))

    @property
    def trees(self) -> tuple[str, ...]:
        """Names of trees to look for, in this order; if empty, the only tree of the input is read."""
        return tuple(getattr(self.module, "TREES", ()))

    @property
    def observables(self) -> Mapping[str, Observable]:
        """Axes of the observables that are drawn; if not empty, other observables are not drawn."""
        return dict(getattr(self.module, "OBSERVABLES", {}))

    @property
    def inferable(self) -> tuple[str, ...]:
        """Names of the observables that `infer` accepts."""
        return tuple(getattr(self.module, "INFER", ())) if hasattr(self.module, "infer") else ()

    @property
    def has_study(self) -> bool:
        """Whether the file defines `study`, the slow part of the analysis."""
        return hasattr(self.module, "study")

    def branches(self, keys: Sequence[str]) -> list[str]:
        """Branches to read from a tree with the branches `keys`: all, unless the file defines `branches`.

        The file's function raises SourceError if some are missing.
        """
        if not hasattr(self.module, "branches"):
            return list(keys)
        with errors_of_file(self.path, "branches(keys)"):
            return list(self.module.branches(list(keys)))

    def run(self, source: Any, progress: Progress | None = None) -> Selection:
        """The selection of all entries of `source`: a path, a tree of uproot or `baler_root.open`, or a list
        of these.

        Raises SourceError if the input cannot be analysed (no such tree, missing branches, no entry passes,
        weights of 0), and AnalysisError for mistakes in the file.
        """
        sources = list(source) if isinstance(source, list | tuple) else [source]
        parts = [part for item in sources for part in self._chunks(item, progress)]
        location = ", ".join(_source_name(item) for item in sources)
        if not parts:
            raise SourceError(f"{location}: the tree has no entries")
        selection = Selection.concatenate(parts)
        self._check_use(selection, location)
        return selection

    def infer(self, selection: Selection, observable: str) -> dict[str, Quantity]:
        """Results that the analysis infers from an observable; quick enough for a bootstrap.

        Raises ConfigError for an observable that isn't in `inferable`, AnalysisError for mistakes in the
        file.
        """
        if observable not in self.inferable:
            raise ConfigError(
                f"{self.path}: infers from {', '.join(self.inferable) or 'no observable'}, not from {observable!r}"
            )
        with errors_of_file(self.path, f"infer(selection, {observable!r})"):
            return dict(self.module.infer(selection, observable))

    def study(
        self, selection: Selection, observable: str, *, toys: int, seed: int, progress: Progress | None = None
    ) -> Study:
        """The slow part of the analysis; an empty `Study` if the file doesn't define it.

        Raises FitError if a fit fails, AnalysisError for mistakes in the file.
        """
        if not self.has_study:
            return Study()
        with errors_of_file(self.path, f"study(selection, {observable!r})"):
            result = self.module.study(selection, observable, toys=toys, seed=seed, progress=progress)
        if not isinstance(result, Study):
            raise AnalysisError(f"{self.path}: study(...) gave {type(result).__name__}, not a Study")
        return result

    def _chunks(self, source: Any, progress: Progress | None) -> list[Selection]:
        with opened(source, self.trees) as tree:
            total, done, parts = int(tree.num_entries), 0, []
            names = self.branches(list(dict.fromkeys(tree.keys(recursive=False))))
            for events in tree.iterate(names, step_size=STEP, library="ak"):
                with errors_of_file(self.path, "select(events)"):
                    part = self.module.select(events)
                parts.append(self._checked(part, len(events)))
                done += len(events)
                if progress is not None:
                    progress(done, total)
        return parts

    def _checked(self, part: object, entries: int) -> Selection:
        """The selection of a chunk. Raises AnalysisError unless each array has one value per entry."""
        if not isinstance(part, Selection):
            raise AnalysisError(f"{self.path}: select(events) gave {type(part).__name__}, not a Selection")
        arrays: dict[str, object] = {
            "weights": part.weights,
            "process": part.process,
            **{f"cut {name!r}": values for name, values in part.cuts.items()},
            **{f"observable {name!r}": values for name, values in part.observables.items()},
        }
        for name, values in arrays.items():
            if not isinstance(values, np.ndarray) or values.shape != (entries,):
                shape = values.shape if isinstance(values, np.ndarray) else type(values).__name__
                raise AnalysisError(
                    f"{self.path}: select(events): {name} is {shape}, not a NumPy array with one value for each of the "
                    f"{entries} entries (events that fail a cut stay in; undefined observables are NaN)"
                )
        missing = [name for name in (*self.observables, *self.inferable) if name not in part.observables]
        if missing or not part.observables:
            raise AnalysisError(
                f"{self.path}: select(events) gave no observable {', '.join(missing) or 'at all'}"
            )
        return part

    def _check_use(self, selection: Selection, location: str) -> None:
        passing = selection.passing()
        if not passing.any():
            flow = ", ".join(f"{name}: {int(flags.sum())}" for name, flags in selection.cumulative().items())
            raise SourceError(
                f"{location}: none of {len(selection)} entries passes the cuts of {self.name} ({flow})"
            )
        weights = selection.weights[passing]
        if not np.isfinite(weights).all():
            raise SourceError(
                f"{location}: {int((~np.isfinite(weights)).sum())} selected entries have no finite weight"
            )
        if not weights.any():
            raise SourceError(
                f"{location}: all {len(weights)} entries that pass the cuts of {self.name} have weight 0; for data it "
                "is 1, for simulation luminosity × cross section × generator weight / sum of weights"
            )


def load(name_or_path: str | os.PathLike[str]) -> Analysis:
    """The built-in analysis of this name, or the analysis file at this path.

    Raises ConfigError if there is none, AnalysisError if the file cannot be run or defines no `select`.
    """
    text = os.fspath(name_or_path)
    if text.endswith(".py") or "/" in text or os.sep in text:
        path = Path(text).resolve()
        if not path.is_file():
            raise ConfigError(f"{text}: no such analysis file")
        analysis = Analysis(path.stem, path, _run_file(path))
    else:
        if text not in BUILT_IN:
            raise ConfigError(
                f"no analysis {text!r}; built in: {', '.join(nearest(text, BUILT_IN) or BUILT_IN)}; or give the "
                "path of a file, path/to/mine.py"
            )
        module = needed(f"baler_root.analyses.{text}")
        analysis = Analysis(text, Path(str(module.__file__)), module)
    if not callable(getattr(analysis.module, "select", None)):
        raise AnalysisError(f"{analysis.path}: defines no function select(events); see analyses/example.py")
    return analysis


def _run_file(path: Path) -> ModuleType:
    """The file as a module, registered in `sys.modules` as dataclasses need; no bytecode is written."""
    module = ModuleType(f"analysis_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    with errors_of_file(path, "the file"):
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # noqa: S102 - the user asked for it
    return module


def _source_name(source: Any) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    file = getattr(source, "file", None)
    return f"{getattr(file, 'file_path', 'input')}:{getattr(source, 'name', 'tree')}"
