"""MB of arrays a second of processor time, one thread: encoding and decoding, all rivals in one run.

`.baler` and ROOT files hold whole files: encoding starts from a ROOT file in the page cache for `.baler`, which
also learns, decodes again and checks all values in that time, and from arrays for ROOT; both are read back as
awkward arrays, ROOT files through uproot. The other rivals encode and decode the floating-point columns from and
to arrays; their check is not counted.

`python -m benchmarks run throughput [NAME…]`
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uproot

import baler_root
from benchmarks.data import sources
from benchmarks.data.columns import Column, columns
from benchmarks.record import command_line, results, variants
from benchmarks.rivals import columnwise, root_files
from benchmarks.rivals.packers import Stream
from benchmarks.run.size import bounded, compress
from benchmarks.run.speed import read_all

BOUND = "rel=1e-3"
FILES = ("pythia_jets_365k", "cms_llp_jets_train", "gamgam")
ROOT_FILES = ("ttree-lzma9", "ttree-zstd5")


def clock(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what came out."""
    started = time.process_time()
    out = action()
    return time.process_time() - started, out


def baler(path: Path, keywords: dict[str, Any], raw: int) -> dict[str, Any]:
    """Rates and size of one variant."""
    with tempfile.TemporaryDirectory() as where:
        target = Path(where) / "out.baler"
        compress = partial(baler_root.compress, bound=BOUND, skip_unsupported=True, **keywords)
        encoding, summary = clock(partial(compress, path, target))
        read_all(baler_root.open, target)  # libraries are imported and compiled at the first time
        decoding, _ = clock(partial(read_all, baler_root.open, target))
    return rates(raw, summary.size, encoding, decoding)


def ready(path: Path, raw: int) -> dict[str, Any]:
    """The same with a model that was trained before, on the same file; training is not in the time."""
    with tempfile.TemporaryDirectory() as where:
        model = Path(where) / "ready.balermodel"
        baler_root.train(path, model, bound=BOUND)
        return baler(path, {"model": model}, raw)


def root(trees: list[sources.Tree], rival: str, raw: int) -> dict[str, Any]:
    """Rates and size of a ROOT file written and read by uproot."""
    with tempfile.TemporaryDirectory() as where:
        target = Path(where) / "rival.root"
        encoding, size = clock(partial(root_files.write, trees, rival, target))
        read_all(uproot.open, target)
        decoding, _ = clock(partial(read_all, uproot.open, target))
    return rates(raw, size, encoding, decoding)


def peer(one: columnwise.Peer, floats: list[Column]) -> dict[str, Any]:
    """Rates and size of the floating-point columns."""
    encoding = decoding = 0.0
    size = raw = 0
    for _, values, bound in floats:
        prepare = partial(one.way, values, bound)
        seconds, prepared = clock(prepare)
        encoded: columnwise.Encoded | Stream | None = None
        if prepared is not None:
            more, found = clock(partial(one.encode, prepared))
            seconds += more
            encoded = columnwise.held(found, values, bound)
        if encoded is None:
            more, encoded = clock(partial(columnwise.exact, one, values))
            seconds += more
        encoding += seconds
        decode = encoded.values if isinstance(encoded, Stream) else encoded.decode
        decoding += clock(decode)[0]
        size += len(encoded.data) if isinstance(encoded, Stream) else encoded.size
        raw += values.nbytes
    return rates(raw, size, encoding, decoding)


def rates(raw: int, size: int, encoding: float, decoding: float) -> dict[str, Any]:
    """MB of arrays a second."""
    return {
        "MB of arrays": round(raw / 1e6, 2),
        "size": size,
        "encode MB/s": round(raw / 1e6 / max(encoding, 1e-9), 1),
        "decode MB/s": round(raw / 1e6 / max(decoding, 1e-9), 1),
    }


def compare(path: Path) -> list[dict[str, Any]]:
    """The rows of one file."""
    trees = [tree for tree in sources.read(path) if tree.branches]
    _, bound_of = compress(path, BOUND, "classic", {"codec": "classic"})
    every = list(columns(trees, bound_of))
    raw = sum(column.values.nbytes for column in every)
    floats = [column for column in every if column.bound.kind != "lossless" and column.values.size]
    rounded = bounded(trees, bound_of)
    jobs: list[tuple[str, str, Callable[[], dict[str, Any]]]] = [
        *((name, "file", partial(baler, path, keywords, raw)) for name, keywords in variants.quick()),
        ("default, model at hand", "file", partial(ready, path, raw)),
        *((name, "file", partial(root, rounded, name, raw)) for name in ROOT_FILES),
        *((one.name, "float columns", partial(peer, one, floats)) for one in columnwise.PEERS),
    ]
    rows = []
    for name, what, job in jobs:
        rows.append({"file": path.stem, "what": name, "of": what, **job()})
        print(rows[-1], file=sys.stderr)
    return rows


def main() -> None:
    """Measure, print and store."""
    warnings.simplefilter("ignore")
    names = command_line.names(__doc__)
    for path in sources.chosen(names or FILES):
        if not names and path.stem not in FILES:
            continue
        rows = compare(path)
        results.show(f"Throughput of {path.stem} at {BOUND}", rows, {})
        summary = {"bound": BOUND, "threads": os.environ.get("OMP_NUM_THREADS", "not limited")}
        results.update("throughput", results.merged("throughput", rows, "file", "what"), summary)
