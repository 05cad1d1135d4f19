"""Parts of `.baler` files: columns, models, other objects, metadata; and sizes of the branches of one file.

`python -m benchmarks run parts [NAME…]` measures files whose name contains one of the words again.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import baler_root
from benchmarks.data import sources
from benchmarks.record import command_line, results, variants

BOUND = "rel=1e-3"
FILES = (
    "agc_muons_100k",
    "cms_htt_DY_35k",
    "lhcb_upgrade_tracks_33k",
    "cms_nano_v5_1000",
    "pythia_jets_365k",
    "gamgam",
)
BRANCHES_OF = "pythia_jets_365k"


def describe(path: Path, keywords: dict[str, Any]) -> dict[str, Any]:
    """Result of `inspect` for the file compressed with these keywords."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.baler"
        baler_root.compress(path, target, bound=BOUND, skip_unsupported=True, **keywords)
        return baler_root.inspect(target)


def parts(described: dict[str, Any]) -> dict[str, int]:
    """Bytes of columns, of models, of objects that are not trees, and of everything else."""
    size, stored = described["size"], described["parts"]
    sizes = {
        "columns": stored["pages"],
        "models": stored.get("model", 0),
        "other objects": stored.get("objects", 0),
    }
    return {**sizes, "metadata": size - sum(sizes.values()), "file size": size}


def branches(described: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per branch that takes bytes in any variant."""
    sizes: dict[str, dict[str, Any]] = {}
    for name, description in described.items():
        for tree in description["trees"]:
            for branch in tree["branches"]:
                if "size" in branch:
                    key = (
                        f"{tree['path']}/{branch['path']}"
                        if len(description["trees"]) > 1
                        else branch["path"]
                    )
                    row = sizes.setdefault(key, {"branch": key, "in memory": branch["raw_size"]})
                    row[name] = branch["size"]
    return list(sizes.values())


def main() -> None:
    """Measure, print and store the results."""
    warnings.simplefilter("ignore")
    names = command_line.names(__doc__)
    for path in sources.chosen(names or FILES):
        if not names and path.stem not in FILES:
            continue
        described = {name: describe(path, keywords) for name, keywords in variants.quick()}
        rows = [
            {"file": path.stem, "variant": name, **parts(description)}
            for name, description in described.items()
        ]
        results.show(f"Where the bytes go at {BOUND}", rows, {})
        results.update("parts", results.merged("parts", rows, "file", "variant"), {"bound": BOUND})
        if path.stem == BRANCHES_OF:
            table = branches(described)
            results.show(f"{path.stem} by branch", table, {})
            results.store("branches", table, {"file": path.stem, "bound": BOUND})
