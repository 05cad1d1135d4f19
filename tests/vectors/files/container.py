"""Golden files of the container: clusters, trees, carried objects, generations."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from baler_root.api.compress import compress
from baler_root.api.merge import merge
from baler_root.rootio.leaves import Leaf, OutputBranch
from baler_root.rootio.ttree_writer import TTreeWriter
from tests.vectors.source import Made, Source, flat, from_root, write_trees


def clusters(target: Path) -> Made:
    """Several clusters and several pages in each; lists, bits and options cut between clusters."""
    rng = np.random.default_rng(11)
    counts = rng.poisson(2, 100)
    arrays = {
        "x": flat(rng.normal(size=100), "f4"),
        "list": ak.unflatten(np.arange(counts.sum(), dtype="u2"), counts),
    }
    arrays["maybe"] = ak.Array([None if i % 5 == 0 else i for i in range(100)])
    arrays["passed"] = flat(rng.random(100) < 0.5, "bool")
    return write_trees(
        target, Source("Events", arrays, {"x": "rel=0.001"}, cuts=(40, 1, 50, 9), groups=(1, 3, 2))
    )


def trees(target: Path) -> Made:
    """Several trees, one of them twice (two cycles of the same data), and one without branches' data in
    common.
    """
    first = {"x": flat(np.arange(50) * 1.5, "f4"), "n": flat(np.arange(50), "i4")}
    other = {"y": flat(np.arange(7) ** 3, "i8")}
    return write_trees(
        target,
        Source("Events", first, cycle=2, cuts=(30, 20)),
        Source("dir/Runs", other),
        Source("Events", first, cycle=1, same_as=0),
    )


def schema(target: Path) -> Made:
    """An early copy of the schema."""
    return write_trees(target, Source("Events", {"x": flat(np.arange(99), "f4")}, cuts=(33, 66)), schema=True)


def empty(target: Path) -> Made:
    """A ROOT tree without entries."""
    arrays = {"x": np.zeros(0, "f4"), "n": np.zeros(0, "i4")}
    return from_root(target, {"Events": arrays}, {})


def ttree(target: Path) -> Made:
    """A TTree from a ROOT file, in a directory, with a histogram and a string beside it."""
    rng = np.random.default_rng(12)
    arrays = {
        "run": np.full(60, 1, "u4"),
        "pt": rng.exponential(30, 60).astype("f4"),
        "Jet_e": ak.Array([[i * 0.5] * (i % 3) for i in range(60)]),
    }
    objects = {"dir/h": np.histogram(rng.normal(size=100), bins=10, range=(-3, 3)), "note": "carried along"}
    return from_root(target, {"dir/Events": arrays}, {"pt": "rel=0.001"}, objects)


def objects(target: Path) -> Made:
    """A TTree with histograms beside it, compressed by xz."""
    rng = np.random.default_rng(13)
    values = [rng.poisson(mean, 400) for mean in (5, 20)]
    histograms = {f"h{n}": (counts, np.arange(401.0)) for n, counts in enumerate(values)}
    return from_root(target, {"Events": {"n": np.arange(5, dtype="i4")}}, {}, histograms)


def raw(target: Path) -> Made:
    """A TTree with a weight and a raw branch of two baskets: a list of leaves of which two have one name."""
    leaves = [Leaf("x", np.dtype(np.int32)), Leaf("x", np.dtype(np.int32), offset=4)]
    odd = OutputBranch("odd", "x/I:x/I", leaves, 1)
    numbers = np.arange(30, dtype=np.int32)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.root"
        with uproot.recreate(source, compression=None, uuid_function=lambda: uuid.UUID(int=1)) as file:
            number = OutputBranch("number", "number/I", [Leaf("number", np.dtype(np.int32))], 0)
            writer = TTreeWriter(file, "Events", "", [number, odd], {}, weight=2.5)
            writer._fill_flat(number, numbers)
            pairs = np.stack([numbers, -numbers], 1).astype(">i4")
            for part in (pairs[:20], pairs[20:]):
                writer._basket(odd, part.tobytes(), len(part), 8)
            writer.num_entries = len(numbers)
            writer.close()
        with uproot.open(source) as file:
            position = int(file["Events"]["odd"].basket(0).member("fKeylen"))
        compress(source, target, bound="lossless", cluster_size=16)
    baskets = np.zeros(30, np.uint32)
    baskets[[0, 20]] = position
    arrays = {
        "number": ak.Array(numbers),
        "odd": ak.Array({"bytes": [pair.tobytes() for pair in pairs], "basket": baskets}),
    }
    return Made([Source("Events", arrays, {})], {})


def rntuple(target: Path) -> Made:
    """An RNTuple from a ROOT file: nested lists and strings."""
    arrays = {
        "x": np.arange(40, dtype="f4"),
        "name": ak.Array([f"n{i}" for i in range(40)]),
        "deep": ak.Array([[[i] * (i % 3), []] for i in range(40)]),
    }
    return from_root(target, {"Events": arrays}, {"x": "abs=0.1"}, kind="rntuple")


def merged(target: Path) -> Made:
    """Two files merged: a second generation, with appended pages and a superseded footer."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for i, n in enumerate((30, 20)):
            part = Path(folder) / f"{i}.baler"
            arrays = {
                "x": flat(np.arange(n) * 0.25 + i, "f4"),
                "l": ak.Array([[j] * (j % 3) for j in range(n)]),
            }
            parts.append(write_trees(part, Source("Events", arrays, {"x": "rel=0.01"})).trees[0])
        merge([Path(folder) / "0.baler", Path(folder) / "1.baler"], target)
    joined = {name: ak.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays}
    return Made([Source("Events", joined, parts[0].bounds)])
