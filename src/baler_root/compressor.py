"""Compresses a ROOT file: plans every tree, encodes it cluster by cluster, and names the file when it is whole."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.batch import Column, Progress
from baler_root.bounds import ErrorBound
from baler_root.cluster import EncodedCluster, Plan, encode_cluster, flatten, plan_groups
from baler_root.config import Rules, build_rules
from baler_root.container.layout import BlockKind
from baler_root.container.manifest import Block, Json, Manifest, StoredTree
from baler_root.container.write import ContainerWriter
from baler_root.errors import ConfigError, SourceError
from baler_root.packing import pack_bytes
from baler_root.quantiser import SENTINELS
from baler_root.registry import get_codec
from baler_root.rootio.read import (
    RootSource,
    SourceTree,
    UnreadableBranchError,
    cluster_lengths,
    same_baskets,
)
from baler_root.schema import Tree
from baler_root.statistics import RECORD, pack_statistics
from baler_root.summary import Summary, TreeSummary, summarise_branches
from baler_root.tables import find_tables

if TYPE_CHECKING:
    from concurrent.futures import Executor

CLUSTER_SIZE = "64 MB"
"""Of arrays in memory: large enough that per-page costs vanish, small enough that many fit in memory."""

SCHEMA_SHARE = 200
"""A second copy of the schema is written once the file is this many times larger: `recover` may need it."""

POOL_SIZE = 1 << 25
"""Bytes of a source from which several processes are worth their start-up of about a second."""

MAX_CLUSTER_SIZE = 1 << 28
"""Bytes in memory; a page may not decode to more."""


@dataclass(slots=True)
class _TreeJob:
    """One tree on its way into the file."""

    key: str
    source: SourceTree
    plan: Plan
    reasons: tuple[tuple[str, str], ...]
    lengths: list[int] = field(default_factory=list)
    same_as: int | None = None
    records: list[NDArray[Any]] = field(default_factory=list)
    lists: list[list[int]] = field(default_factory=list)

    def ranges(self) -> list[tuple[int, int]]:
        """Entry range of each cluster."""
        stops = np.cumsum(self.lengths, dtype=np.int64).tolist()
        return [(stop - length, stop) for stop, length in zip(stops, self.lengths, strict=True)]

    def stacked_records(self) -> NDArray[Any]:
        """The records of all clusters, (clusters, columns)."""
        if not self.records:
            return np.zeros((0, len(self.plan.columns)), dtype=RECORD)
        return np.stack(self.records)

    def stored(self) -> StoredTree:
        """What the manifest says of the tree."""
        if self.same_as is not None:
            return StoredTree(self.plan.schema, bounds=self.reasons, same_as=self.same_as)
        columns = self.plan.columns
        digests = zip(*self.lists, strict=True) if self.lists else ((i,) for i, _ in enumerate(columns))
        lists, tables = find_tables(self.plan.schema, columns, list(digests))
        return StoredTree(
            schema=self.plan.schema,
            clusters=tuple(self.lengths),
            layouts=(self.plan.groups,),
            layout=(0,) * len(self.lengths),
            bounds=self.reasons,
            lists=lists,
            tables=tables,
        )


def compress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    rules: Rules | None = None,
    bound: str | None = None,
    branch_bounds: Sequence[str] = (),
    preset: str | None = None,
    trees: Sequence[str] | None = None,
    codec: str = "classic",
    cluster_size: int | str = CLUSTER_SIZE,
    jobs: int = 1,
    overwrite: bool = False,
    skip_unsupported: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Compress the ROOT file `source` into the new file `target`; returns what it did.

    `bound` is the default for floating-point branches, `branch_bounds` are `'pattern=bound'` rules (last match
    wins); `rules` replaces both. `cluster_size` is a number of entries or a size in memory (`"64 MB"`). With
    `jobs > 1` clusters are encoded by that many processes (a script then needs the usual
    `if __name__ == "__main__":` guard). Every value is decoded and checked before `target` gets its name.

    Raises SourceError, ConfigError, OutputError, KeyInFileError or UnknownCodecError; nothing is left then.
    """
    if rules is None:
        rules = build_rules(bound=bound, branch=branch_bounds, preset=preset)
    get_codec(codec)
    if Path(target).exists() and Path(source).exists() and Path(target).samefile(source):
        raise ConfigError(f"{os.fspath(target)}: is the input; name another file as output")
    skip: dict[tuple[str, str], str] = {}
    while True:
        try:
            return _compress(
                os.fspath(source), Path(target), rules, trees, codec, cluster_size, jobs, overwrite,
                skip_unsupported, skip, progress,
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
    codec: str,
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
        _processes(source, jobs, root.size) as pool,
    ):
        work = [_plan_tree(root, key, rules, codec, cluster_size, skip) for key in root.tree_keys(trees)]
        rules.check_used(job.plan.schema for job in work)
        for position, job in enumerate(work):
            job.same_as = next((i for i in range(position) if same_baskets(job.source, work[i].source)), None)
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
        done, copied = 0, False
        schema = Manifest(tuple(job.stored().emptied() for job in work), (codec,)).pack()
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
        provenance = _provenance(root, rules, trees, codec, cluster_size, skipped)

        def manifest(blocks: list[Block], superseded: list[tuple[int, int]]) -> Manifest:
            return Manifest(
                trees=tuple(job.stored() for job in work),
                codecs=(codec,),
                directories=tuple(_directories(root)),
                objects=tuple((o.path, o.cycle, o.classname, o.title) for o in objects),
                blocks=tuple(blocks),
                superseded=tuple(superseded),
                provenance=provenance,
            )

        parts = writer.finish(manifest)
        size = target.stat().st_size
        source_size = root.size
    return _summarise(source, target, source_size, size, time.perf_counter() - started, parts, work, skipped)


def _plan_tree(
    root: RootSource,
    key: str,
    rules: Rules,
    codec: str,
    cluster_size: int | str,
    skip: dict[tuple[str, str], str],
) -> _TreeJob:
    """All decisions about one tree."""
    path = key.rpartition(";")[0]
    tree = root.open_tree(key, {branch: why for (owner, branch), why in skip.items() if owner == path})
    schema = tree.schema
    draft = Plan(schema, (), ())
    columns = draft.columns
    asked = [_bound(rules, schema, column) for column in columns if column.has_values]
    reasons = tuple((str(bound), reason) for bound, reason in asked)
    sample = flatten(draft, columns, tree.sample)
    sampled = min(schema.num_entries, max((len(array) for array in tree.sample.values()), default=0))
    target = _cluster_entries(cluster_size, tree.entry_size)
    lengths = cluster_lengths(tree, target)
    groups = plan_groups(sample, sampled, max(lengths, default=1))
    bounds = tuple(bound for bound, _ in asked)
    plan = Plan(schema, bounds, groups, codec, (*SENTINELS, *rules.sentinels))
    return _TreeJob(key, tree, plan, reasons, lengths)


def _bound(rules: Rules, schema: Tree, column: Column) -> tuple[ErrorBound, str]:
    """The bound of a column and why; a field of a record is named like a branch under its branch."""
    branch = schema.branches[column.branch]
    path, name = schema.path_of(column.branch), branch.name
    if column.field:
        path, name = f"{path}.{column.field}", column.field.rpartition(".")[2]
    dtype = column.dtype if column.role == "data" else np.dtype(bool)
    return rules.bound_for(schema.path, path, name, dtype, branch.typename)


def _cluster_entries(cluster_size: int | str, entry_size: float) -> int:
    """Entries of a cluster of this many entries, or of this size in memory."""
    if isinstance(cluster_size, int) or cluster_size.strip().isdecimal():
        entries = int(cluster_size)
        if entries < 1:
            raise ConfigError(f"cluster size {cluster_size}: at least one entry is needed")
        return min(entries, max(1, int(MAX_CLUSTER_SIZE / 2 / max(entry_size, 1e-9))))
    parts = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([kMG]i?B|B)\s*", cluster_size)
    if parts is None:
        raise ConfigError(
            f"cluster size {cluster_size!r}: write a number of entries, or a size such as '64 MB'"
        )
    number, unit = parts.groups()
    size = float(number) * (1024 if "i" in unit else 1000) ** " kMG".index(unit[0].replace("B", " "))
    if not 1 <= size <= MAX_CLUSTER_SIZE:
        raise ConfigError(
            f"cluster size {cluster_size!r}: from 1 B to {MAX_CLUSTER_SIZE >> 20} MiB are allowed"
        )
    return max(1, int(size / max(entry_size, 1e-9)))


def _missing(job: _TreeJob) -> list[tuple[str, str]]:
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
    work: Sequence[_TreeJob], pool: Executor | None, ahead: int
) -> Iterator[tuple[int, int, EncodedCluster]]:
    """(tree, cluster, encoded) of all clusters, in the order of the file; at most `ahead` wait in memory."""
    todo = [
        (tree, cluster, start, stop)
        for tree, job in enumerate(work)
        if job.same_as is None
        for cluster, (start, stop) in enumerate(job.ranges())
    ]
    if pool is not None:
        yield from _in_order(pool, work, todo, ahead)
        return
    for tree, cluster, start, stop in todo:
        job = work[tree]
        arrays = job.source.read(job.plan.schema.stored(), start, stop)
        yield tree, cluster, encode_cluster(job.plan, arrays, stop - start)
        if stop == job.plan.schema.num_entries:
            job.source.sample.clear()


@contextmanager
def _processes(source: str, jobs: int, size: int) -> Iterator[Executor | None]:
    """Worker processes, already starting up; None where one process does it sooner."""
    if jobs <= 1 or size < POOL_SIZE:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(source,)) as pool:
        with _interrupts_here():
            for _ in range(jobs):
                pool.submit(_start_up)
        yield pool


@contextmanager
def _interrupts_here() -> Iterator[None]:
    """Processes started meanwhile leave Ctrl-C to this one, which then stops them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_order(
    pool: Executor, work: Sequence[_TreeJob], todo: Sequence[tuple[int, int, int, int]], ahead: int
) -> Iterator[tuple[int, int, EncodedCluster]]:
    """The results in order, never more than `ahead` of them waiting in memory."""
    waiting: deque[tuple[int, int, Future[EncodedCluster]]] = deque()
    try:
        for tree, cluster, start, stop in todo:
            with _interrupts_here():
                future = pool.submit(_work, work[tree].key, work[tree].plan, start, stop)
            waiting.append((tree, cluster, future))
            if len(waiting) >= ahead:
                first = waiting.popleft()
                yield first[0], first[1], first[2].result()
        while waiting:
            first = waiting.popleft()
            yield first[0], first[1], first[2].result()
    finally:
        for _, _, future in waiting:
            future.cancel()


_source: list[RootSource] = []
"""In a worker process: the file it reads."""

_trees: dict[str, SourceTree] = {}
"""In a worker process: the trees it has opened, by key."""


def _start_worker(source: str) -> None:
    """Open the file once in each worker process."""
    _source.append(RootSource(source))


def _start_up() -> None:
    """Does nothing, in a worker process that is started for it."""


def _work(key: str, plan: Plan, start: int, stop: int) -> EncodedCluster:
    if key not in _trees:
        _trees[key] = _source[0].open_handles(key, plan.schema)
    return encode_cluster(plan, _trees[key].read(plan.schema.stored(), start, stop), stop - start)


def _directories(root: RootSource) -> list[str]:
    """Paths of all directories, empty ones included."""
    names = root.classnames.items()
    return [key.rpartition(";")[0] for key, name in names if name in ("TDirectory", "TDirectoryFile")]


def _provenance(
    root: RootSource,
    rules: Rules,
    trees: Sequence[str] | None,
    codec: str,
    cluster_size: int | str,
    skipped: Sequence[tuple[str, str]],
) -> Json:
    """Where the data came from and how the file was made; the same for the same input and configuration."""
    from baler_root import __version__

    return {
        "codec": codec,
        "cluster_size": str(cluster_size),
        "rules": rules.to_json(),
        "skipped": [list(item) for item in skipped],
        "source": {
            "digest": _digest(root.path),
            "name": Path(root.path).name,
            "size": root.size,
            "uuid": root.uuid,
        },
        "trees": None if trees is None else list(trees),
        "versions": {"baler_root": __version__, **_versions("awkward", "numpy", "pcodec", "uproot")},
    }


def _versions(*names: str) -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in names}


def _digest(path: str) -> str:
    """SHA-256 of a local file; empty for a remote one, which would have to be fetched again."""
    if "://" in path:
        return ""
    state = sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 22):
            state.update(block)
    return f"sha256:{state.hexdigest()}"


def _summarise(
    source: str,
    target: Path,
    source_size: int,
    size: int,
    seconds: float,
    parts: dict[str, int],
    work: Sequence[_TreeJob],
    skipped: Sequence[tuple[str, str]],
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
    return Summary(source, str(target), source_size, size, raw, seconds, parts, tuple(trees), tuple(skipped))
