"""Learns models from a sample of files that are alike, for all others of their kind."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from baler_root._types import Progress
from baler_root.api.options import autoencoding_of, idle_masses, with_residual
from baler_root.compression.models.learn import check_latents, learn_from, least_rows
from baler_root.compression.models.sample import take_sample
from baler_root.compression.plan import GroupModel, Plan, plan_columns
from baler_root.compression.planner import plan_tree
from baler_root.compression.provenance import provenance_of_models
from baler_root.compression.rules.loading import build_rules
from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError
from baler_root.format.codecs.base import ModelCodec
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.model import Conditional
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.registry import get_codec
from baler_root.format.columns.form_columns import tree_columns
from baler_root.format.container.references import KnownColumn
from baler_root.format.container.write import check_output
from baler_root.format.model_file import StoredModel, write_model_file
from baler_root.format.schema import Tree
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import SourceTree, UnreadableBranchError
from baler_root.training.effort import TrainingEffort, get_level
from baler_root.training.hardware.limits import HardwareLimits

Key = tuple[str, str, str]
"""Branch path, field and role of a column."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One model: columns of one table; sizes in bytes."""

    tree: str
    columns: tuple[str, ...]
    networks: int
    histograms: int
    """Columns that have them."""
    weights: int
    latents: int
    """Numbers that an autoencoder makes of a row; 0 for other models."""
    size: int
    sha256: str
    history: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """A `.balermodel` file just written; size in bytes, time in seconds."""

    sources: tuple[str, ...]
    target: str
    size: int
    entries: int
    """Of all trees that were learned from."""
    seconds: float
    models: tuple[TrainedModel, ...]
    notes: tuple[str, ...] = ()


def train(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    rules: Rules | None = None,
    bound: str | None = None,
    branch_bounds: Sequence[str] = (),
    preset: str | None = None,
    independent: Sequence[str] = (),
    trees: Sequence[str] | None = None,
    codec: str = "conditional",
    level: str = "default",
    train_seconds: float | None = None,
    latents: int | None = None,
    residual: str | None = None,
    outliers: float | str | None = None,
    clusters: int | None = None,
    hardware: HardwareLimits | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> TrainingSummary:
    """Learn from the ROOT files `sources`, which are alike, and write the models to the new file `target`.

    Bounds and `trees` are as in `compress`, and must be the same there when the models are used
    (`compress(..., model=target)`). Entries are taken from all files. `codec` is the one that will use the models;
    `level`, `train_seconds`, and what is asked of codecs that store latents (`latents`, `residual`, `outliers`,
    `clusters`) are as in `compress`; `circuit` is what is asked of an encoder that is to be firmware. Without `train_seconds` the same files and `seed` give the same bytes. All levels
    but `"fast"` need torch (`pip install "baler-root[train]"`); using the models does not.

    Raises SourceError, ConfigError (files that differ, too few rows, nothing to be learned, no torch), OutputError
    or KeyInFileError; nothing is left then.
    """
    started = time.perf_counter()
    paths = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not paths:
        raise ConfigError("no files to learn from")
    if rules is None:
        rules = build_rules(bound=bound, branch=branch_bounds, preset=preset, independent=independent)
    check_output(Path(target), overwrite)
    if any(Path(path).exists() and Path(path).resolve() == Path(target).resolve() for path in paths):
        raise ConfigError(f"{os.fspath(target)}: is an input; name another file as output")
    if train_seconds is not None and not train_seconds > 0:
        raise ConfigError(f"training for {train_seconds} seconds: more than 0 are needed")
    autoencoding = autoencoding_of(codec, latents, residual, outliers, clusters, rules.masses, hardware)
    if not isinstance(get_codec(codec), ModelCodec):
        raise ConfigError(f"the codec {codec!r} learns nothing")
    rules = with_residual(rules, bound, autoencoding)
    effort = TrainingEffort(get_level(level), seed, train_seconds, autoencoding)
    effort.check()
    skip: dict[tuple[str, str], str] = {}
    while True:
        try:
            with ExitStack() as stack:
                roots = [stack.enter_context(RootSource(path)) for path in paths]
                learned = _learn(roots, rules, trees, codec, effort, skip, progress)
                provenance = provenance_of_models(roots, rules, trees) | effort.to_json()
            break
        except UnreadableBranchError as error:
            if (error.tree, error.branch) in skip:
                raise
            skip[error.tree, error.branch] = error.why
    if not learned.models:
        raise ConfigError(f"{_listed(paths)}: no model: {'; '.join(learned.notes)}")
    size = write_model_file(target, learned.models, provenance, overwrite)
    notes = [f"{tree}: {branch} left out: {why}" for (tree, branch), why in skip.items()]
    notes += idle_masses(rules, autoencoding) + learned.notes
    return TrainingSummary(
        tuple(os.fspath(path) for path in paths),
        os.fspath(target),
        size,
        learned.entries,
        time.perf_counter() - started,
        tuple(map(_told, learned.models)),
        tuple(notes),
    )


@dataclass(slots=True)
class _Learned:
    models: list[StoredModel] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: int = 0


def _learn(
    roots: Sequence[RootSource],
    rules: Rules,
    trees: Sequence[str] | None,
    codec: str,
    effort: TrainingEffort,
    skip: dict[tuple[str, str], str],
    progress: Progress | None,
) -> _Learned:
    """Models of each tree of the first file, from all files."""
    out = _Learned()
    keys = _newest_cycles(roots[0], trees)
    jobs = [plan_tree(roots[0], key, rules, codec, "64 MB", skip) for key in keys]
    rules.check_used(job.plan.schema for job in jobs)
    opened = [(job, _open_all(roots, job.source, job.plan, skip)) for job in jobs]
    least = least_rows(effort)
    large = [alike for _, alike in opened if sum(source.schema.num_entries for source, _ in alike) >= least]
    check_latents(((alike[0][1], take_sample(alike)) for alike in large), effort)
    for job, alike in opened:
        entries = sum(source.schema.num_entries for source, _ in alike)
        path = job.plan.schema.path
        if entries < least:
            out.notes.append(f"tree {path!r}: {entries} entries; at least {least} are needed to learn from")
            continue
        sample = take_sample(alike)
        found = learn_from(sample, job.plan, entries, entries, effort, progress)
        out.notes += found.notes
        if not found.models:
            out.notes.append(
                f"tree {path!r}: nothing was found that would pay for its own bytes: the columns tell too little "
                "about each other, or their tables have too few rows; more files may help"
            )
            continue
        out.entries += entries
        out.models += [
            StoredModel.of(path, _known_columns(found.plan, entry), data)
            for entry, data in zip(found.plan.models, found.models, strict=True)
        ]
    return out


def _newest_cycles(root: RootSource, trees: Sequence[str] | None) -> list[str]:
    """One key for each tree: that of its highest cycle."""
    newest: dict[str, str] = {}
    for key in root.tree_keys(trees):
        path, _, cycle = key.rpartition(";")
        if path not in newest or int(cycle) > int(newest[path].rpartition(";")[2]):
            newest[path] = key
    return list(newest.values())


def _open_all(
    roots: Sequence[RootSource], first: SourceTree, plan: Plan, skip: dict[tuple[str, str], str]
) -> list[tuple[SourceTree, Plan]]:
    """The same tree in all files; raises ConfigError naming what differs."""
    path = first.schema.path
    out = [(first, plan)]
    wanted = _described(first.schema)
    bounds = [column.bound for column in plan.columns if column.has_values]
    for root in roots[1:]:
        key = next((k for k in _newest_cycles(root, None) if k.rpartition(";")[0] == path), None)
        if key is None:
            raise ConfigError(f"{root.path}: has no tree {path!r}, which {roots[0].path} has; {_ALIKE}")
        source = root.open_tree(key, {branch: why for (tree, branch), why in skip.items() if tree == path})
        source.first_entries.clear()
        found = _described(source.schema)
        if list(found.items()) != list(wanted.items()):
            raise ConfigError(
                f"{root.path}: tree {path!r} is not like in {roots[0].path}: {_difference(wanted, found)}; {_ALIKE}"
            )
        own = replace(plan, schema=source.schema, columns=plan_columns(source.schema, bounds))
        out.append((source, own))
    return out


_ALIKE = "learn from files of one kind, or name the trees they share with --tree"


def _described(schema: Tree) -> dict[tuple[Key, str], str]:
    """The type of each column, by its names."""
    return {
        ((schema.path_of(column.branch), column.field, column.role), column.key): (
            f"{column.dtype}{list(column.shape) if column.shape else ''}"
        )
        for column in tree_columns(schema)
    }


def _difference(wanted: dict[tuple[Key, str], str], found: dict[tuple[Key, str], str]) -> str:
    """What differs, in words."""
    missing = list(dict.fromkeys(key[0][0] for key in wanted if key not in found))
    extra = list(dict.fromkeys(key[0][0] for key in found if key not in wanted))
    other = [key[0][0] for key in wanted if key in found and wanted[key] != found[key]]
    parts = []
    for names, what in ((missing, "lacks"), (extra, "has besides"), (other, "has another type of")):
        if names:
            parts.append(f"{what} {', '.join(map(repr, names[:5]))}{' …' if len(names) > 5 else ''}")
    return "it " + ", ".join(parts) if parts else "it has the same branches in another order"


def _known_columns(plan: Plan, entry: GroupModel) -> list[KnownColumn]:
    """The columns of a model in its order, as other files may have them too; for what lists are like their lengths."""
    number_of = {at: number for number, at in (entry.numbers | entry.outside).items()}
    out = []
    for at in range(len(entry.model.columns)):
        number = number_of.get(at, entry.lists)
        if number is None:
            raise ValueError(f"column {at} of a model is none of the tree's")
        column = plan.columns[number]
        out.append(
            KnownColumn(
                plan.schema.path_of(column.branch),
                column.field,
                column.role,
                str(column.dtype),
                str(column.bound),
                str(column.tightened),
            )
        )
    return out


def _told(stored: StoredModel) -> TrainedModel:
    told = [column.conditional for column in stored.model.columns]
    nets = [some.net for some in told if isinstance(some, Conditional)]
    model, weights, latents = stored.model, sum(layer.weight.size for net in nets for layer in net.layers), 0
    if isinstance(model, AutoencoderModel):
        weights, latents = model.encoder.weights + model.decoder.weights, model.latents
    return TrainedModel(
        stored.trained.tree,
        tuple(column.name for column in stored.trained.columns),
        len(nets),
        sum(isinstance(some, Histograms) for some in told),
        weights,
        latents,
        len(stored.data),
        stored.trained.digest.hex(),
        stored.trained.history,
    )


def _listed(paths: Sequence[str | os.PathLike[str]]) -> str:
    return ", ".join(os.fspath(path) for path in paths[:3]) + (
        f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    )
