"""Compresses a ROOT file: plans every tree, encodes it cluster by cluster, and names the file when it is whole."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from baler_root._types import Progress
from baler_root.api.options import autoencoding_of, idle_masses, with_residual
from baler_root.compression.cluster_encoder import EncodedCluster, encode_cluster
from baler_root.compression.models.reuse import reuse
from baler_root.compression.models.sample import take_sample
from baler_root.compression.planner import TreeJob, plan_tree
from baler_root.compression.provenance import provenance_of
from baler_root.compression.rules.loading import build_rules
from baler_root.compression.rules.rules import Rules
from baler_root.compression.summary import Summary, TreeSummary, summarise_branches
from baler_root.compression.workers import Task, in_order, processes
from baler_root.errors import ConfigError, SourceError
from baler_root.format.binary.packed import pack_bytes
from baler_root.format.codecs.base import ModelCodec
from baler_root.format.codecs.registry import get_codec
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import BlockEntry, Manifest
from baler_root.format.container.references import Detached
from baler_root.format.container.write import ContainerWriter
from baler_root.format.model_file import ModelFile, read_model_file
from baler_root.format.model_store import hint_of
from baler_root.format.statistics import pack_statistics
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import UnreadableBranchError
from baler_root.training.effort import TrainingEffort, get_level

if TYPE_CHECKING:
    from concurrent.futures import Executor


CLUSTER_SIZE = "64 MB"
"""Of arrays in memory: large enough that per-page costs vanish, small enough that many fit in memory."""


SCHEMA_SHARE = 200
"""A second copy of the schema is written once the file is this many times larger: `recover` may need it."""


def compress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    rules: Rules | None = None,
    bound: str | None = None,
    branch_bounds: Sequence[str] = (),
    preset: str | None = None,
    independent: Sequence[str] = (),
    trees: Sequence[str] | None = None,
    codec: str | None = None,
    level: str = "default",
    train_seconds: float | None = None,
    model: str | os.PathLike[str] | None = None,
    detach_model: bool = False,
    latents: int | None = None,
    residual: str | None = None,
    outliers: float | str | None = None,
    clusters: int | None = None,
    cluster_size: int | str = CLUSTER_SIZE,
    jobs: int = 1,
    seed: int = 0,
    overwrite: bool = False,
    skip_unsupported: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Compress the ROOT file `source` into the new file `target`; returns what it did.

    `bound` is the default for floating-point branches, `branch_bounds` are `'pattern=bound'` rules (last match
    wins), `independent` patterns of branches that are never recomputed from others; `rules` replaces all three.
    `cluster_size` is a number of entries or a size in memory (`"64 MB"`). With `jobs > 1` clusters are encoded by
    that many processes (a script then needs the usual `if __name__ == "__main__":` guard).

    Without a `codec`, how columns depend on each other is learned first where that pays, and becomes part of the
    file. `level` says how: `"fast"` counts, in about a second; `"default"` trains small networks besides, and `"max"`
    larger ones; both need torch (`pip install "baler-root[train]"`), and without it nothing is learned, which the
    summary's notes say. The codec `"conditional"` is the same, but an error without torch; `"classic"` learns nothing.
    Training counts its steps, so that the same input and `seed` give the same bytes; with `train_seconds` it ends
    after that time for each tree at the latest, and they may differ.

    Codecs that store latents (`"autoencoder"`, …) make `latents` integers of each row of a table, from which the rest
    is told. `residual` says what is stored besides: `"bounded"`, what they miss within the bounds; `"lossless"`, to
    the last bit (for branches that no rule names); `"none"`, only the rows that they do not give back. A share
    `outliers` of the rows (0.01 or `"1%"`) is kept exactly because their latents are far from all of the `clusters` of
    the others, and can be read by themselves.

    `model` is a `.balermodel` file that `train` made from similar files: its models are used where they make the
    file smaller (or have no residual), whatever `codec` says, and no torch is needed. They become part of the file too, or with
    `detach_model` are referred to: `open` looks for them beside the file, where they are now, and in the folders of
    the environment variable BALER_ROOT_MODELS. `notes` of the result say what was not used, and why.

    Every value is decoded and checked before `target` gets its name.

    Raises SourceError, ConfigError, OutputError, KeyInFileError, UnknownCodecError, or FormatError (of `model`);
    nothing is left then.
    """
    if rules is None:
        rules = build_rules(bound=bound, branch=branch_bounds, preset=preset, independent=independent)
    autoencoding = autoencoding_of(codec, latents, residual, outliers, clusters, rules.masses)
    if model is not None and (latents, residual, outliers, clusters) != (None,) * 4:
        raise ConfigError(
            "latents, their residual and outliers are settled when a model is trained: leave them out"
        )
    rules = with_residual(rules, bound, autoencoding)
    if train_seconds is not None and not train_seconds > 0:
        raise ConfigError(f"training for {train_seconds} seconds: more than 0 are needed")
    effort = TrainingEffort(get_level(level), seed, train_seconds, autoencoding)
    if autoencoding is not None and model is None:
        autoencoding.check(effort.level)
    if detach_model and model is None:
        raise ConfigError(
            "--detach-model (detach_model=True) is for the models of a file: name it with --model"
        )
    models = None if model is None else read_model_file(model)
    if model is not None and Path(model).exists() and Path(model).resolve() == Path(target).resolve():
        raise ConfigError(f"{os.fspath(target)}: is the model file; name another file as output")
    if Path(target).exists() and Path(source).exists() and Path(target).samefile(source):
        raise ConfigError(f"{os.fspath(target)}: is the input; name another file as output")
    skip: dict[tuple[str, str], str] = {}
    while True:
        try:
            return _compress(
                os.fspath(source), Path(target), rules, trees, codec, effort, models, detach_model, cluster_size, jobs,
                overwrite, skip_unsupported, skip, progress,
            )  # fmt: skip
        except UnreadableBranchError as error:
            if not skip_unsupported or (error.tree, error.branch) in skip:
                raise
            skip[error.tree, error.branch] = error.why


def _compress(
    source: str,
    target: Path,
    rules: Rules,
    trees: Sequence[str] | None,
    codec: str | None,
    effort: TrainingEffort,
    models: ModelFile | None,
    detach: bool,
    cluster_size: int | str,
    jobs: int,
    overwrite: bool,
    skip_unsupported: bool,
    skip: dict[tuple[str, str], str],
    progress: Progress | None,
) -> Summary:
    from baler_root.rootio.objects import pack_objects

    started = time.perf_counter()
    with (
        RootSource(source) as root,
        ContainerWriter(target, overwrite) as writer,
        processes(source, jobs, root.size) as pool,
    ):
        used = codec or effort.codec
        work = [plan_tree(root, key, rules, used, cluster_size, skip) for key in root.tree_keys(trees)]
        rules.check_used(job.plan.schema for job in work)
        keys = [job.key for job in work]
        for job in work:
            job.same_as = keys.index(job.source.same_as) if job.source.same_as else None
        blob, objects, left_out = pack_objects(root.directory)
        skipped = [
            (f"{j.plan.schema.path}: {name}", why)
            for j in work
            if j.same_as is None
            for name, why in _missing(j)
        ] + left_out
        if skipped and not skip_unsupported:
            raise SourceError(_unsupported(source, skipped))
        total = sum(sum(job.lengths) for job in work if job.same_as is None)
        detached: tuple[Detached, ...] = ()
        notes = [note for job in work for note in job.notes]
        if models is None:
            notes += idle_masses(rules, effort.autoencoding)
            if codec is None and effort.codec == "classic":
                notes += effort.missing(work)
        if models is not None:
            used, detached = _reuse(
                work, writer, models, hint_of(models.path, target) if detach else None, notes
            )
        elif isinstance(get_codec(used), ModelCodec) and not _learn(work, writer, effort, notes, progress):
            used = "classic"
        for job in work:
            job.plan = replace(job.plan, codec=used)
        done, copied = 0, False
        schema = Manifest(tuple(job.stored().emptied() for job in work), (used,), detached=detached).pack()
        for tree, cluster, encoded in _encode_all(work, pool, ahead=2 * jobs):
            for group, page in enumerate(encoded.pages):
                writer.write_page(tree, cluster, group, 0, page.payload, page.length, page.digest)
            work[tree].records.append(encoded.records)
            work[tree].lists.append(encoded.lists)
            if not copied and writer.size > SCHEMA_SHARE * len(schema):
                writer.write_block(BlockKind.SCHEMA, schema)
                copied = True
            done += encoded.entries
            if progress is not None:
                progress(done, total)
        for tree, job in enumerate(work):
            if job.same_as is None:
                writer.write_block(BlockKind.STATISTICS, pack_statistics(job.stacked_records()), tree)
        if blob:
            writer.write_block(BlockKind.OBJECTS, pack_bytes(blob))
        provenance = provenance_of(root, rules, trees, used, cluster_size, skipped)
        if models is not None:
            provenance["model"] = models.name
        elif used != "classic":
            provenance |= effort.to_json()

        def manifest(blocks: list[BlockEntry], superseded: list[tuple[int, int]]) -> Manifest:
            return Manifest(
                trees=tuple(job.stored() for job in work),
                codecs=(used,),
                directories=tuple(_directories(root)),
                objects=tuple((o.path, o.cycle, o.classname, o.title) for o in objects),
                blocks=tuple(blocks),
                superseded=tuple(superseded),
                provenance=provenance,
                detached=detached,
            )

        parts = writer.finish(manifest)
        size = target.stat().st_size
        source_size = root.size
    seconds = time.perf_counter() - started
    return _summarise(source, target, source_size, size, seconds, parts, work, skipped, notes)


def _reuse(
    work: Sequence[TreeJob], writer: ContainerWriter, models: ModelFile, hint: str | None, notes: list[str]
) -> tuple[str, tuple[Detached, ...]]:
    """Give each tree the models that pay, and write them, or with a `hint` say where they are; returns the codec."""
    reused = reuse(work, models, hint is not None)
    notes += reused.notes
    if hint is None:
        for number, stored in enumerate(reused.used.values()):
            writer.write_block(BlockKind.MODEL, stored.data, number)
    return reused.codec, () if hint is None else reused.detached(hint)


def _learn(
    work: Sequence[TreeJob],
    writer: ContainerWriter,
    effort: TrainingEffort,
    notes: list[str],
    progress: Progress | None,
) -> int:
    """Find models for each tree, and write them before the pages that need them; returns how many there are."""
    from baler_root.compression.models.learn import check_latents, learn, least_rows

    large = [j for j in work if j.same_as is None and j.plan.schema.num_entries >= least_rows(effort)]
    check_latents(((job.plan, take_sample([(job.source, job.plan)])) for job in large), effort)
    number = 0
    for job in work:
        if job.same_as is None:
            learned = learn(job.source, job.plan, job.lengths, effort, progress)
            job.plan = learned.plan
            notes += learned.notes
            for model in learned.models:
                writer.write_block(BlockKind.MODEL, model, number)
                number += 1
    return number


def _missing(job: TreeJob) -> list[tuple[str, str]]:
    """(path, cause) of the branches that cannot be carried."""
    schema = job.plan.schema
    return [(schema.path_of(i), b.missing) for i, b in enumerate(schema.branches) if b.missing]


def _unsupported(source: str, skipped: Sequence[tuple[str, str]]) -> str:
    """The error that lists what cannot be carried."""
    shown = [f"  {name}: {why}" for name, why in skipped[:20]]
    more = [f"  ... and {len(skipped) - 20} more"] if len(skipped) > 20 else []
    head = f"{source}: {len(skipped)} branches or objects cannot be carried:"
    tail = "--skip-unsupported (skip_unsupported=True) compresses the rest and lists them again"
    return "\n".join([head, *shown, *more, tail])


def _encode_all(
    work: Sequence[TreeJob], pool: Executor | None, ahead: int
) -> Iterator[tuple[int, int, EncodedCluster]]:
    """(tree, cluster, encoded) of all clusters, in the order of the file; at most `ahead` wait in memory."""
    tasks = [
        Task(tree, cluster, job.key, job.plan, start, stop)
        for tree, job in enumerate(work)
        if job.same_as is None
        for cluster, (start, stop) in enumerate(job.ranges())
    ]
    if pool is not None:
        yield from in_order(pool, tasks, ahead)
        return
    for task in tasks:
        source = work[task.tree].source
        arrays = source.read(task.plan.schema.stored(), task.start, task.stop)
        yield task.tree, task.cluster, encode_cluster(task.plan, arrays, task.stop - task.start)
        if task.stop == task.plan.schema.num_entries:
            source.first_entries.clear()


def _directories(root: RootSource) -> list[str]:
    """Paths of all directories, empty ones included."""
    names = root.classnames.items()
    return [key.rpartition(";")[0] for key, name in names if name in ("TDirectory", "TDirectoryFile")]


def _summarise(
    source: str,
    target: Path,
    source_size: int,
    size: int,
    seconds: float,
    parts: dict[str, int],
    work: Sequence[TreeJob],
    skipped: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> Summary:
    trees = []
    for job in work:
        owner = job if job.same_as is None else work[job.same_as]
        branches = summarise_branches(
            job.plan.schema, owner.plan.columns, job.reasons, owner.stacked_records()
        )
        schema = job.plan.schema
        trees.append(
            TreeSummary(
                schema.path, schema.cycle, schema.num_entries, len(owner.lengths), branches, job.same_as
            )
        )
    raw = sum(branch.raw_size for tree in trees if tree.same_as is None for branch in tree.branches)
    return Summary(
        source,
        str(target),
        source_size,
        size,
        raw,
        seconds,
        parts,
        tuple(trees),
        tuple(skipped),
        tuple(notes),
    )
