"""MB of arrays per second of processor time, one thread, for encoding and decoding; all rivals in one run.

`.baler` and ROOT rows measure whole files. For `.baler`, encoding begins with a ROOT file in the page cache
and includes training, decoding and checking of all values; for ROOT it begins with arrays. Both are read
into awkward arrays, ROOT files by uproot. The other rivals encode and decode floating-point columns from
and to arrays; checking is not included.

`python -m benchmarks run throughput [NAME…]`
"""

from __future__ import annotations

import os
import sys
import tempfile
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
from benchmarks.record.timing import processor_time
from benchmarks.rivals import columnwise_compressors, uproot_files
from benchmarks.rivals.compressors import Stream
from benchmarks.run.size import bounded, compress

BOUND = "rel=1e-3"
FILES = ("pythia_jets_365k", "cms_llp_jets_train", "gamgam")
ROOT_FILES = ("ttree-lzma9", "ttree-zstd5")


def baler(path: Path, keywords: dict[str, Any], raw: int) -> dict[str, Any]:
    """Rates and size of one variant of `.baler`."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.baler"
        compress = partial(baler_root.compress, bound=BOUND, skip_unsupported=True, **keywords)
        encoding, summary = processor_time(partial(compress, path, target))
        sources.read_all(baler_root.open, target)  # the first call imports and compiles libraries
        decoding, _ = processor_time(partial(sources.read_all, baler_root.open, target))
    return rates(raw, summary.size, encoding, decoding)


def ready(path: Path, raw: int) -> dict[str, Any]:
    """Rates and size with a model trained on the same file before; the time of training is not included."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "ready.balermodel"
        baler_root.train(path, model, bound=BOUND)
        return baler(path, {"model": model}, raw)


def root(trees: list[sources.Tree], rival: str, raw: int) -> dict[str, Any]:
    """Rates and size of a ROOT file written and read by uproot."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "rival.root"
        encoding, size = processor_time(partial(uproot_files.write, trees, rival, target))
        sources.read_all(uproot.open, target)
        decoding, _ = processor_time(partial(sources.read_all, uproot.open, target))
    return rates(raw, size, encoding, decoding)


def column_rates(rival: columnwise_compressors.Rival, floats: list[Column]) -> dict[str, Any]:
    """Rates and size of one rival on the floating-point columns."""
    encoding = decoding = 0.0
    size = raw = 0
    for _, values, bound in floats:
        prepare = partial(rival.prepare, values, bound)
        seconds, prepared = processor_time(prepare)
        encoded: columnwise_compressors.Encoded | Stream | None = None
        if prepared is not None:
            seconds_packing, packed = processor_time(partial(rival.encode, prepared))
            seconds += seconds_packing
            encoded = columnwise_compressors.with_missed_values(packed, values, bound)
        if encoded is None:
            seconds_packing, encoded = processor_time(partial(columnwise_compressors.exact, rival, values))
            seconds += seconds_packing
        encoding += seconds
        decode = encoded.values if isinstance(encoded, Stream) else encoded.decode
        decoding += processor_time(decode)[0]
        size += len(encoded.data) if isinstance(encoded, Stream) else encoded.size
        raw += values.nbytes
    return rates(raw, size, encoding, decoding)


def rates(raw: int, size: int, encoding: float, decoding: float) -> dict[str, Any]:
    """Size [bytes] and rates [MB of arrays per second]."""
    return {
        "MB of arrays": round(raw / 1e6, 2),
        "size": size,
        "encode MB/s": round(raw / 1e6 / max(encoding, 1e-9), 1),
        "decode MB/s": round(raw / 1e6 / max(decoding, 1e-9), 1),
    }


def compare(path: Path) -> list[dict[str, Any]]:
    """Rows of one file."""
    trees = [tree for tree in sources.read(path) if tree.branches]
    _, bound_of = compress(path, BOUND, "classic", {"codec": "classic"})
    all_columns = list(columns(trees, bound_of))
    raw = sum(column.values.nbytes for column in all_columns)
    floats = [column for column in all_columns if column.bound.kind != "lossless" and column.values.size]
    rounded = bounded(trees, bound_of)
    jobs: list[tuple[str, str, Callable[[], dict[str, Any]]]] = [
        *((name, "file", partial(baler, path, keywords, raw)) for name, keywords in variants.quick()),
        ("default, model at hand", "file", partial(ready, path, raw)),
        *((name, "file", partial(root, rounded, name, raw)) for name in ROOT_FILES),
        *(
            (rival.name, "float columns", partial(column_rates, rival, floats))
            for rival in columnwise_compressors.RIVALS
        ),
    ]
    rows = []
    for name, what, job in jobs:
        rows.append({"file": path.stem, "what": name, "of": what, **job()})
        print(rows[-1], file=sys.stderr)
    return rows


def main() -> None:
    """Measure, print and store the results."""
    warnings.simplefilter("ignore")
    names = command_line.names(__doc__)
    for path in sources.chosen(names or FILES):
        if not names and path.stem not in FILES:
            continue
        rows = compare(path)
        results.show(f"Throughput of {path.stem} at {BOUND}", rows, {})
        summary = {"bound": BOUND, "threads": os.environ.get("OMP_NUM_THREADS", "not limited")}
        results.update("throughput", results.merged("throughput", rows, "file", "what"), summary)
