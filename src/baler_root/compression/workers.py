"""Worker processes that read and encode clusters of one ROOT file."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from baler_root.compression.cluster_encoder import EncodedCluster, encode_cluster
from baler_root.compression.plan import Plan
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import SourceTree

POOL_SIZE = 1 << 25
"""Bytes of a source from which several processes pay for their start-up of about a second."""


class Task(NamedTuple):
    """A cluster to encode."""

    tree: int
    """Position of the tree in the output."""
    cluster: int
    key: str
    """The tree's key in the source."""
    plan: Plan
    start: int
    stop: int


@contextmanager
def processes(source: str, jobs: int, size: int) -> Iterator[Executor | None]:
    """Worker processes, which start up at once; None if one process is faster."""
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
    """While this context is active, new processes ignore Ctrl-C: this process receives it and stops them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous_handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous_handler)


def in_order(
    pool: Executor, tasks: Sequence[Task], max_waiting: int
) -> Iterator[tuple[int, int, EncodedCluster]]:
    """(tree, cluster, encoded) of all tasks in order; at most `max_waiting` of them wait in memory."""
    waiting: deque[tuple[Task, Future[EncodedCluster]]] = deque()
    try:
        for task in tasks:
            with _interrupts_here():
                waiting.append((task, pool.submit(_work, task.key, task.plan, task.start, task.stop)))
            if len(waiting) >= max_waiting:
                oldest, future = waiting.popleft()
                yield oldest.tree, oldest.cluster, future.result()
        while waiting:
            oldest, future = waiting.popleft()
            yield oldest.tree, oldest.cluster, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


_source: list[RootSource] = []
"""Source file of a worker process (one entry)."""


_trees: dict[str, SourceTree] = {}
"""Trees that a worker process has opened, by key."""


def _start_worker(source: str) -> None:
    """Open the file once in each worker process."""
    _source.append(RootSource(source))


def _start_up() -> None:
    """Task without work: submitting it starts a worker process."""


def _work(key: str, plan: Plan, start: int, stop: int) -> EncodedCluster:
    if key not in _trees:
        _trees[key] = _source[0].open_handles(key, plan.schema)
    return encode_cluster(plan, _trees[key].read(plan.schema.stored(), start, stop), stop - start)
