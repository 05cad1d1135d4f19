"""Where the bytes of `.baler` files go: columns, models, other objects, metadata; and each branch of one file.

`python -m benchmarks run parts [NAME…]` replaces the rows of the files whose name holds one of the words.
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
    """What `inspect` says of the file compressed this way."""
    with tempfile.TemporaryDirectory() as where:
        target = Path(where) / "out.baler"
        baler_root.compress(path, target, bound=BOUND, skip_unsupported=True, **keywords)
        return baler_root.inspect(target)


def parts(described: dict[str, Any]) -> dict[str, int]:
    """Bytes of columns, models, objects that are no trees, and all else."""
    size, of = described["size"], described["parts"]
    out = {"columns": of["pages"], "models": of.get("model", 0), "other objects": of.get("objects", 0)}
    return {**out, "metadata": size - sum(out.values()), "file size": size}


def branches(described: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each branch with bytes in any variant."""
    sizes: dict[str, dict[str, Any]] = {}
    for name, one in described.items():
        for tree in one["trees"]:
            for branch in tree["branches"]:
                if "size" in branch:
                    key = f"{tree['path']}/{branch['path']}" if len(one["trees"]) > 1 else branch["path"]
                    row = sizes.setdefault(key, {"branch": key, "in memory": branch["raw_size"]})
                    row[name] = branch["size"]
    return list(sizes.values())


def main() -> None:
    """Measure, print and store."""
    warnings.simplefilter("ignore")
    names = command_line.names(__doc__)
    for path in sources.chosen(names or FILES):
        if not names and path.stem not in FILES:
            continue
        described = {name: describe(path, keywords) for name, keywords in variants.quick()}
        rows = [{"file": path.stem, "variant": name, **parts(one)} for name, one in described.items()]
        results.show(f"Where the bytes go at {BOUND}", rows, {})
        results.update("parts", results.merged("parts", rows, "file", "variant"), {"bound": BOUND})
        if path.stem == BRANCHES_OF:
            table = branches(described)
            results.show(f"{path.stem} by branch", table, {})
            results.store("branches", table, {"file": path.stem, "bound": BOUND})
