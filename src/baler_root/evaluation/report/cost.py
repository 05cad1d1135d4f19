"""Cost of a file: bytes by part, sizes of ROOT files with the same events, and time and energy of coding.

ROOT files are written from a sample of the events, with one basket for each branch, and their sizes are
scaled to all events. They are written twice: unchanged, and with floats rounded to the mantissa bits that the
bounds of the compressed file require. The rounded ones are the fair comparison: ROOT's own compression with
the same error.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baler_root.api.compress import compress
from baler_root.compression.rules.rules import Rules
from baler_root.evaluation.report.energy_meter import Meter, ResourceUse
from baler_root.evaluation.report.rounded_floats import rounded_array
from baler_root.format.bounds import ErrorBound
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import SourceTree
from baler_root.rootio.write import write_root

if TYPE_CHECKING:
    import awkward as ak
from baler_root.training.options import LatentOptions, TrainingOptions

COMPRESSIONS = ("zlib-1", "zstd-5", "lzma-9")
"""Compressions of the ROOT files."""

BOUNDS = ("rel=1e-2", "rel=3e-3", "rel=1e-3", "rel=3e-4", "rel=1e-4", "lossless")
"""Bounds for the plot of size against bound."""

SAMPLE = 30_000
"""Entries of each tree in the ROOT files."""

BLOCKS = 4
"""Blocks of consecutive entries, spread over the tree, that make up the sample."""


@dataclass(frozen=True, slots=True)
class RootSize:
    """Size of a ROOT file of the same trees, in bytes for all events."""

    compression: str
    as_is: int
    """Size with unchanged values."""
    rounded: int
    """Size with floats rounded within the bounds."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one compressed file; sizes in bytes."""

    original: int
    compressed: int
    in_memory: int
    parts: Mapping[str, int]
    """Bytes of the compressed file by part."""
    root: tuple[RootSize, ...]
    by_bound: Mapping[str, int]
    """Size with codec `classic` and this bound for all floating-point branches."""
    sampled: int
    """Entries in the ROOT files and in the files with other bounds."""
    entries: int
    decode: ResourceUse
    encode: ResourceUse | None
    """Time and energy of compression; None if not measured."""
    encode_note: str
    """Method by which `encode` was measured, or the reason why it was not."""

    @property
    def ratio(self) -> float:
        """Size of the compressed file as a share of the original."""
        return self.compressed / self.original


@dataclass(frozen=True, slots=True)
class Rivals:
    """Sizes of other files of the same trees."""

    root: tuple[RootSize, ...]
    by_bound: Mapping[str, int]
    """Size of the `.baler` file by bound."""
    sampled: int
    """Entries in these files, before scaling."""


def rivals(source: RootSource, bounds: Mapping[str, Mapping[str, str]]) -> Rivals:
    """Sizes of ROOT files of all trees, and of `.baler` files with other bounds.

    `bounds` has the bound by path of the tree and name of the column (`branch` or `branch.field`). Objects
    other than trees are not counted.
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
        stated = bounds.get(tree.schema.path, {})
        rounded = {
            branch: _rounded(array, tree.schema.path_of(branch), stated) for branch, array in arrays.items()
        }
        scale = tree.schema.num_entries / count
        with tempfile.TemporaryDirectory(prefix="baler-root-report-") as folder:
            path = Path(folder) / "sample.root"
            for compression in COMPRESSIONS:
                for position, written in enumerate((arrays, rounded)):
                    totals[compression][position] += _size(path, tree, written, count, compression) * scale
            _size(path, tree, arrays, count, "lz4-1")
            for bound in BOUNDS:
                summary = compress(
                    path, path.with_suffix(".baler"), bound=bound, codec="classic", overwrite=True
                )
                by_bound[bound] += summary.size * scale
    return Rivals(
        tuple(RootSize(name, round(as_is), round(lossy)) for name, (as_is, lossy) in totals.items()),
        {bound: round(size) for bound, size in by_bound.items()},
        entries,
    )


def encoding(
    source: str, provenance: Mapping[str, Any], even_if_slow: bool
) -> tuple[ResourceUse | None, str]:
    """(Time and energy of compression, how they were measured); (None, reason) if not measured.

    The file is compressed again with the options in its provenance. If that trains networks, it is done only
    with `even_if_slow`.
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
    return meter.total(), "compressed again with the options stated in the file"


def _sample(tree: SourceTree, stored: Sequence[int]) -> dict[int, ak.Array]:
    import awkward as ak

    total = tree.schema.num_entries
    if total <= SAMPLE:
        return tree.read(stored, 0, total)
    length = SAMPLE // BLOCKS
    starts = [round(start) for start in np.linspace(0, total - length, BLOCKS)]
    blocks = [tree.read(stored, start, start + length) for start in starts]
    return {branch: ak.to_packed(ak.concatenate([block[branch] for block in blocks])) for branch in stored}


def _rounded(array: ak.Array, name: str, bounds: Mapping[str, str]) -> ak.Array:
    """A branch with each of its fields rounded within the bound of its column."""
    return rounded_array(
        array, lambda field: ErrorBound.parse(bounds.get(f"{name}.{field}" if field else name, "lossless"))
    )


def _size(path: Path, tree: SourceTree, arrays: dict[int, ak.Array], count: int, compression: str) -> int:
    schema = replace(tree.schema, num_entries=count)

    def clusters() -> Iterator[dict[int, ak.Array]]:
        yield arrays

    write_root(path, [(schema, clusters)], compression=compression)
    return path.stat().st_size
