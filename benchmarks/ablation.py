"""What each means contributes: whole-file sizes, one means added after another.

`python -m benchmarks.ablation [NAME…]` replaces the rows of the files whose name holds one of the words.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import baler_root
from benchmarks import results, sources

BOUND = "rel=1e-3"
FILES = ("agc_muons_100k", "cms_htt_DY_35k", "lhcb_upgrade_tracks_33k", "pythia_jets_365k", "gamgam")

NO_RELATIONS = "no relations"
"""Not a keyword of `compress`: nobody should want that but this table."""

STEPS: list[tuple[str, dict[str, Any]]] = [
    ("no loss", {"bound": "lossless", "codec": "classic", NO_RELATIONS: True}),
    ("quantised", {"codec": "classic", NO_RELATIONS: True}),
    ("+ relations (`classic`)", {"codec": "classic"}),
    ("+ context tables (`fast`)", {"codec": "conditional", "level": "fast"}),
    ("+ networks (`conditional`)", {"codec": "conditional"}),
    ("+ other objects of the event (`max`)", {"codec": "conditional", "level": "max"}),
]
"""(label, keywords of `compress`), each with the means of the one before it."""


def unknown(keywords: dict[str, Any]) -> list[str]:
    """Keywords that this version of `compress` has not."""
    known = inspect.signature(baler_root.compress).parameters
    return [name for name in keywords if name not in known and name != NO_RELATIONS]


def size(path: Path, keywords: dict[str, Any]) -> dict[str, Any]:
    """Bytes of the file and of its models, and seconds."""
    keywords = {"bound": BOUND, **keywords}
    patched: Any = mock.patch("baler_root.planning.find_sums", return_value={})
    with tempfile.TemporaryDirectory() as where, patched if keywords.pop(NO_RELATIONS, 0) else nullcontext():
        target = Path(where) / "out.baler"
        summary = baler_root.compress(path, target, skip_unsupported=True, **keywords)
    models = summary.parts.get("model", 0)
    return {
        "in memory": summary.raw_size,
        "size": summary.size,
        "models": models,
        "seconds": round(summary.seconds, 1),
    }


def main() -> None:
    """Measure, print and store."""
    warnings.simplefilter("ignore")
    steps = [(label, keywords) for label, keywords in STEPS if not unknown(keywords)]
    for label, keywords in STEPS:
        if missing := unknown(keywords):
            print(f"{label}: skipped, compress() has no {', '.join(missing)}", file=sys.stderr)
    for path in sources.chosen(sys.argv[1:] or FILES):
        if not sys.argv[1:] and path.stem not in FILES:
            continue
        rows: list[dict[str, Any]] = []
        for label, keywords in steps:
            row = {"file": path.stem, "with": label, **size(path, keywords)}
            row["of the step before"] = round(row["size"] / rows[-1]["size"], 3) if rows else None
            rows.append(row)
        results.show(f"{path.stem} at {BOUND}", rows, {})
        kept = [row for row in results.merged("ablation", rows, "file", "with") if row["file"] != path.stem]
        results.update("ablation", [*kept, *rows], {"bound": BOUND})


if __name__ == "__main__":
    main()
