"""Reduced files, with only the branches that an analysis reads: quick to compress and analyse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.analysis.open_tree import opened

STEP = "100 MB"
"""Size of the arrays that are read at a time."""


def reduce(analysis: Analysis, source: Any, path: Path) -> list[str]:
    """Writes the branches of `source` that `analysis` reads as an RNTuple; returns their names."""
    import uproot

    with opened(source, analysis.trees) as tree, uproot.recreate(path) as file:
        names = analysis.branches(list(dict.fromkeys(tree.keys(recursive=False))))
        writer = None
        for events in tree.iterate(names, step_size=STEP, library="ak"):
            if writer is None:
                writer = file.mkrntuple(tree.name, events)
            else:
                writer.extend(events)
    return names
