"""Golden files of `formats/vectors`: `python -m tests.vectors write NAME ...` (or `all`), `list`.

A file that exists is never written again: what it holds is a promise to readers. What was put into a file is
recorded beside it from the source, not from any reader. Names that begin with `bad/` are in `bad.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from baler_root.api.compress import compress
from baler_root.api.merge import merge
from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.plan import GroupModel, Plan, plan_columns
from baler_root.compression.relations.fit import PlannedRelation
from baler_root.dataset.reader.file_reader import open_file
from baler_root.format.binary.packed import unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.classic.codec import _read_entry
from baler_root.format.codecs.classic.streams import Coding, Transform
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.format.columns import flatten, plain_form, tree_columns
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import Manifest, StoredTree
from baler_root.format.container.references import Detached, KnownColumn
from baler_root.format.container.write import ContainerWriter
from baler_root.format.encodings.lookup import Lookup
from baler_root.format.encodings.relations import Formula, Sum
from baler_root.format.model_file import StoredModel, write_model_file
from baler_root.format.page import Page
from baler_root.format.schema import Branch, Tree
from baler_root.format.statistics import pack_statistics
from baler_root.format.tables import find_tables
from tests.helpers.models import (
    attending,
    convolving,
    following,
    growing,
    latents_from,
    learned,
    list_model,
    model_of_table,
    random_autoencoder,
    with_coding,
)

FOLDER = Path(__file__).parents[2] / "formats" / "vectors"
LONG = 100
"""Values of a lossless flat branch above which the sidecar has a digest and the first few instead of all."""


@dataclass
class Source:
    """One tree as it goes in."""

    path: str
    arrays: dict[str, ak.Array]
    bounds: dict[str, str] = field(default_factory=dict)
    """By branch; others are lossless."""
    cycle: int = 1
    cuts: tuple[int, ...] = ()
    """Entries of each cluster; default: one cluster."""
    groups: tuple[int, ...] = ()
    """Columns of each page; default: one page."""
    storage: dict[str, str] = field(default_factory=dict)
    """uproot's interpretation, by branch."""
    aliases: dict[str, str] = field(default_factory=dict)
    same_as: int | None = None
    sums: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """Columns that are sums of others: sign and column of each term."""
    relations: dict[int, PlannedRelation] = field(default_factory=dict)
    """Columns that are formulas or looked up."""
    parents: dict[int, Sequence[int] | None] = field(default_factory=dict)
    """Flat branches that a model knows: its numbers of the columns that tell of each, None if nothing does."""
    histograms: tuple[int, ...] = ()
    """Which of the model's columns have histograms and not networks."""
    made: tuple[Callable[[Plan, Sequence[Any]], tuple[GroupModel, bytes]], ...] = ()
    """Each makes a model of one page from the columns of the first cluster."""
    codec: str = "conditional"
    """Of pages where there is a model."""

    @property
    def entries(self) -> int:
        return len(next(iter(self.arrays.values())))

    def plan(self) -> Plan:
        """What the compressor would decide, decided here."""
        branches = tuple(
            Branch(name, None, "vector", f"title of {name}", self.storage.get(name, ""), plain_form(array))
            for name, array in self.arrays.items()
        )
        schema = Tree(self.path, self.cycle, "TTree", "title", self.entries, branches, self.aliases)
        columns = tree_columns(schema)
        bounds = tuple(
            ErrorBound.parse(
                self.bounds.get(branches[c.branch].name, "lossless") if c.role == "data" else "lossless"
            )
            for c in columns
            if c.has_values
        )
        relations = {
            number: PlannedRelation(Sum(terms)) for number, terms in self.sums.items()
        } | self.relations
        return Plan(schema, plan_columns(schema, bounds), self.groups or (len(columns),), relations=relations)


@dataclass
class Made:
    """What was put into a file."""

    trees: list[Source]
    objects: dict[str, Any] = field(default_factory=dict)


def flat(values: Any, dtype: str) -> ak.Array:
    """A branch of numbers, or of fixed-size arrays of them."""
    return ak.Array(np.asarray(values).astype(dtype))


def bits(values: Sequence[int], dtype: str) -> ak.Array:
    """Floats by their bit patterns."""
    return ak.Array(np.array(values, f"u{np.dtype(dtype).itemsize}").view(dtype))


def write_trees(target: Path, *trees: Source, schema: bool = False, detach: bool = False) -> Made:
    """Write trees straight from arrays, through no ROOT file; with `detach`, models into a file beside it."""
    stored: list[StoredTree] = []
    models: list[StoredModel] = []
    codecs = tuple(dict.fromkeys(("classic", *(t.codec for t in trees if t.parents or t.made))))
    beside = target.with_suffix(".balermodel")
    with ContainerWriter(target) as writer:
        if schema:
            writer.write_block(BlockKind.SCHEMA, Manifest(tuple(_stored(t, (), []) for t in trees)).pack())
        for number, tree in enumerate(trees):
            plan, records, lists, start = tree.plan(), [], [], 0
            cuts = () if tree.same_as is not None else tree.cuts or (tree.entries,)
            if tree.parents:
                flat_arrays = {
                    i: ak.to_numpy(array[: cuts[0]]) for i, array in enumerate(tree.arrays.values())
                }
                model, data = learned(plan, flat_arrays, tree.parents, tree.histograms)
                if detach:
                    models.append(StoredModel.of(tree.path, _known(tree), data))
                else:
                    writer.write_block(BlockKind.MODEL, data, number)
                plan = replace(plan, codec="conditional", models=(model,))
            if tree.made:
                head = {i: array[: cuts[0]] for i, array in enumerate(tree.arrays.values())}
                found = [make(plan, flatten(plan.schema, plan.columns, head)) for make in tree.made]
                for _, data in found:
                    writer.write_block(BlockKind.MODEL, data, number)
                plan = replace(plan, codec=tree.codec, models=tuple(model for model, _ in found))
            for cluster, entries in enumerate(cuts):
                whole = entries == tree.entries  # a slice changes the form of bit masks
                arrays = {
                    i: array if whole else array[start : start + entries]
                    for i, array in enumerate(tree.arrays.values())
                }
                encoded = encode_cluster(plan, arrays, entries)
                for group, page in enumerate(encoded.pages):
                    codec = codecs.index(plan.codec)
                    writer.write_page(number, cluster, group, codec, page.payload, page.length, page.digest)
                records.append(encoded.records)
                lists.append(encoded.lists)
                start += entries
            if cuts:
                writer.write_block(BlockKind.STATISTICS, pack_statistics(np.stack(records)), number)
            stored.append(_stored(tree, cuts, lists))
        writer.finish(
            lambda blocks, superseded: Manifest(
                tuple(stored),
                codecs,
                blocks=tuple(blocks),
                superseded=tuple(superseded),
                provenance={"made": "golden file"},
                detached=tuple(Detached(m.trained.digest, len(m.data), beside.name) for m in models),
            )
        )
    if models:
        write_model_file(beside, models, {"made": "golden file"})
    return Made(list(trees))


def _known(tree: Source) -> list[KnownColumn]:
    """The columns that the model of a tree knows."""
    arrays = list(tree.arrays.items())
    out = []
    for name, array in (arrays[number] for number in tree.parents):
        bound = tree.bounds.get(name, "lossless")
        out.append(KnownColumn(name, "", "data", str(ak.to_numpy(array).dtype), bound, bound))
    return out


def _stored(tree: Source, cuts: tuple[int, ...], lists: list[list[int]]) -> StoredTree:
    """What the manifest says of a tree."""
    plan = tree.plan()
    bounds = tuple((str(bound), "chosen") for bound in [c.bound for c in plan.columns if c.has_values])
    if tree.same_as is not None:
        return StoredTree(plan.schema, bounds=bounds, same_as=tree.same_as)
    keys = list(zip(*lists, strict=True)) if lists else [(i,) for i in range(len(plan.columns))]
    found, tables = find_tables(plan.schema, plan.columns, keys)
    out = StoredTree(plan.schema, cuts, (plan.groups,), (0,) * len(cuts), bounds, found, tables)
    return out if cuts else out.emptied()


# ---- the files


def integers(target: Path) -> Made:
    """Flat integers and booleans, lossless."""
    rng = np.random.default_rng(1)
    arrays = {
        f"{kind}{size}": rng.integers(0, 100, 200) for kind in ("int", "uint") for size in (8, 16, 32, 64)
    }
    branches = {name: flat(values - (50 if name[0] == "i" else 0), name) for name, values in arrays.items()}
    branches["run"] = flat(np.full(200, 362204), "uint32")
    branches["event"] = flat(10**12 + np.cumsum(rng.integers(1, 9, 200)), "uint64")
    branches["extremes"] = flat([2**63 - 1, -(2**63)] * 100, "int64")
    branches["passed"] = flat(rng.random(200) < 0.2, "bool")
    branches["always"] = flat(np.ones(200), "bool")
    return write_trees(target, Source("Events", branches, aliases={"twice": "2*run"}))


def floats(target: Path) -> Made:
    """Flat floats, lossless, with NaN payloads, infinities, zeros of both signs and subnormals."""
    special = {
        "float16": [0x7C00, 0xFC00, 0x7E00, 0x7D01, 0xFE55, 0x8000, 0x0001, 0x3C00],
        "float32": [0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFC12345, 0x80000000, 1, 0x3F800000],
        "float64": [
            0x7FF << 52,
            0xFFF << 52,
            0x7FF8 << 48,
            (0x7FF << 52) + 1,
            (0xFFF8 << 48) + 99,
            1 << 63,
            1,
            0x3FF << 52,
        ],
    }
    arrays = {f"special_{dtype}": ak.concatenate([bits(v, dtype)] * 5) for dtype, v in special.items()}
    normal = np.random.default_rng(2).normal(size=40)
    arrays |= {dtype: flat(normal, dtype) for dtype in special}
    arrays["float_in_double"] = flat(normal.astype("f4"), "f8")
    return write_trees(target, Source("Events", arrays))


def relative(target: Path) -> Made:
    """`rel` bounds: log recipes with few and many steps, atoms, outliers."""
    rng = np.random.default_rng(3)
    pt = rng.exponential(30, 300) + 3
    pt[::40], pt[5], pt[7], pt[8], pt[9] = -999.0, np.nan, np.inf, -0.0, 1e-30
    arrays = {"half": flat(np.clip(pt, -999, 6e4), "f2"), "single": flat(pt, "f4"), "double": flat(pt, "f8")}
    arrays["signed"] = flat(rng.normal(0, 10, 300), "f4")
    bounds = {"half": "rel=0.01", "single": "rel=0.001", "double": "rel=1e-05", "signed": "rel=0.05"}
    return write_trees(target, Source("Events", arrays, bounds))


def absolute(target: Path) -> Made:
    """`abs` bounds: linear recipes of floats and integers."""
    rng = np.random.default_rng(4)
    phi = rng.uniform(-3.14, 3.14, 300)
    phi[::50], phi[3] = -999.0, np.nan
    arrays = {
        "half": flat(rng.uniform(-3, 3, 300), "f2"),
        "single": flat(phi, "f4"),
        "double": flat(phi, "f8"),
    }
    arrays["adc"] = flat(rng.normal(2000, 100, 300), "i4")
    arrays["wide"] = flat(rng.normal(0, 1e15, 300), "i8")
    arrays["unsigned"] = ak.Array(np.uint64(1 << 63) + rng.integers(0, 10**12, 300).astype("u8"))
    bounds = {"half": "abs=0.1", "single": "abs=0.001", "double": "abs=1e-06"}
    bounds |= {"adc": "abs=10", "wide": "abs=1000000", "unsigned": "abs=5"}
    return write_trees(target, Source("Events", arrays, bounds))


def mantissa(target: Path) -> Made:
    """`bits` bounds and mantissas that are short already: shift recipes."""
    rng = np.random.default_rng(5)
    energy = rng.normal(0, 1, 300) * np.exp(rng.normal(3, 2, 300))
    energy[::60] = -1.0
    truncated = (flat(energy, "f4").to_numpy().view("u4") & np.uint32(0xFFFFE000)).view("f4")
    arrays = {
        "half": flat(np.clip(energy, -6e4, 6e4), "f2"),
        "single": flat(energy, "f4"),
        "double": flat(energy, "f8"),
    }
    arrays |= {"truncated": ak.Array(truncated), "large": flat(rng.normal(0, 1e12, 300), "i8")}
    bounds = {"half": "bits=5", "single": "bits=10", "double": "bits=16", "large": "bits=12"}
    return write_trees(target, Source("Events", arrays, bounds))


def jagged(target: Path) -> Made:
    """Lists with shared counts (copies), nested lists, strings, an empty column."""
    rng = np.random.default_rng(6)
    counts = rng.poisson(1.5, 80)
    total = int(counts.sum())
    arrays = {
        f"Muon_{name}": ak.unflatten(rng.normal(20, 5, total).astype("f4"), counts) for name in ("pt", "eta")
    }
    arrays["Muon_charge"] = ak.unflatten(rng.choice(np.array([-1, 1], "i4"), total), counts)
    arrays["nMuon"] = flat(counts, "i4")
    inner = rng.poisson(1, total)
    arrays["nested"] = ak.unflatten(ak.unflatten(np.arange(inner.sum(), dtype="i2"), inner), counts)
    words = ["", "µ", "HLT_IsoMu24", "a longer text"]
    arrays["word"] = ak.Array([words[i % 4] for i in range(80)])
    arrays["words"] = ak.Array([words[: i % 4] for i in range(80)])
    arrays["none"] = ak.unflatten(np.zeros(0, "f4"), np.zeros(80, "i8"))
    return write_trees(target, Source("Events", arrays, {"Muon_pt": "rel=0.001"}, groups=(2, 4, 11)))


def fixed(target: Path) -> Made:
    """Fixed-size arrays: smooth grids that need Lorenzo sums, lists of arrays, complex numbers."""
    rng = np.random.default_rng(7)
    x = np.arange(12)
    grid = (x[:, None] ** 2 + 3 * x[None, :] ** 2)[None] * rng.integers(1, 90, (20, 1, 1)) + rng.integers(
        0, 2, (20, 12, 12)
    )
    arrays = {"grid": flat(grid, "i4"), "vector": flat(rng.normal(size=(20, 3)), "f4")}
    smooth = np.sin(x[:, None] / 9 + x[None, :] / 9)[None] * rng.uniform(1, 2, (20, 1, 1))
    arrays["smooth"] = flat(smooth, "f8")
    arrays["pairs"] = ak.unflatten(ak.Array(rng.integers(0, 9, (30, 2)).astype("i2")), [3] * 10 + [0] * 10)
    arrays["wave"] = flat(np.exp(1j * np.arange(20)), "c8")
    return write_trees(target, Source("Events", arrays, {"smooth": "abs=0.001"}))


def frames(target: Path) -> Made:
    """Arrays that change little from entry to entry: differences along entries, alone and with those along axes."""
    rng = np.random.default_rng(10)
    still = rng.integers(0, 999, (6, 7)) + rng.integers(0, 3, (30, 6, 7)).cumsum(0)
    moving = rng.integers(0, 3, (30, 6, 7)).cumsum(0).cumsum(1).cumsum(2)
    arrays = {"rows": flat(still, "i4"), "grid": flat(moving, "u2")}
    return write_trees(target, Source("Events", arrays))


def grids(target: Path) -> Made:
    """Arrays told from coarse to fine: along rows and without, of one to three axes, of two types, with outliers."""
    rng = np.random.default_rng(28)
    t, y, x = np.arange(26.0)[:, None, None], np.arange(9.0)[:, None], np.arange(7.0)
    drifting = np.round(np.sin(t / 9 + y / 4) * np.cos(x / 3 - t / 12), 4)
    holes = np.round(drifting * 512) / 512
    holes[:, 3:5, 2:4] = 0.0
    holes[5, 0, :3], holes[9, 8, 6] = (np.nan, -np.inf, -999.0), -0.0
    waves = np.cos(np.arange(33) / rng.uniform(9, 25, (26, 1)) + rng.uniform(0, 6, (26, 1)))
    volume = np.sin(t[..., None] / 9 + x[:3, None, None] / 3) * np.cos(y[:6] / 4 + x[:5] / 5)
    arrays = {"drifting": flat(drifting, "f8"), "holes": flat(holes, "f4")}
    arrays |= {"waves": flat(np.round(waves, 4), "f8"), "volume": flat(np.round(volume * 512) / 512, "f4")}
    bounds = {"drifting": "abs=0.0005", "holes": "abs=0.01", "waves": "abs=0.004", "volume": "abs=0.1"}
    return write_trees(target, Source("Events", arrays, bounds, cuts=(25, 1), groups=(1, 2, 1)))


def transforms(target: Path) -> Made:
    """Columns for which each transform and coding is the smallest: dictionary, delta, bits, planes, constant."""
    rng = np.random.default_rng(8)
    arrays = {"dictionary": flat(rng.choice([1.5, -2.25e-3, 7e20, np.pi], 400), "f8")}
    arrays["delta"] = flat(np.cumsum(rng.choice([1, 1, 1, 1, 2], 400)) * 3 + 70000, "u4")
    arrays |= {f"trigger{i}": flat(rng.random(400) < 0.02 * i, "bool") for i in range(12)}
    arrays["constant"] = flat(np.full(400, -7), "i2")
    arrays["planes"] = flat(np.tile(rng.integers(0, 2**31, 20), 20), "i4")
    arrays["noise"] = flat(rng.normal(0, 300, 400), "i2")
    return write_trees(target, Source("Events", arrays))


def pco(target: Path) -> Made:
    """A pco stream of two chunks, the first of many pages."""
    return write_trees(target, Source("Events", {"event": flat(np.arange((1 << 22) + (1 << 18) + 5), "u4")}))


def records(target: Path) -> Made:
    """Records, tuples, options and unions as awkward has them."""
    rng = np.random.default_rng(9)
    maybe = ak.Array([None if i % 3 == 0 else i * 0.5 for i in range(30)])
    lists = ak.Array([None if i % 7 == 0 else [i] * (i % 4) for i in range(30)])
    point = ak.zip({"x": rng.normal(size=30).astype("f4"), "n": np.arange(30, dtype="i4")})
    pairs = ak.zip((np.arange(30, dtype="i2"), np.arange(30, dtype="u1")))
    mask = np.arange(30) % 4 == 1
    numbers = ak.contents.NumpyArray(np.arange(30, dtype="i4"))
    byte_masked = ak.Array(
        ak.contents.ByteMaskedArray(ak.index.Index8(mask.astype("i1")), numbers, valid_when=False)
    )
    unmasked = ak.Array(ak.contents.UnmaskedArray(numbers))
    packed = np.packbits(mask, bitorder="little")
    bit_masked = ak.contents.BitMaskedArray(
        ak.index.IndexU8(packed), numbers, valid_when=False, length=30, lsb_order=True
    )
    union = ak.Array([i if i % 2 else [i * 1.5] for i in range(30)])
    words = ak.Array(["a", "b", "unused"]).layout
    positions = ak.index.Index64(np.arange(30) % 2)
    category = ak.Array(ak.contents.IndexedArray(positions, words, parameters={"__array__": "categorical"}))
    arrays = {"maybe": maybe, "lists": lists, "point": point, "pairs": pairs, "byte_masked": byte_masked}
    arrays |= {"bit_masked": ak.Array(bit_masked), "nothing": ak.Array([[]] * 30)}
    arrays |= {"unmasked": unmasked, "union": union, "category": category}
    arrays["deep"] = ak.zip(
        {"a": ak.unflatten(point, [3] * 10), "b": ak.unflatten(maybe, [3] * 10)}, depth_limit=1
    )[np.arange(30) % 10]
    return write_trees(target, Source("Events", arrays, {"point": "abs=0.01"}))


def lattice(target: Path) -> Made:
    """`Double32_t` and `Float16_t` with a range, kept as integers."""
    rng = np.random.default_rng(10)
    integers = rng.integers(0, 1 << 12, 100).astype("u4")
    double = integers.astype("f8") * (20.0 / 4096) + -10.0
    single = (integers.astype("f8") * (6.5 / 4096) + -3.25).astype("f4")
    storage = {"double": "AsDouble32(-10.0, 10.0, 12)", "single": "AsFloat16(-3.25, 3.25, 12)"}
    return write_trees(
        target, Source("Events", {"double": ak.Array(double), "single": ak.Array(single)}, storage=storage)
    )


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
    """Several trees, one of them twice (two cycles of the same data), and one without branches' data in common."""
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


def conditional(target: Path) -> Made:
    """Columns coded with a model, in two clusters: relative, absolute, integer, boolean; values that it has no symbols for."""
    rng = np.random.default_rng(20)
    n = rng.poisson(3, 400) + 5
    pt = rng.exponential(30, 400) + n
    pt[::50], pt[7], pt[300], n[310], n[320] = -999.0, np.nan, 1e6, 99, -7
    plain = n * 2
    plain[350:370] += (
        500  # too many for outliers of the model: coded without it, beyond the axis it is a parent on
    )
    arrays = {
        "n": flat(n, "i4"),
        "pt": flat(pt, "f4"),
        "weight": flat(rng.normal(size=400), "f8"),
        "phi": flat(rng.uniform(-3, 3, 400), "f8"),
        "passed": flat(pt > 20, "bool"),
        "half": flat(np.minimum(pt, 999), "f2"),
        "plain": flat(plain, "u2"),
    }
    bounds = {"pt": "rel=0.01", "phi": "abs=0.01", "half": "bits=4"}
    # In the model's order: one parent comes later in the page, one has no network, and one column no parents.
    parents = {6: (), 5: None, 0: (0,), 1: (1, 2), 3: (2, 3), 4: (3,)}
    return write_trees(target, Source("Events", arrays, bounds, cuts=(250, 150), parents=parents))


def blocks(target: Path) -> Made:
    """A stream of two blocks, the second short."""
    rng = np.random.default_rng(21)
    flags = rng.random(65_600) < 0.01
    arrays = {"rare": flat(flags, "bool"), "same": flat(flags ^ (rng.random(65_600) < 0.002), "u1")}
    ends = np.ones(65_600)
    ends[[9, 65_590]] = 0, 2  # so rare that their codes are the first and the last
    arrays["ends"] = flat(ends, "u1")
    return write_trees(target, Source("Events", arrays, parents={2: (), 0: (0,), 1: (0, 1)}))


def histograms(target: Path) -> Made:
    """Columns coded with histograms: of none, one, two and three parents, a network among them."""
    rng = np.random.default_rng(23)
    rows = 401
    level = rng.integers(0, 5, rows)
    pt = rng.exponential(20, rows) + 5 * level
    pt[::90], pt[77] = np.nan, 1e9
    arrays = {
        "level": flat(level, "i2"),
        "pt": flat(pt, "f4"),
        "fired": flat(level > 2, "bool"),
        "more": flat(level * 7 + rng.integers(0, 9, rows), "u4"),
        "other": flat(level * 3, "u1"),
        "last": flat(rng.poisson(np.nan_to_num(pt.clip(0, 50))), "i8"),
    }
    parents = {0: (), 1: (0,), 2: (1,), 3: (2, 0), 4: (3,), 5: (1, 4, 3)}
    bounds, known = {"pt": "rel=0.05"}, (0, 1, 2, 3, 5)
    return write_trees(
        target,
        Source("Events", arrays, bounds, cuts=(rows - 1, 1), parents=parents, histograms=known),
    )


def detached(target: Path) -> Made:
    """Columns coded with a model that is in the `.balermodel` file beside it, and one that needs no model."""
    rng = np.random.default_rng(23)
    pt = rng.exponential(30, 300) + 5
    arrays = {
        "pt": flat(pt, "f4"),
        "tracks": flat(rng.poisson(pt / 4), "i4"),
        "alone": flat(rng.normal(size=300), "f4"),
    }
    bounds = {"pt": "rel=0.01", "alone": "abs=0.01"}
    return write_trees(target, Source("Events", arrays, bounds, parents={0: (), 1: (0,)}), detach=True)


def sums(target: Path) -> Made:
    """Columns that are sums of others in this page and an earlier one, of floats and of integers, with outliers."""
    rng = np.random.default_rng(22)
    a, b = rng.exponential(9, (2, 200)).astype("f4")
    n, k = rng.integers(0, 200, 200).astype("u1"), rng.integers(-5, 5, 200).astype("i4")
    arrays = {"a": a, "b": b, "ab": a + b, "n": n, "k": k, "flag": n > 99}
    arrays |= {
        "wraps": (n.astype("i4") + k - (n > 99)).astype("u1"),
        "double": a.astype("f8"),
        "again": a + b,
    }
    arrays["ab"][[3, 7]] = [np.nan, 1e9]
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    terms = {2: ((1, 0), (1, 1)), 6: ((1, 3), (1, 4), (-1, 5)), 8: ((1, 0), (1, 1))}
    bounds = dict.fromkeys(("a", "b", "ab", "double", "again"), "rel=0.01")
    return write_trees(target, Source("Events", branches, bounds, groups=(2, 5, 2), sums=terms))


def formulas(target: Path) -> Made:
    """Columns that are formulas of earlier and later ones, with and without residual, outliers."""
    rng = np.random.default_rng(23)
    rows = 150
    pt, m = rng.exponential(30, (2, rows)) + 1
    eta, phi = rng.uniform(-4, 4, rows), rng.uniform(-3.2, 3.2, rows)
    pt, eta, phi, m = (x.astype("f4") for x in (pt, eta, phi, m))
    wide = [x.astype("f8") for x in (pt, eta, phi, m)]
    p = wide[0] * np.cosh(wide[1])
    arrays = {
        "E": np.sqrt(p**2 + wide[3] ** 2).astype("f4"),
        "p": (1000 * p).astype("f4"),
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "m": m,
        "px": (wide[0] * np.cos(wide[2])).astype("f4"),
        "py": wide[0] * np.sin(wide[2]),
        "pz": (wide[0] * np.sinh(wide[1])).astype("f4"),
        "pt2": np.sqrt(wide[0] ** 2 + wide[3] ** 2),
        "n": rng.integers(-120, 120, rows).astype("i2"),
        "far": np.zeros(rows, "i4"),
        "small": np.zeros(rows, "u1"),
        "on": np.zeros(rows, "?"),
    }
    arrays["far"] = (-3 * arrays["n"].astype("i4")) + 7
    arrays["small"] = np.clip(arrays["n"] + 7, 0, 255).astype("u1")  # moved into the range of its type
    arrays["on"] = arrays["n"] > 0
    arrays["p"][[0, 9]] = np.nan, -1.0
    arrays["px"][5] = -0.0
    pt[7] = np.inf
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    derived = {
        0: PlannedRelation(Formula("energy", (2, 3, 5)), 14),
        1: PlannedRelation(Formula("cosh", (2, 3), 1000.0)),
        6: PlannedRelation(Formula("cos", (2, 4)), 0),
        7: PlannedRelation(Formula("sin", (2, 4)), 43),
        8: PlannedRelation(Formula("sinh", (2, 3)), 14),
        9: PlannedRelation(Formula("norm", (2, 5))),
        11: PlannedRelation(Formula("linear", (10,), -3.0, 7.0)),
        12: PlannedRelation(Formula("linear", (10,), 1.0, 7.0)),
        13: PlannedRelation(Formula("linear", (10,), 0.5)),
    }
    bounds = {"E": "rel=1e-3", "p": "rel=1e-2", "py": "rel=1e-3", "pz": "bits=9", "pt2": "rel=1e-2"}
    bounds |= dict.fromkeys(("pt", "eta"), "rel=1e-3")
    return write_trees(target, Source("Events", branches, bounds, groups=(2, 4, 8), relations=derived))


def directions(target: Path) -> Made:
    """Angles and pseudorapidities of momenta, with zeros of both signs, infinities, NaN, residual and outliers."""
    rng = np.random.default_rng(26)
    rows = 90
    px, py, pz = rng.normal(0, 20, (3, rows)).astype("f4")
    px[:6], py[:6] = [1, -1, 0.0, -0.0, 5, np.inf], [0.0, -0.0, 0.0, 0.0, np.nan, -np.inf]
    pz[6:9] = 0.0, 1e-30, 1e30
    x, y, z = (values.astype("f8") for values in (px, py, pz))
    with np.errstate(all="ignore"):
        pt = np.sqrt(x**2 + y**2)
        arrays = {
            "px": px,
            "py": py,
            "pz": pz,
            "pt": pt,
            "phi": np.arctan2(y, x).astype("f4"),
            "phi_double": np.arctan2(y, x),
            "eta": np.arcsinh(z / pt).astype("f4"),
            "eta_pt": np.arcsinh(z / pt),
            "half": (0.5 * np.arcsinh(z / pt) + 1).astype("f4"),
        }
    arrays["phi"][20] = 9
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    derived = {
        4: PlannedRelation(Formula("arctan2", (1, 0))),
        5: PlannedRelation(Formula("arctan2", (1, 0)), 0),
        6: PlannedRelation(Formula("eta", (2, 0, 1))),
        7: PlannedRelation(Formula("arcsinh", (2, 3)), 43),
        8: PlannedRelation(Formula("eta", (2, 0, 1), 0.5, 1.0), 0),
    }
    bounds = {"phi": "rel=0.01", "eta": "rel=0.01", "eta_pt": "rel=1e-3"}
    return write_trees(target, Source("Events", branches, bounds, groups=(3, 6), relations=derived))


def masses(target: Path) -> Made:
    """Energies with a mass that is no column, of one, two, three and four columns, with residual and outliers."""
    rng = np.random.default_rng(27)
    rows = 90
    pt = (rng.exponential(9, rows) + 1).astype("f4")
    eta, phi = (rng.uniform(-r, r, rows).astype("f4") for r in (4, 3.2))
    x, y, z = pt.astype("f8"), eta.astype("f8"), phi.astype("f8")
    arrays = {"pt": pt, "eta": eta, "px": (x * np.cos(z)).astype("f4"), "py": (x * np.sin(z)).astype("f4")}
    arrays |= {"pz": (x * np.sinh(y)).astype("f4"), "p": x * np.cosh(y)}
    px, py, pz, p = (arrays[name].astype("f8") for name in ("px", "py", "pz", "p"))
    arrays |= {
        "E": np.sqrt(p**2 + 0.10566**2).astype("f4"),
        "MeV": 1000 * np.sqrt(p**2 + 0.10566**2),
        "proton": np.sqrt(px**2 + py**2 + pz**2 + 0.938272**2).astype("f4"),
        "transverse": np.sqrt(px**2 + py**2 + 0.13957**2).astype("f4"),
        "kinetic": (np.sqrt(p**2 + 0.493677**2) - 0.493677).astype("f4"),
        "of_four": np.sqrt(px**2 + py**2 + pz**2 + p**2 + 4),
    }
    arrays["E"][[2, 33]] = np.nan, -1.0
    arrays["MeV"][5] = -0.0
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    derived = {
        6: PlannedRelation(Formula("energy_const", (0, 1), constant=0.10566)),
        7: PlannedRelation(Formula("energy_const", (0, 1), 1000.0, constant=0.10566), 43),
        8: PlannedRelation(Formula("norm_const", (2, 3, 4), constant=0.938272), 0),
        9: PlannedRelation(Formula("norm_const", (2, 3), constant=0.13957)),
        10: PlannedRelation(Formula("norm_const", (5,), 1.0, -0.493677, 0.493677), 14),
        11: PlannedRelation(Formula("norm_const", (2, 3, 4, 5), constant=-2.0)),
    }
    bounds = dict.fromkeys(("pt", "eta", "px", "py", "pz", "p", "MeV", "kinetic"), "rel=1e-3")
    bounds |= dict.fromkeys(("E", "transverse", "of_four"), "rel=0.01")
    return write_trees(target, Source("Events", branches, bounds, groups=(6, 6), relations=derived))


def keyed_masses(target: Path) -> Made:
    """Energies with masses that integers and booleans tell, with values that tables lack, residual and outliers."""
    rng = np.random.default_rng(28)
    rows = 90
    pt = (rng.exponential(9, rows) + 1).astype("f4")
    eta, phi = (rng.uniform(-r, r, rows).astype("f4") for r in (4, 3.2))
    kind = rng.choice([11, 13], rows).astype("u4")
    ion = rng.choice([-3, 0, 2], rows).astype("i2")
    proton = rng.random(rows) < 0.5
    kind[[4, 70]], ion[8] = [15, 2**32 - 1], 300
    x, y, z = pt.astype("f8"), eta.astype("f8"), phi.astype("f8")
    arrays = {"pt": pt, "eta": eta, "px": (x * np.cos(z)).astype("f4"), "py": (x * np.sin(z)).astype("f4")}
    arrays |= {"pz": (x * np.sinh(y)).astype("f4"), "kind": kind, "ion": ion, "proton": proton}
    px, py, pz = (arrays[name].astype("f8") for name in ("px", "py", "pz"))
    lepton, hadron = np.where(kind == 13, 0.10566, 0.0), np.where(proton, 0.938272, 0.13957)
    heavy = np.select([ion == -3, ion == 2], [3.0, 1.875], 0.5)
    arrays |= {
        "E": np.sqrt((x * np.cosh(y)) ** 2 + lepton**2).astype("f4"),
        "MeV": 1000 * np.sqrt((x * np.cosh(y)) ** 2 + lepton**2),
        "hadron": np.sqrt(px**2 + py**2 + pz**2 + hadron**2).astype("f4"),
        "transverse": np.sqrt(px**2 + py**2 + heavy**2).astype("f4"),
        "single": np.sqrt(pz**2 + hadron**2) + 1,
    }
    arrays["E"][[2, 33]] = np.nan, -1.0
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    leptons, hadrons = ((11.0, 0.0), (13.0, 0.10566)), ((0.0, 0.13957), (1.0, 0.938272))
    derived = {
        8: PlannedRelation(Formula("energy_by", (0, 1, 5), table=leptons)),
        9: PlannedRelation(Formula("energy_by", (0, 1, 5), 1000.0, table=leptons), 43),
        10: PlannedRelation(Formula("norm_by", (2, 3, 4, 7), table=hadrons), 0),
        11: PlannedRelation(Formula("norm_by", (2, 3, 6), table=((-3.0, 3.0), (0.0, 0.5), (2.0, 1.875)))),
        12: PlannedRelation(Formula("norm_by", (4, 7), 1.0, 1.0, table=hadrons)),
    }
    bounds = dict.fromkeys(("pt", "eta", "px", "py", "pz", "MeV"), "rel=1e-3")
    bounds |= dict.fromkeys(("E", "transverse", "single"), "rel=0.01")
    return write_trees(target, Source("Events", branches, bounds, groups=(8, 5), relations=derived))


class FixedLookup(Lookup):
    """A lookup that keeps the table it has."""

    def filled(self, *_: Any) -> FixedLookup:
        return self


def lookups(target: Path) -> Made:
    """Columns looked up by one, two and three others, earlier and later ones, with values that tables lack and outliers."""
    rng = np.random.default_rng(25)
    rows = 90
    n = rng.choice([-13, -11, 2, 300], rows).astype("i2")
    big = rng.choice(np.array([0, 2**63 + 5, 2**64 - 1], "u8"), rows)
    a, b = rng.random((2, rows)) < 0.4
    n[17] = 1000
    arrays = {
        "either": a | b,
        "charge": -np.sign(n).astype("i4"),
        "a": a,
        "b": b,
        "n": n,
        "big": big,
        "far": np.where(big > 0, 2**64 - 1 - a.astype("u8"), 0).astype("u8"),
        "all": ((n > 0) & (n < 999) & a & (big > 0)).astype("i1"),
    }
    arrays["either"][[3, 8]] ^= True
    arrays["charge"][5] = 7
    # Unsigned integers wrap, and only what is not 0 need be in a table: 1000, and 0 of `big`, are no keys.
    two, wrapped = (0, 1), (5 - 2**63, -1)
    tables = {
        0: FixedLookup((2, 3), (two, two), (0, 1, 1, 1)),
        1: FixedLookup((4,), ((-13, -11, 2, 300),), (1, 1, -1, -1)),
        6: FixedLookup((5, 2), (wrapped, two), (2**64 - 1, 2**64 - 2) * 2),
        7: FixedLookup((4, 2, 5), ((2, 300), (1,), wrapped), (1, 1, 1, 1)),
    }
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    derived = {number: PlannedRelation(lookup) for number, lookup in tables.items()}
    return write_trees(target, Source("Events", branches, groups=(3, 5), cuts=(60, 30), relations=derived))


def lists(target: Path) -> Made:
    """Lists coded with a view of their entry, their length, the place in them, and the item before; long and empty ones."""
    rng = np.random.default_rng(24)
    counts = rng.integers(0, 5, 90)
    counts[[4, 70]] = 150, 70  # more than the 64 items that are decoded one after another
    total = int(counts.sum())
    met = (rng.exponential(30, 90) + 1).astype("f4")
    met[11], met[80] = np.nan, 1e7
    pt = (np.repeat(np.minimum(np.nan_to_num(met), 99), counts) * rng.uniform(0.5, 1.5, total) + 1).astype(
        "f4"
    )
    arrays = {
        "met": flat(met, "f4"),
        "n": flat(counts, "i4"),
        "pt": ak.unflatten(pt, counts),
        "tracks": ak.unflatten(rng.poisson(pt / 10).astype("u2"), counts),
        "tag": ak.unflatten(pt > 30, counts),
        "vertices": flat(rng.poisson(20, 90), "u1"),
    }

    def model(plan: Plan, originals: Sequence[Any]) -> tuple[GroupModel, bytes]:
        # columns: 0 met, 1 n, 2 and 3 pt, 4 and 5 tracks, 6 and 7 tag (counts first), 8 vertices
        items: dict[int, tuple[int, ...]] = {3: (0, 1, 2, 4), 5: (3, 4), 7: (4, 1)}
        return list_model(plan, originals, group=1, lists=2, entries=(0, 8), items=items)

    bounds = {"met": "rel=0.01", "pt": "rel=0.01"}
    source = Source("Events", arrays, bounds, cuts=(60, 30), groups=(2, 6, 1), made=(model,))
    return write_trees(target, source)


def autoencoder(target: Path) -> Made:
    """Latents with streams, in two clusters, and a model of the latents; rows unlike the others; values off their axes."""
    rng = np.random.default_rng(30)
    rows = 400
    n = rng.poisson(3, rows) + 5
    pt = rng.exponential(30, rows) + n
    pt[7], pt[300], n[310], n[320] = np.nan, 1e6, 99, -7
    plain = n * 2
    plain[350:370] += 500  # too many for outliers: that column is coded without the latents then
    arrays = {
        "n": flat(n, "i4"),
        "pt": flat(pt, "f4"),
        "weight": flat(rng.normal(size=rows), "f8"),
        "phi": flat(rng.uniform(-3, 3, rows), "f8"),
        "passed": flat(pt > 20, "bool"),
        "plain": flat(plain, "u2"),
        "wide": flat(n * 10**12, "i8"),
    }

    def make(columns: list[ModelColumn], symbols: list[Any]) -> AutoencoderModel:
        model = following([0, 1, 2, 1, 0], "bounded", columns)
        latents = latents_from(model, symbols)
        return replace(with_coding(model, latents), anomaly=OutlierDetector.fit(latents, 0.03, 2, seed=0))

    # In the model's order: n, pt, phi, passed, plain; it has never heard of weight and wide.
    return latent_tree(
        target, arrays, {"pt": "rel=0.01", "phi": "abs=0.01"}, [0, 1, 3, 4, 5], make, (250, 150)
    )


def transformer(target: Path) -> Made:
    """Latents with streams: floats kept exactly, with NaN payloads, and arrays of them; networks with attention."""
    rng = np.random.default_rng(31)
    rows = 96
    x = rng.normal(size=(rows, 3))
    arrays = {
        "half": bits(
            np.resize([0x7C00, 0xFC00, 0x7E01, 0x8000, 1, *x[:, 0].astype("f2").view("u2")], rows), "f2"
        ),
        "vector": flat(x, "f4"),
        "single": bits(np.resize([0x7F800001, 0xFFC12345, *x[:, 1].astype("f4").view("u4")], rows), "f4"),
        "double": bits(np.resize([(0x7FF << 52) + 1, 1 << 63, 1, *x[:, 0].view("u8")], rows), "f8"),
        "n": flat(rng.integers(-3, 3, (rows, 2)), "i2"),
    }

    def make(columns: list[ModelColumn], _: list[Any]) -> AutoencoderModel:
        model = random_autoencoder(columns, seed=1, decoder=attending(2, 8, 6, seed=2))
        return replace(model, codec="transformer")

    return latent_tree(target, arrays, {}, [4, 1, 0, 2, 3], make, codec="transformer")


def autoencoder_alone(target: Path) -> Made:
    """Latents and no streams: rows that they do not give back, of which the second cluster has none; exact floats, too."""
    rng = np.random.default_rng(32)
    rows = 300
    level = rng.integers(0, 6, rows)
    x = np.sqrt(level + 2.0)
    near = level + 2
    near[[5, 17, 199]] += 1, 2, 1
    x[[17, 40]] = -1.5
    arrays = {
        "level": flat(level, "u1"),
        "near": flat(near, "i4"),
        "x": flat(x, "f4"),
        "noise": flat(rng.normal(size=rows), "f8"),
        "pair": flat(np.stack([level, 5 - level], axis=1), "i2"),
        "on": flat(level > 2, "bool"),
        "close": flat(level * 0.1, "f8"),
    }

    def make(columns: list[ModelColumn], _: list[Any]) -> AutoencoderModel:
        return following([0, 0, 1, 0, 2, 0, 0], "none", columns)

    return latent_tree(target, arrays, {"close": "abs=0.05"}, [0, 1, 2, 4, 5, 6], make, (200, 100))


def autoencoder_lists(target: Path) -> Made:
    """Latents of entries, and of the items of lists, with another model; a page that no model knows."""
    rng = np.random.default_rng(33)
    counts = rng.integers(0, 4, 90)
    total = int(counts.sum())
    pt = rng.exponential(30, total) + 1
    arrays = {
        "met": flat(rng.exponential(30, 90), "f4"),
        "vertices": flat(rng.poisson(20, 90), "u1"),
        "pt": ak.unflatten(pt.astype("f4"), counts),
        "tracks": ak.unflatten(rng.poisson(pt / 10).astype("u2"), counts),
        "tag": ak.unflatten(pt > 30, counts),
        "run": flat(np.full(90, 7), "u4"),
    }

    def make(columns: list[ModelColumn], _: list[Any]) -> AutoencoderModel:
        return random_autoencoder(columns, seed=len(columns), components=3)

    # Columns: 0 met, 1 vertices, 2 and 3 pt, 4 and 5 tracks, 6 and 7 tag (counts first), 8 run
    made = tuple(
        partial(model_of_table, group=group, numbers=numbers, make=make)
        for group, numbers in ((0, (0, 1)), (1, (3, 5, 7)))
    )
    bounds = {"met": "rel=0.01", "pt": "rel=0.01"}
    source = Source("Events", arrays, bounds, cuts=(50, 40), groups=(2, 6, 1), made=made, codec="autoencoder")
    return write_trees(target, source)


def convolutional(target: Path) -> Made:
    """Latents of fixed-size arrays, with convolutions; streams of two blocks, as the model has many values in a row."""
    rng = np.random.default_rng(34)
    rows, side = 50, 64
    place = np.arange(side) - side // 2
    disc = np.hypot(place[1:, None], place) < rng.uniform(5, 40, rows)[:, None, None]
    shades = disc.astype("u1")
    shades[4:] *= 2  # off the axis in the second cluster, where the latents tell of the other column only
    arrays = {"disc": flat(shades, "u1"), "strip": flat(disc[:, side // 2], "bool")}

    def make(columns: list[ModelColumn], _: list[Any]) -> AutoencoderModel:
        encoder, decoder = convolving(side, 3, seed=4), growing(3, side, 48, seed=5)
        model = random_autoencoder(columns, latents=3, components=16, encoder=encoder, decoder=decoder)
        return replace(model, codec="convolutional")

    return latent_tree(target, arrays, {}, [0, 1], make, (4, 46), codec="convolutional")


def latent_tree(
    target: Path,
    arrays: dict[str, ak.Array],
    bounds: dict[str, str],
    numbers: Sequence[int],
    make: Callable[[list[ModelColumn], list[Any]], AutoencoderModel],
    cuts: tuple[int, ...] = (),
    codec: str = "autoencoder",
) -> Made:
    """A tree of flat branches in one page, of which a model knows those with some numbers."""
    made = (partial(model_of_table, group=0, numbers=numbers, make=make),)
    return write_trees(target, Source("Events", arrays, bounds, cuts=cuts, made=made, codec=codec))


def from_root(
    target: Path,
    trees: dict[str, dict[str, Any]],
    bounds: dict[str, str],
    objects: dict[str, Any] | None = None,
    kind: str = "ttree",
) -> Made:
    """Write a ROOT file and compress it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.root"
        with uproot.recreate(source, uuid_function=lambda: uuid.UUID(int=1)) as file:
            for name, value in (objects or {}).items():
                file[name] = value
            for name, arrays in trees.items():
                if kind == "rntuple":
                    file.mkrntuple(name, arrays)
                else:
                    file.mktree(
                        name, {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in arrays.items()}
                    )
                    if len(next(iter(arrays.values()))):
                        file[name].extend(arrays)
        compress(
            source,
            target,
            bound="lossless",
            branch_bounds=[f"{name}={bound}" for name, bound in bounds.items()],
        )
    counted = {name: dict(arrays) for name, arrays in trees.items()}
    for arrays in counted.values():
        for name, array in list(arrays.items()):
            if kind == "ttree" and isinstance(array, ak.Array):
                arrays[f"n{name}"] = ak.num(array)
    sources = [
        Source(n, {k: ak.Array(v) for k, v in arrays.items()}, bounds) for n, arrays in counted.items()
    ]
    return Made(
        sources, {name: "" if isinstance(v, str) else v[0].tolist() for name, v in (objects or {}).items()}
    )


GOOD: dict[str, Callable[[Path], Made]] = {
    f.__name__: f
    for f in (
        integers, floats, relative, absolute, mantissa, jagged, fixed, frames, transforms, pco, records, lattice, clusters,
        trees, schema, empty, ttree, rntuple, merged, conditional, blocks, sums, formulas, histograms, detached,
        lists, directions, masses, keyed_masses, lookups, grids,
        autoencoder, autoencoder_alone, autoencoder_lists, transformer, convolutional,
    )
}  # fmt: skip


# ---- what goes beside them


def plain(value: Any) -> Any:
    """Nested values as JSON can hold them: floats without a number as their bits, bytes and complex as text."""
    if isinstance(value, ak.Array) and _is_regular(value.layout):
        value = np.asarray(value)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            items, odd = value.astype(object), ~np.isfinite(value)
            items[odd] = [hex(pattern) for pattern in value.view(f"u{value.dtype.itemsize}")[odd].tolist()]
            return items.tolist()
    if isinstance(value, ak.Array | np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return repr(value) if isinstance(value, bytes | complex) else value


def _is_regular(layout: Any) -> bool:
    """Whether an array is one of numbers, with any number of axes."""
    while isinstance(layout, ak.contents.RegularArray):
        layout = layout.content
    return isinstance(layout, ak.contents.NumpyArray)


def features(path: Path) -> list[str]:
    """Which parts of the format a file uses."""
    found: set[str] = set()
    with open_file(path) as file:
        container = file.container
        found |= {f"block {BlockKind(kind).name.lower()}" for kind, *_ in container.manifest.blocks}
        found |= {"superseded" for _ in container.manifest.superseded}
        found |= {"detached" for _ in container.manifest.detached}
        for tree in file.trees:
            found |= {f"form {name}" for branch in tree.schema.branches for name in _classes(branch.form)}
            if tree.schema != tree.stored.schema:
                found.add("same_as")
        for page in container.page_ids():
            tree, layout = file.trees[page.tree], container.manifest.trees[page.tree].groups(page.cluster)
            first = sum(layout[: page.group])
            columns = tree.columns[first : first + layout[page.group]]
            payload, codec = container.read_pages([page])[page]
            found |= _features(Page(payload, columns), container.manifest.codecs[codec])
    return sorted(found)


def _classes(form: Any) -> set[str]:
    if form is None:
        return set()
    inner = [form["content"]] if "content" in form else form.get("contents", [])
    return {form["class"]}.union(*map(_classes, inner))


def _features(page: Page, codec: str) -> set[str]:
    found = {f"codec {codec}"} if codec != "classic" else set()
    specs = []
    for entry in page.entries:
        if isinstance(entry.relation, Formula):
            found.add(f"formula {entry.relation.function}" + (" with residual" if entry.spec else ""))
        elif isinstance(entry.relation, Lookup):
            found.add(f"lookup by {len(entry.sources)}")
        elif entry.sources:
            found.add("copy" if entry.relation is None else "sum")
        if entry.spec is not None:
            specs.append(entry.spec)
        if entry.related is not None or entry.quantiser is None or entry.outliers is None:
            continue
        if entry.interpolation is not None:
            found.add(f"interpolated, rows {entry.interpolation.rows.name.lower().replace('_', ' ')}")
            found.add(f"{len(entry.interpolation.units)} units")
            found |= {"outliers"} if len(entry.outliers) else set()
            continue
        dtype = entry.quantiser.dtype
        found.add(f"recipe {entry.quantiser.kind}" + ("" if entry.quantiser.kind == "exact" else f" {dtype}"))
        found |= {
            name
            for name, there in (
                ("lattice", entry.lattice),
                ("outliers", len(entry.outliers)),
                ("atoms", entry.quantiser.special_values is not None),
            )
            if there
        }
    if codec != "classic":
        return found
    cursor = Cursor(page._symbols)
    packed = Cursor(unpack_bytes(cursor, 1 << 28))
    directory = Cursor(packed.take(packed.varint()))
    for spec in specs:
        transform, coding, *_ = _read_entry(directory, packed, cursor, spec)
        if spec.length:
            found |= {
                f"transform {Transform(transform).name.lower()}",
                f"coding {Coding(coding).name.lower()}",
            }
    return found


def sidecar(function: Callable[[Path], Made], made: Made, path: Path) -> dict[str, Any]:
    """What a reader must find."""
    out: dict[str, Any] = {"about": (function.__doc__ or "").strip(), "shows": features(path), "trees": []}
    for tree in made.trees:
        branches = {}
        for name, array in tree.arrays.items():
            about: dict[str, Any] = {"bound": tree.bounds.get(name, "lossless")}
            raw = np.asarray(array) if isinstance(array.layout, ak.contents.NumpyArray) else np.zeros(0)
            if about["bound"] != "lossless" and raw.size:
                about["dtype"] = str(raw.dtype)
            if about["bound"] == "lossless" and raw.size > LONG:
                about |= {
                    "sha256": hashlib.sha256(raw.tobytes()).hexdigest(),
                    "dtype": str(raw.dtype),
                    "first": raw.reshape(-1)[:5].tolist(),
                }
            else:
                about["values"] = plain(array)
            branches[name] = about
        out["trees"].append(
            {"path": tree.path, "cycle": tree.cycle, "entries": tree.entries, "branches": branches}
        )
    if made.objects:
        out["objects"] = made.objects
    return out


def write(name: str, folder: Path) -> Path:
    """Write one golden file and its sidecar; FileExistsError if either is there."""
    from tests.vectors.bad import BAD

    target = folder / f"{name}{'.baler' if name in GOOD else BAD[name].suffix}"
    beside = target.with_suffix(".json")
    for path in (target, beside, target.with_suffix(".balermodel")):
        if path.exists():
            raise FileExistsError(f"{path} exists; golden files are never overwritten")
    target.parent.mkdir(parents=True, exist_ok=True)
    if name in GOOD:
        made = GOOD[name](target)
        document = sidecar(GOOD[name], made, target)
    else:
        bad = BAD[name]
        target.write_bytes(bad.build())
        document = {"about": bad.about, "error": bad.error, "message": bad.message}
    lines = json.dumps(document, ensure_ascii=False, allow_nan=False)
    beside.write_text(lines + "\n", encoding="utf-8")
    return target


def names() -> list[str]:
    """Names of all golden files."""
    from tests.vectors.bad import BAD

    return [*GOOD, *BAD]


def main(arguments: Sequence[str]) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.vectors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="names of all golden files")
    commands.add_parser("write", help="write golden files").add_argument("name", nargs="+")
    options = parser.parse_args(arguments)
    if options.command == "list":
        for name in names():
            print(name, "" if (options.folder / f"{name}.json").exists() else "(not written)")
        return 0
    wanted = names() if options.name == ["all"] else options.name
    if unknown := set(wanted) - set(names()):
        print(f"unknown: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    for name in wanted:
        try:
            print(write(name, options.folder))
        except FileExistsError as error:
            print(error, file=sys.stderr)
            return 1
    return 0
