"""A demonstration on toy events: sizes, errors and times at several bounds, compared with ROOT files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import baler_root
from baler_root.format.bounds import ErrorBound, measure

from .toys import nanoaod, write_tree

if TYPE_CHECKING:
    import awkward as ak

BOUNDS = ("lossless", "rel=1e-4", "rel=1e-3", "rel=1e-2", "bits=10")
"""Error bounds that are demonstrated, one file each."""

ENTRIES = 50_000
"""Default number of events."""

TREE = "Events"


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One file of the table; sizes in bytes, times in seconds."""

    file: str
    what: str
    size: int
    to_zlib: float
    """Size as a share of the ROOT file with ZLIB-1."""
    to_lzma: float
    """Size as a share of the ROOT file with LZMA-9."""
    bound: str
    largest_error: float
    """Largest |y − x| / |x| of all floating-point values, measured by reading the file back."""
    violations: int
    write_seconds: float
    read_seconds: float


def run_demo(
    folder: Path, entries: int = ENTRIES, seed: int = 1, log: Callable[[str], None] = lambda _: None
) -> Iterator[DemoRow]:
    """Writes toy events as ROOT files and as `.baler` files at several bounds, and reads each file back.

    The files stay in `folder`. `log` receives one line as each step begins. Raises OutputError or
    ConfigError.
    """
    import uproot

    log(f"making {entries} toy events")
    events = nanoaod(entries, seed)
    zlib = lzma = 0
    for name, what, compression in (
        ("sample-zlib1.root", "ROOT, ZLIB-1", uproot.ZLIB(1)),
        ("sample-lzma9.root", "ROOT, LZMA-9", uproot.LZMA(9)),
    ):
        log(f"writing {name}")
        path = folder / name
        started = time.perf_counter()
        write_tree(path, TREE, events, compression)
        written = time.perf_counter() - started
        size = path.stat().st_size
        zlib, lzma = (zlib or size), size
        started = time.perf_counter()
        with uproot.open(path) as file:
            source = file[TREE].arrays()
        read = time.perf_counter() - started
        yield DemoRow(name, what, size, size / zlib, size / lzma, "lossless", 0.0, 0, written, read)
    original = folder / "sample-zlib1.root"
    for bound in BOUNDS:
        name = f"sample-{bound.replace('=', '')}.baler"
        log(f"compressing at {bound}")
        started = time.perf_counter()
        summary = baler_root.compress(str(original), str(folder / name), bound=bound, overwrite=True)
        written = time.perf_counter() - started
        started = time.perf_counter()
        with baler_root.open(str(folder / name)) as file:
            decompressed = file[TREE].arrays()
        read = time.perf_counter() - started
        bounds = {branch.path: ErrorBound.parse(branch.bound) for branch in summary.trees[0].branches}
        error, missed = compare(source, decompressed, bounds)
        size = summary.size
        yield DemoRow(
            name, f".baler, {bound}", size, size / zlib, size / lzma, bound, error, missed, written, read
        )


def compare(original: ak.Array, decompressed: ak.Array, bounds: dict[str, ErrorBound]) -> tuple[float, int]:
    """(Largest relative error, number of values that miss their bound) over all branches.

    A list of another length counts as a missed value.
    """
    import awkward as ak

    largest, missed = 0.0, 0
    for name in original.fields:
        x, y = (np.asarray(ak.flatten(array[name], axis=None)) for array in (original, decompressed))
        if original[name].ndim > 1:
            missed += int(np.count_nonzero(ak.num(original[name]) != ak.num(decompressed[name])))
        missed += measure(x, y, bounds[name]).violations
        if x.dtype.kind == "f":
            largest = max(largest, measure(x, y, ErrorBound("rel", 0.5)).max)
    return largest, missed
