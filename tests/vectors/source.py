"""Writes golden files: trees straight from arrays, or ROOT files compressed."""

from __future__ import annotations

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
from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.derived.prediction import PlannedPrediction
from baler_root.compression.plan import GroupMixing, GroupModel, Plan, plan_columns
from baler_root.compression.relations.fit import PlannedRelation
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.columns.form_columns import tree_columns
from baler_root.format.columns.to_columns import flatten, plain_form
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import Manifest, StoredTree
from baler_root.format.container.model_references import DetachedModel, KnownColumn
from baler_root.format.container.read import PageId
from baler_root.format.container.write import ContainerWriter
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.sum import Sum
from baler_root.format.model_file import StoredModel, write_model_file
from baler_root.format.schema import Branch, Tree
from baler_root.format.statistics import pack_statistics
from baler_root.format.tables import find_tables
from tests.helpers.models import (
    learned,
    model_of_table,
)

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
    predictions: dict[int, Formula] = field(default_factory=dict)
    """Columns that formulas of others predict."""
    parents: dict[int, Sequence[int] | None] = field(default_factory=dict)
    """Flat branches of a model: the model's columns that predict each, None if none does."""
    histograms: tuple[int, ...] = ()
    """Columns of the model that have histograms instead of networks."""
    made: tuple[Callable[[Plan, Sequence[Any]], tuple[GroupModel, bytes]], ...] = ()
    """Each makes a model of one page from the columns of the first cluster."""
    mixing: tuple[GroupMixing, ...] = ()
    """Pages with columns that may be coded by mixing."""
    codec: str = "conditional"
    """Codec of pages where there is a model or mixing."""

    @property
    def entries(self) -> int:
        return len(next(iter(self.arrays.values())))

    def plan(self) -> Plan:
        """Plan that the compressor would make."""
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
        predictions = {number: PlannedPrediction(formula) for number, formula in self.predictions.items()}
        return Plan(
            schema,
            plan_columns(schema, bounds),
            self.groups or (len(columns),),
            relations=relations,
            predictions=predictions,
        )


@dataclass
class Made:
    """Content of a file."""

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
    codecs = tuple(dict.fromkeys(("classic", *(t.codec for t in trees if t.parents or t.made or t.mixing))))
    beside = target.with_suffix(".balermodel")
    with ContainerWriter(target) as writer:
        if schema:
            writer.write_block(BlockKind.SCHEMA, Manifest(tuple(_stored(t, (), []) for t in trees)).pack())
        for number, tree in enumerate(trees):
            plan, records, lists, start = tree.plan(), [], [], 0
            cuts = () if tree.same_as is not None else tree.cuts or (tree.entries,)
            if tree.parents:
                flat_arrays = {
                    i: ak.to_numpy(array[: cuts[0]])
                    for i, array in enumerate(tree.arrays.values())
                    if i in tree.parents
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
            if tree.mixing:
                plan = replace(plan, codec=tree.codec, mixing=tree.mixing)
            for cluster, entries in enumerate(cuts):
                whole = entries == tree.entries  # a slice changes the form of bit masks
                arrays = {
                    i: array if whole else array[start : start + entries]
                    for i, array in enumerate(tree.arrays.values())
                }
                encoded = encode_cluster(plan, arrays, entries)
                for group, page in enumerate(encoded.pages):
                    codec = codecs.index(plan.codec)
                    writer.write_page(PageId(number, cluster, group), page, codec)
                records.append(encoded.records)
                lists.append(encoded.lists)
                start += entries
            if cuts:
                writer.write_block(BlockKind.STATISTICS, pack_statistics(np.stack(records)), number)
            stored.append(_stored(tree, cuts, lists))
        writer.finish(
            Manifest(
                tuple(stored),
                codecs,
                provenance={"made": "golden file"},
                detached=tuple(DetachedModel(m.trained.digest, len(m.data), beside.name) for m in models),
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
    """Description of a tree in the manifest."""
    plan = tree.plan()
    bounds = tuple((str(bound), "chosen") for bound in [c.bound for c in plan.columns if c.has_values])
    if tree.same_as is not None:
        return StoredTree(plan.schema, bounds=bounds, same_as=tree.same_as)
    keys = list(zip(*lists, strict=True)) if lists else [(i,) for i in range(len(plan.columns))]
    found, tables = find_tables(plan.schema, plan.columns, keys)
    out = StoredTree(plan.schema, cuts, (plan.groups,), (0,) * len(cuts), bounds, found, tables)
    return out if cuts else out.emptied()


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
            bounds=bounds,
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
