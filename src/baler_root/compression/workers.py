"""Worker processes that read and encode clusters of one ROOT file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

from baler_root.compression.cluster_encoder import EncodedCluster, encode_cluster
from baler_root.compression.plan import Plan
from baler_root.errors import WorkerError
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import SourceTree

MIN_SIZE_FOR_POOL = 1 << 25
"""Bytes of the smallest source for which several processes pay for their start-up of about a second."""


PARENT_CHECK = 2.0
"""Seconds after which a worker checks again that its parent still runs."""


class ClusterTask(NamedTuple):
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
    """Worker processes, which start up at once; None if one process is faster.

    They end when the context ends, at once if it does so with an exception, and when this process is killed.
    """
    if jobs <= 1 or size < MIN_SIZE_FOR_POOL:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    ended, alive = context.Pipe(duplex=False)
    with ended, alive:
        pool = ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(source, ended))
        try:
            with _interrupts_here():
                for _ in range(jobs):
                    pool.submit(_start_up)
            yield pool
        except BaseException:
            alive.close()  # the workers end at once, not after their clusters
            raise
        finally:
            pool.shutdown(cancel_futures=True)


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
    pool: Executor, tasks: Sequence[ClusterTask], max_waiting: int
) -> Iterator[tuple[int, int, EncodedCluster]]:
    """(tree, cluster, encoded) of all tasks in order; at most `max_waiting` of them wait in memory.

    Raises WorkerError when a worker process is killed.
    """
    waiting: deque[tuple[ClusterTask, Future[EncodedCluster]]] = deque()
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
    except BrokenProcessPool:
        raise WorkerError(
            "a worker process ended before its work was done: it was killed, or memory ran out; fewer --jobs or a "
            'smaller --cluster-size need less (a script needs `if __name__ == "__main__":` around its own code)'
        ) from None
    finally:
        for _, future in waiting:
            future.cancel()


_source: list[RootSource] = []
"""Source file of a worker process (one entry)."""


_trees: dict[str, SourceTree] = {}
"""Trees that a worker process has opened, by key."""


def _start_worker(source: str, ended: Connection) -> None:
    """Open the file once in each worker process, which ends when `ended` closes at the other end."""
    threading.Thread(target=_end_with_parent, args=(ended,), daemon=True).start()
    _source.append(RootSource(source))


def _end_with_parent(ended: Connection) -> None:
    """End this process when the one that started it closes its end of the pipe, or is gone.

    A copy of that process (a fork) may keep the pipe open, so the number of the parent is checked, too.
    """
    parent = multiprocessing.parent_process()
    while not ended.poll(PARENT_CHECK):
        if parent is not None and os.getppid() != parent.pid:
            break
    os._exit(1)


def _start_up() -> None:
    """Task without work: submitting it starts a worker process."""


def _work(key: str, plan: Plan, start: int, stop: int) -> EncodedCluster:
    if key not in _trees:
        _trees[key] = _source[0].open_handles(key, plan.schema)
    return encode_cluster(plan, _trees[key].read_cluster(start, stop), stop - start)
