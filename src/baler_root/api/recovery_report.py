"""Reports of recoveries: clusters saved, and entries and branches lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from baler_root.api.recovered_cluster import PAGE_LOST, ClusterRecovery, RecoveredCluster
from baler_root.api.recovered_tree import RecoveredTree
from baler_root.errors import listed
from baler_root.format.container.damaged_file import DamagedFile
from baler_root.format.container.manifest import StoredTree
from baler_root.format.container.model_references import ModelOrigin

MAX_LOSSES = 1000
"""Most losses listed in a file; their number is unlimited, that of a manifest's items is not."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Branches that are lost in a range of entries."""

    tree: str
    """Path of the tree in the damaged file."""
    clusters: tuple[int, int]
    """First cluster, and the one after the last."""
    entries: tuple[int, int] | None
    """First entry, and the one after the last; None if their numbers are not known."""
    branches: tuple[str, ...]
    """Paths of the branches; empty if all are lost."""
    reason: str
    saved_as: str = ""
    """Path of the tree in the new file that has the other branches of these entries."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Parts of a damaged file that were saved, and those that were lost."""

    target: Path
    clusters: dict[str, int]
    """Clusters saved, by tree of the new file."""
    entries: dict[str, int]
    """Entries saved, by tree of the new file."""
    lost: tuple[Loss, ...] = ()
    notes: tuple[str, ...] = ()
    """Anything else that was lost or passed over, for people."""


class LossReport:
    """Collects losses while a file is recovered."""

    def __init__(self, damaged: DamagedFile) -> None:
        self._damaged = damaged
        self._losses: list[Loss] = []
        self._notes = list(damaged.notes)
        self._next_entry: dict[int, int | None] = {}

    def add(
        self, recovery: ClusterRecovery, cluster: int, content: RecoveredCluster, part: RecoveredTree | None
    ) -> None:
        """Note what a cluster lacks; clusters come in order, `part` is where the rest of it was saved."""
        start = self._next_entry.get(recovery.number, 0)
        stop = None if start is None or content.entries is None else start + content.entries
        self._next_entry[recovery.number] = stop
        entries = None if start is None or stop is None else (start, stop)
        schema = recovery.tree.schema
        by_reason: dict[str, list[str]] = {}
        for branch, reason in content.lost.items():
            by_reason.setdefault(reason, []).append(schema.path_of(branch))
        for reason, branches in by_reason.items():
            names = () if len(branches) == len(recovery.stored) else tuple(branches)
            saved_as = "" if part is None else part.stored.schema.path
            self._join(Loss(schema.path, (cluster, cluster + 1), entries, names, reason, saved_as))

    def add_gap(self, recovery: ClusterRecovery, first: int, stop: int) -> None:
        """Note that the clusters from `first` to before `stop` have no page; their entries are not known."""
        self._next_entry[recovery.number] = None
        self._join(Loss(recovery.tree.schema.path, (first, stop), None, (), PAGE_LOST))

    def add_notes(self, notes: Sequence[str]) -> None:
        """Note anything else, for people."""
        self._notes += notes

    def _join(self, loss: Loss) -> None:
        """Add a loss, joined with the same loss in the cluster before."""
        for position in range(len(self._losses) - 1, -1, -1):
            last = self._losses[position]
            if last.tree != loss.tree or last.clusters[1] < loss.clusters[0]:
                break
            same = replace(last, clusters=loss.clusters, entries=loss.entries) == loss
            if (
                same
                and last.clusters[1] == loss.clusters[0]
                and (last.entries is None) == (loss.entries is None)
            ):
                entries = None
                if last.entries is not None and loss.entries is not None:
                    entries = (last.entries[0], loss.entries[1])
                clusters = (last.clusters[0], loss.clusters[1])
                self._losses[position] = replace(last, clusters=clusters, entries=entries)
                return
        self._losses.append(loss)

    def add_missing(
        self, objects: Sequence[tuple[str, int, str, str]], trained: Sequence[ModelOrigin]
    ) -> None:
        """Note the objects and models of the manifest that are not among those saved."""
        manifest = self._damaged.manifest
        missing = [item[0] for item in manifest.objects if item not in objects]
        if missing:
            self._notes.append(f"lost: the objects {listed(missing)}")
        models = len(manifest.trained) - len(trained)
        if models:
            self._notes.append(f"lost: {models} of {len(manifest.trained)} models")

    def to_json(self) -> dict[str, Any]:
        """The report as JSON, for the provenance of the new file."""
        return {
            "lost": [asdict(loss) for loss in self._losses[:MAX_LOSSES]],
            "more": max(0, len(self._losses) - MAX_LOSSES),
            "notes": self._notes,
        }

    def result(self, target: Path, trees: Sequence[StoredTree]) -> Recovery:
        """The result, for the trees of the new file."""
        clusters: dict[str, int] = {}
        entries: dict[str, int] = {}
        for tree in trees:
            if tree.same_as is None:
                path = tree.schema.path
                clusters[path] = clusters.get(path, 0) + len(tree.clusters)
                entries[path] = entries.get(path, 0) + tree.schema.num_entries
        return Recovery(target, clusters, entries, tuple(self._losses), tuple(self._notes))
