"""The steps of one compression: plan, learn, encode, finish."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from baler_root._types import Progress
from baler_root.api.file_plan import FilePlan
from baler_root.api.finished_file import check_finished
from baler_root.api.options import note_on_masses
from baler_root.api.provenance import provenance_of
from baler_root.api.unreadable import Unreadable
from baler_root.api.unsupported import missing_branches, unsupported_message
from baler_root.compression.cluster_encoder import EncodedCluster, encode_cluster
from baler_root.compression.models.reuse import reuse
from baler_root.compression.models.sample import take_sample
from baler_root.compression.planner import plan_tree, skipped_in
from baler_root.compression.rules.matching import check_used
from baler_root.compression.rules.rules import Rules
from baler_root.compression.summary import Summary, TreeSummary, summarise_branches
from baler_root.compression.tree_job import EncodedTree, TreeJob, stored_tree
from baler_root.compression.workers import ClusterTask, in_order
from baler_root.errors import SourceError
from baler_root.format.codecs.base import ModelCodec
from baler_root.format.codecs.registry import get_codec
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import Json, Manifest
from baler_root.format.container.model_references import DetachedModel
from baler_root.format.container.objects_block import pack_objects_block
from baler_root.format.container.read import PageId
from baler_root.format.container.write import ContainerWriter
from baler_root.format.model_file import ModelFile
from baler_root.format.model_store import hint_of
from baler_root.format.schema import Tree
from baler_root.format.statistics import pack_statistics
from baler_root.rootio.objects import pack_objects
from baler_root.rootio.source import RootSource
from baler_root.training.effort import TrainingEffort

SCHEMA_SHARE = 200
"""A second copy of the schema is written once the file is this many times larger: `recover` may need it."""


@dataclass(frozen=True, slots=True)
class FileCompression:
    """One ROOT file on its way into a container: `plan`, `learn`, `encode`, `finish`, in this order.

    Each step returns its result, which is an argument of the next:

        plan = run.plan()                # trees, columns, bounds, pages, relations
        plan = run.learn(plan)           # the same with models, which are written
        encoded = run.encode(plan, pool) # pages, which are written
        summary = run.finish(plan, encoded)
    """

    root: RootSource
    writer: ContainerWriter
    target: Path
    rules: Rules
    effort: TrainingEffort
    trees: Sequence[str] | None = None
    """Trees to compress; None for all."""
    codec: str | None = None
    """Codec that the user names; None leaves it to the effort."""
    models: ModelFile | None = None
    """Models to reuse instead of training."""
    detach: bool = False
    """Leave reused models in their file."""
    always_reuse: bool = False
    """Reuse models even if they make the output larger."""
    cluster_size: int | str = "64 MB"
    skip_unsupported: bool = False
    unreadable: Unreadable | None = None
    """Branches to leave out because an earlier attempt could not read them."""
    progress: Progress | None = None

    def plan(self) -> FilePlan:
        """Decisions about all trees, before anything is learned.

        Raises ConfigError for rules that match nothing, SourceError for what cannot be read or carried.
        """
        codec = self.codec or "conditional"
        derived = self.effort.level.derived and self.models is None and self.codec in (None, "conditional")
        jobs: list[TreeJob] = []
        lost = []
        for key in self.root.tree_keys(self.trees):
            try:
                tree = self.root.open_tree(key, skipped_in(key, self.unreadable or {}))
                owner = next((number for number, other in enumerate(jobs) if other.key == tree.same_as), None)
                search = derived and owner is None
                job = plan_tree(key, tree, self.rules, codec, self.cluster_size, derived=search)
            except SourceError as error:
                lost.append((key, str(error)))
                continue
            jobs.append(replace(job, same_as=owner))
        if lost and not jobs:
            raise SourceError("; ".join(text for _, text in lost))
        check_used(self.rules, [job.plan.schema for job in jobs])
        every_class = any(_needs_classes(job.plan.schema) for job in jobs)
        packed, objects, left_out = pack_objects(self.root.directory, every_class=every_class)
        skipped = (
            lost
            + [
                (f"{job.plan.schema.path}: {name}", cause)
                for job in jobs
                if job.same_as is None
                for name, cause in (*missing_branches(job), *job.source.left_out)
            ]
            + left_out
        )
        if skipped and not self.skip_unsupported:
            raise SourceError(unsupported_message(self.root.path, skipped))
        notes = [note for job in jobs for note in job.notes]
        if not jobs:
            if not objects:
                raise SourceError(
                    f"{self.root.path}: holds no TTree, no RNTuple and no object; there is nothing to compress"
                )
            notes.append("no TTree and no RNTuple: the file holds only objects that are carried as they are")
        if self.models is None:
            notes += note_on_masses(self.rules, self.effort)
            if codec != "classic":
                notes += self.effort.notes
        return FilePlan(tuple(jobs), codec, tuple(objects), packed, tuple(skipped), notes=tuple(notes))

    def learn(self, plan: FilePlan) -> FilePlan:
        """The plan with models where they pay; the models are written, before the pages that need them.

        Its trees of several clusters are without their first entries, which are not needed any more. Raises
        ConfigError if torch is needed and not installed, or no model fits.
        """
        if self.models is not None:
            plan = self._reuse(plan, self.models)
        elif isinstance(get_codec(plan.codec), ModelCodec):
            plan = self._train(plan)
        jobs = [
            replace(job, source=job.source.without_first_entries()) if len(job.lengths) > 1 else job
            for job in plan.jobs
        ]
        return replace(plan, jobs=tuple(jobs))

    def _train(self, plan: FilePlan) -> FilePlan:
        """The plan with models of its trees where they pay; they are written."""
        from baler_root.compression.models.learn import check_latents, learn, min_rows

        minimum = min_rows(self.effort)
        large = [job for _, job in plan.jobs_with_pages if job.plan.schema.num_entries >= minimum]
        check_latents(((job.plan, take_sample([(job.source, job.plan)])) for job in large), self.effort)
        jobs, notes, models = list(plan.jobs), list(plan.notes), 0
        for number, job in plan.jobs_with_pages:
            learned = learn(job.source, job.plan, job.lengths, self.effort, self.progress)
            jobs[number] = replace(job, plan=learned.plan)
            notes += learned.notes
            for model in learned.models:
                self.writer.write_block(BlockKind.MODEL, model, models)
                models += 1
        learned_any = models or any(job.plan.mixing for job in jobs)
        return replace(plan, jobs=tuple(jobs), notes=tuple(notes)).with_codec(
            plan.codec if learned_any else "classic"
        )

    def _reuse(self, plan: FilePlan, models: ModelFile) -> FilePlan:
        """The plan with the models of a file that pay here; they are written, or referred to if they stay
        detached."""
        reused = reuse(plan.jobs, models, self.detach, self.always_reuse)
        detached: tuple[DetachedModel, ...] = ()
        if self.detach:
            detached = reused.detached(hint_of(models.path, self.target))
        else:
            for number, stored in enumerate(reused.models.values()):
                self.writer.write_block(BlockKind.MODEL, stored.data, number)
        notes = (*plan.notes, *reused.notes)
        return replace(plan, jobs=tuple(reused.jobs), notes=notes, detached=detached).with_codec(reused.codec)

    def encode(self, plan: FilePlan, pool: Executor | None = None, ahead: int = 2) -> list[EncodedTree]:
        """The statistics of each tree; its pages are written, cluster by cluster.

        With a `pool`, its processes encode up to `ahead` clusters that wait in memory.
        """
        records: list[list[NDArray[Any]]] = [[] for _ in plan.jobs]
        lists: list[list[list[int]]] = [[] for _ in plan.jobs]
        total = sum(sum(job.lengths) for _, job in plan.jobs_with_pages)
        schema = self._manifest(plan, [EncodedTree()] * len(plan.jobs), emptied=True).pack()
        done, copied = 0, False
        for tree, cluster, result in _encoded_clusters(plan, pool, ahead):
            for group, page in enumerate(result.pages):
                self.writer.write_page(PageId(tree, cluster, group), page)
            records[tree].append(result.records)
            lists[tree].append(result.lists)
            if not copied and self.writer.size > SCHEMA_SHARE * len(schema):
                self.writer.write_block(BlockKind.SCHEMA, schema)
                copied = True
            done += result.entries
            if self.progress is not None:
                self.progress(done, total)
        return [
            EncodedTree(tuple(clusters), tuple(digests))
            for clusters, digests in zip(records, lists, strict=True)
        ]

    def finish(self, plan: FilePlan, encoded: Sequence[EncodedTree], started: float | None = None) -> Summary:
        """Write statistics, objects and footer, and give the file its name; returns a summary.

        `started` is the time (`time.perf_counter()`) from which the summary counts.
        """
        for number, job in plan.jobs_with_pages:
            records = encoded[number].stacked_records(len(job.plan.columns))
            self.writer.write_block(BlockKind.STATISTICS, pack_statistics(records), number)
        if plan.packed_objects:
            xz_models = 0 if self.codec == "classic" else self.effort.level.xz_models
            self.writer.write_block(BlockKind.OBJECTS, pack_objects_block(plan.packed_objects, xz_models))
        manifest = replace(
            self._manifest(plan, encoded),
            directories=tuple(_directories(self.root)),
            objects=tuple((item.path, item.cycle, item.classname, item.title) for item in plan.objects),
            provenance=self._provenance(plan),
        )
        schemas = [job.plan.schema for job in plan.jobs]
        models = None if self.models is None else self.models.path
        parts = self.writer.finish(manifest, partial(check_finished, schemas=schemas, models=models))
        trees = tuple(_tree_summary(plan.jobs, encoded, number) for number in range(len(plan.jobs)))
        branches = [branch for tree in trees if tree.same_as is None for branch in tree.branches]
        return Summary(
            source=self.root.path,
            target=str(self.target),
            source_size=self.root.size,
            size=self.target.stat().st_size,
            raw_size=sum(branch.raw_size for branch in branches),
            seconds=0.0 if started is None else time.perf_counter() - started,
            parts=parts,
            trees=trees,
            skipped=plan.skipped,
            notes=plan.notes,
        )

    def _manifest(self, plan: FilePlan, encoded: Sequence[EncodedTree], emptied: bool = False) -> Manifest:
        """The manifest of the trees; `emptied` of everything that only their pages decide."""
        trees = [stored_tree(job, result) for job, result in zip(plan.jobs, encoded, strict=True)]
        return Manifest(
            tuple(tree.emptied() for tree in trees) if emptied else tuple(trees),
            (plan.codec,),
            detached=plan.detached,
        )

    def _provenance(self, plan: FilePlan) -> Json:
        """Record of the source of the data, and of the options of the compression."""
        provenance = provenance_of(
            self.root, self.rules, self.trees, plan.codec, self.cluster_size, plan.skipped
        )
        if self.models is not None:
            return {**provenance, "model": self.models.name}
        return provenance if plan.codec == "classic" else provenance | self.effort.to_json()


def _needs_classes(schema: Tree) -> bool:
    """Whether a tree has bytes of objects, which only ROOT interprets."""
    return schema.tail is not None or any(branch.raw for branch in schema.branches)


def _encoded_clusters(
    plan: FilePlan, pool: Executor | None, ahead: int
) -> Iterator[tuple[int, int, EncodedCluster]]:
    """(tree, cluster, encoded) of all clusters, in the order of the file; at most `ahead` wait in memory."""
    tasks = [
        ClusterTask(tree, cluster, job.key, job.plan, start, stop)
        for tree, job in plan.jobs_with_pages
        for cluster, (start, stop) in enumerate(job.ranges())
    ]
    if pool is not None:
        yield from in_order(pool, tasks, ahead)
        return
    for task in tasks:
        arrays = plan.jobs[task.tree].source.read_cluster(task.start, task.stop)
        yield task.tree, task.cluster, encode_cluster(task.plan, arrays, task.stop - task.start)


def _directories(root: RootSource) -> list[str]:
    """Paths of all directories, empty ones included."""
    names = root.classnames.items()
    return [key.rpartition(";")[0] for key, name in names if name in ("TDirectory", "TDirectoryFile")]


def _tree_summary(jobs: Sequence[TreeJob], encoded: Sequence[EncodedTree], number: int) -> TreeSummary:
    """The summary of one tree; that of a tree in the pages of an earlier one has the earlier one's sizes."""
    job = jobs[number]
    owner = number if job.same_as is None else job.same_as
    columns, schema = jobs[owner].plan.columns, job.plan.schema
    branches = summarise_branches(schema, columns, job.reasons, encoded[owner].stacked_records(len(columns)))
    return TreeSummary(
        schema.path, schema.cycle, schema.num_entries, len(jobs[owner].lengths), branches, job.same_as
    )
