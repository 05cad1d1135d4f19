"""Gain of each method: whole-file sizes with one method added after another.

`python -m benchmarks run ablation [NAME…]` measures files whose name contains one of the words again.
"""

from __future__ import annotations

import tempfile
import warnings
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import baler_root
from baler_root.compression.models import learn
from baler_root.compression.models.list_context import ContextColumns
from baler_root.training.effort import LEVELS
from benchmarks.data import sources
from benchmarks.record import command_line, results

BOUND = "rel=1e-3"
FILES = ("cms_htt_DY_35k", "lhcb_upgrade_tracks_33k", "pythia_jets_365k", "cms_llp_jets_train", "gamgam")

NO_CONTEXT = "no context"
"""Not a keyword of `compress`: models of a table see no column of other tables."""

NO_DERIVED = "no derived quantities"
"""Not a keyword of `compress`: level `default` predicts no column by a formula."""

STEPS: list[tuple[str, dict[str, Any]]] = [
    ("no loss", {"bound": "lossless", "codec": "classic", "independent": ["*"]}),
    ("quantised", {"codec": "classic", "independent": ["*"]}),
    ("+ relations (`classic`)", {"codec": "classic"}),
    (
        "+ histograms in context, own table",
        {"codec": "conditional", "training": "fast", NO_CONTEXT: True},
    ),
    ("+ entry and item before (`fast`)", {"codec": "conditional", "training": "fast"}),
    ("+ mixing", {"codec": "conditional", NO_DERIVED: True}),
    ("+ derived quantities (`default`)", {"codec": "conditional"}),
]
"""(label, keywords of `compress`); each step includes the methods of the previous one."""


def size(path: Path, keywords: dict[str, Any]) -> dict[str, Any]:
    """Size of the file and of its models [bytes], and time to compress [s]."""
    keywords = {"bound": BOUND, **keywords}
    patches: list[Any] = []
    if keywords.pop(NO_CONTEXT, False):
        patches.append(mock.patch.object(learn, "find_context", return_value=ContextColumns()))
    if keywords.pop(NO_DERIVED, False):
        patches.append(mock.patch.dict(LEVELS, default=replace(LEVELS["default"], derived=False)))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        target = Path(folder) / "out.baler"
        summary = baler_root.compress(path, target, skip_unsupported=True, **keywords)
    models = summary.parts.get("model", 0)
    return {
        "in memory": summary.raw_size,
        "size": summary.size,
        "models": models,
        "seconds": round(summary.seconds, 1),
    }


def main() -> None:
    """Measure, print and store the results."""
    warnings.simplefilter("ignore")
    names = command_line.names(__doc__)
    for path in sources.chosen(names or FILES):
        if not names and path.stem not in FILES:
            continue
        rows: list[dict[str, Any]] = []
        for label, keywords in STEPS:
            row = {"file": path.stem, "with": label, **size(path, keywords)}
            row["of the step before"] = round(row["size"] / rows[-1]["size"], 3) if rows else None
            rows.append(row)
        results.show(f"{path.stem} at {BOUND}", rows, {})
        other_files = [
            row for row in results.merged("ablation", rows, "file", "with") if row["file"] != path.stem
        ]
        results.update("ablation", [*other_files, *rows], {"bound": BOUND})
