"""Trial files: the branches that an analysis reads, stored alone, so that bounds can be tried quickly."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from baler_root.api.compress import compress
from baler_root.compression.rules.exact_branches import exact_by_name
from baler_root.compression.rules.rule import Rule
from baler_root.compression.rules.rules import Rules
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.analysis.open_tree import opened
from baler_root.evaluation.analysis.reduced import reduce
from baler_root.evaluation.analysis.selection import Flags, Selection
from baler_root.format.bounds import ErrorBound


class TrialFiles:
    """ROOT files with only the branches that an analysis reads, for repeated compression and analysis."""

    branches: tuple[str, ...]
    """Floating-point branches that the analysis reads and that may have an error bound."""
    original: Selection
    """Selection of the original events."""

    def __init__(self, analysis: Analysis, sources: Sequence[str | os.PathLike[str]], folder: Path) -> None:
        """Writes the reduced files in `folder`. Raises SourceError and AnalysisError, like `Analysis.run`."""
        self._analysis = analysis
        self._files: list[Path] = []
        bounded: dict[str, None] = {}
        for number, source in enumerate(sources):
            path = folder / f"reduced-{number}.root"
            bounded |= dict.fromkeys(_bounded(path, reduce(analysis, source, path)))
            self._files.append(path)
        self.branches = tuple(bounded)
        self.original = analysis.run([os.fspath(path) for path in self._files])

    def decompressed(self, bounds: Mapping[str, float], factor: float = 1.0) -> tuple[int, Selection]:
        """(Size in bytes, selection) of the reduced files, compressed within these relative bounds times
        `factor`.

        Another factor gives another rounding offset: values are rounded differently, with errors of the same
        size.
        """
        rules = relative_rules(bounds, factor)
        size, targets = 0, list[str]()
        for path in self._files:
            target = path.with_suffix(".baler")
            size += compress(path, target, rules=rules, codec="classic", overwrite=True).size
            targets.append(os.fspath(target))
        return size, self._analysis.run(targets)


def relative_rules(bounds: Mapping[str, float], factor: float = 1.0, base: Rules | None = None) -> Rules:
    """The rules of `base`, followed by one with the relative bound times `factor` for each branch."""
    base = Rules() if base is None else base
    rules = tuple(Rule(name, ErrorBound("rel", bound * factor)) for name, bound in bounds.items())
    return replace(base, rules=(*base.rules, *rules))


def halves(selection: Selection) -> tuple[Flags, Flags]:
    """(Entries used for tuning, entries used for validation): alternating entries."""
    even = np.arange(len(selection)) % 2 == 0
    return even, ~even


def _bounded(path: Path, names: Sequence[str]) -> Iterator[str]:
    """Branches with floating-point values that are not exact by name."""
    with opened(path, ()) as tree:
        first = tree.arrays(list(names), entry_stop=0, library="ak")
    yield from (name for name in names if _is_float(first[name]) and not exact_by_name(name))


def _is_float(array: Any) -> bool:
    import awkward as ak

    return np.issubdtype(ak.to_numpy(ak.flatten(array, axis=None)).dtype, np.floating)
