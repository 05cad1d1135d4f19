"""What a file costs: bytes by part, beside ROOT files of the same events, and the time and energy of coding.

ROOT files are written from a sample of the events, in one basket for each branch, and scaled to all: as they are, and with
floats rounded to the mantissa bits that hold the bounds of the compressed file (the fair rival: what ROOT's own
compression can do with as much error).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.api.compress import compress
from baler_root.compression.rules.rules import Rules
from baler_root.evaluation.report.energy_meter import Effort, Meter
from baler_root.evaluation.report.rounding_offsets import scaled
from baler_root.format.binary.bit_patterns import MANTISSA_BITS, round_mantissa
from baler_root.format.bounds import ErrorBound
from baler_root.rootio.source import RootSource, SourceTree
from baler_root.rootio.write import write_root

if TYPE_CHECKING:
    import awkward as ak
from baler_root.training.options import LatentOptions, TrainingOptions

COMPRESSIONS = ("zlib-1", "zstd-5", "lzma-9")


BOUNDS = ("rel=1e-2", "rel=3e-3", "rel=1e-3", "rel=3e-4", "rel=1e-4", "lossless")


SAMPLE = 30_000
"""Entries of each tree that ROOT files are written from."""


BLOCKS = 4
"""Places spread over the tree that they are taken from."""


@dataclass(frozen=True, slots=True)
class RootSize:
    """A ROOT file of the same trees; bytes of all events."""

    compression: str
    as_is: int
    rounded: int
    """With floats rounded within the bounds."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One pair of files; sizes in bytes."""

    original: int
    compressed: int
    in_memory: int
    parts: Mapping[str, int]
    """Of the compressed file."""
    root: tuple[RootSize, ...]
    by_bound: Mapping[str, int]
    """Size with one bound for all floating-point branches, codec `classic`."""
    sampled: int
    """Entries that the ROOT files, and those of other bounds, were made from."""
    entries: int
    decode: Effort
    encode: Effort | None
    """None where it was not measured."""
    encode_note: str

    @property
    def ratio(self) -> float:
        """Of the original file."""
        return self.compressed / self.original


@dataclass(frozen=True, slots=True)
class Rivals:
    """Sizes of other files of the same trees, and the entries that they are taken from."""

    root: tuple[RootSize, ...]
    by_bound: Mapping[str, int]
    sampled: int


def rivals(source: RootSource, bounds: Mapping[str, Mapping[str, str]]) -> Rivals:
    """Sizes of ROOT files of all trees, and of `.baler` files with other bounds.

    `bounds`: by path of the tree, then of the branch. Other objects of the file (histograms) are not counted.
    """
    totals = {compression: [0.0, 0.0] for compression in COMPRESSIONS}
    by_bound = dict.fromkeys(BOUNDS, 0.0)
    entries = 0
    for key in source.tree_keys():
        tree = source.open_tree(key)
        if tree.same_as or not tree.schema.num_entries:
            continue
        stored = [branch for branch in tree.schema.stored() if not tree.schema.branches[branch].missing]
        arrays = _sample(tree, stored)
        count = len(next(iter(arrays.values())))
        entries += count
        asked = bounds.get(tree.schema.path, {})
        rounded = {b: _rounded(a, asked.get(tree.schema.path_of(b), "lossless")) for b, a in arrays.items()}
        scale = tree.schema.num_entries / count
        with tempfile.TemporaryDirectory(prefix="baler-root-report-") as folder:
            path = Path(folder) / "sample.root"
            for compression in COMPRESSIONS:
                for position, kept in enumerate((arrays, rounded)):
                    totals[compression][position] += _size(path, tree, kept, count, compression) * scale
            _size(path, tree, arrays, count, "lz4-1")
            for bound in BOUNDS:
                made = compress(
                    path, path.with_suffix(".baler"), bound=bound, codec="classic", overwrite=True
                )
                by_bound[bound] += made.size * scale
    return Rivals(
        tuple(RootSize(name, round(as_is), round(lossy)) for name, (as_is, lossy) in totals.items()),
        {bound: round(size) for bound, size in by_bound.items()},
        entries,
    )


def encoding(source: str, provenance: Mapping[str, Any], even_if_slow: bool) -> tuple[Effort | None, str]:
    """What compressing takes, found by doing it again as the file says it was done; None, and why, where that is not done.

    Files that networks were trained for are compressed again only `even_if_slow`.
    """
    if "model" in provenance:
        return None, "not measured: the file was made with a model from another file"
    codec, level = provenance["codec"], provenance.get("level")
    if level not in (None, "fast") and not even_if_slow:
        return None, f"not measured: networks were trained (level {level}); --time-encoding does it again"
    training = TrainingOptions(level or "default", provenance.get("train_seconds"), provenance.get("seed", 0))
    chosen = None if codec == "conditional" else codec
    if "residual" in provenance:
        names = ("latents", "residual", "outliers", "clusters")
        chosen = LatentOptions(codec, **{name: provenance[name] for name in names})
    meter = Meter()
    with tempfile.TemporaryDirectory(prefix="baler-root-report-") as folder, meter:
        again = Path(folder) / "again.baler"
        compress(
            source,
            again,
            rules=Rules.from_json(provenance["rules"]),
            trees=provenance["trees"],
            codec=chosen,
            training=training,
            cluster_size=provenance["cluster_size"],
            skip_unsupported=True,
        )
    return meter.effort(), "compressed again as the file says it was made"


def rounded_to(values: NDArray[Any], bound: ErrorBound) -> NDArray[Any]:
    """Floats rounded to as few mantissa bits (`abs`: to multiples of as large a power of two) as hold the bound."""
    if values.dtype.kind != "f" or bound.kind == "lossless":
        return values
    with np.errstate(all="ignore"):
        if bound.kind == "abs":
            step = 2.0 ** math.floor(math.log2(2 * bound.value))
            out = (np.rint(values.astype(np.float64) / step) * step).astype(values.dtype)
        else:
            bits = (
                int(bound.value) if bound.kind == "bits" else max(0, math.ceil(-math.log2(bound.value)) - 1)
            )
            out = round_mantissa(values, min(bits, MANTISSA_BITS[values.dtype.itemsize]))
    return np.where(np.isfinite(values) & np.isfinite(out), out, values)


def _sample(tree: SourceTree, stored: Sequence[int]) -> dict[int, ak.Array]:
    import awkward as ak

    total = tree.schema.num_entries
    if total <= SAMPLE:
        return tree.read(stored, 0, total)
    length = SAMPLE // BLOCKS
    starts = [round(start) for start in np.linspace(0, total - length, BLOCKS)]
    blocks = [tree.read(stored, start, start + length) for start in starts]
    return {branch: ak.to_packed(ak.concatenate([block[branch] for block in blocks])) for branch in stored}


def _rounded(array: ak.Array, text: str) -> ak.Array:
    import awkward as ak

    bound = scaled(text, 1.0)
    if bound.kind == "lossless":
        return array

    def visit(layout: Any, **_: Any) -> Any:
        if layout.is_numpy and layout.dtype.kind == "f":
            flat = np.ascontiguousarray(layout.data)
            values = rounded_to(flat.reshape(-1), bound).reshape(flat.shape)
            return ak.contents.NumpyArray(values, parameters=layout.parameters)
        return None

    return ak.transform(visit, array)


def _size(path: Path, tree: SourceTree, arrays: dict[int, ak.Array], count: int, compression: str) -> int:
    schema = replace(tree.schema, num_entries=count)

    def clusters() -> Iterator[dict[int, ak.Array]]:
        yield arrays

    write_root(path, [(schema, clusters)], compression=compression)
    return path.stat().st_size
