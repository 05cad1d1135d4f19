"""Saves what is whole in a damaged or truncated file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from baler_root.api.recovered_baskets import RecoveredBaskets
from baler_root.api.recovered_cluster import ClusterRecovery, RecoveredCluster, groups_of_pages
from baler_root.api.recovered_tree import RecoveredTree, without_branches
from baler_root.api.recovery_report import Loss, LossReport, Recovery
from baler_root.api.verify import verify
from baler_root.errors import BalerError, CorruptFileError, listed
from baler_root.format.container.atomic_file import check_not_input
from baler_root.format.container.bytesource import LocalFile
from baler_root.format.container.damaged_file import DamagedFile, open_damaged
from baler_root.format.container.layout import NO_CODEC, BlockKind
from baler_root.format.container.manifest import Manifest, StoredTree
from baler_root.format.container.objects_block import unpack_objects_block
from baler_root.format.container.read import open_container
from baler_root.format.container.write import ContainerWriter
from baler_root.format.model_store import ModelStore, Places
from baler_root.format.schema import free_path
from baler_root.rootio.objects import list_objects
from baler_root.rootio.tree_tail import drop_index

__all__ = ["Loss", "Recovery", "recover", "saves_something"]

Objects = tuple[tuple[str, int, str, str], ...]
"""Carried objects: path, cycle, class name, title."""


def recover(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    like: str | os.PathLike[str] | None = None,
    models: Places = None,
    overwrite: bool = False,
) -> Recovery:
    """Write what is whole in `source` into the new file `target`; returns what was saved, and what is lost.

    A page is whole if its bytes have their checksum, and its values the digest in the page table. Clusters
    whose pages are all whole are copied. Of others, the branches that are whole are saved; clusters that lack
    the same branches make a tree. The largest of these trees keeps its name; the others have `_part2` and so
    on after it. Pages of other files in `source` are not taken.

    The schema comes from a footer or schema block in `source`, else from `like`, a whole file of the same
    trees. `models` are places of models that the file refers to: files, or folders of them. The errors made
    are unknown afterwards (NaN in the statistics); all bounds still hold. Raises CorruptFileError when
    nothing can be saved, MissingModelError when a model is not found.
    """
    check_not_input(target, source)
    if like is not None:
        check_not_input(target, like, "the file of --like")
    file = LocalFile(source)
    try:
        damaged = _open(file, like)
        return _FileRecovery(damaged, Path(target), models).write(overwrite)
    finally:
        file.close()


def saves_something(source: str | os.PathLike[str], models: Places = None) -> bool:
    """Whether `recover` would save anything of a file on this machine, without a file that is `like` it."""
    try:
        file = LocalFile(source)
    except BalerError:
        return False
    try:
        return _FileRecovery(_open(file), Path(source), models).saves_something()
    except BalerError:
        return False
    finally:
        file.close()


def _open(file: LocalFile, like: str | os.PathLike[str] | None = None) -> DamagedFile:
    if like is None:
        return open_damaged(file)
    with open_container(like) as container:
        return open_damaged(file, container.manifest)


class _FileRecovery:
    """The recovery of one file."""

    def __init__(self, damaged: DamagedFile, target: Path, places: Places) -> None:
        self._damaged, self._target, self._places = damaged, target, places
        self._included = {sha256(model).digest(): model for model in damaged.models}
        self._store = ModelStore(self._included, damaged.manifest.detached, damaged.name, places)
        self._models = _UsedModels(self._store)
        groups = groups_of_pages(damaged)
        self._trees = {
            number: ClusterRecovery(damaged, number, self._models, groups.get(number, {}))
            for number, tree in enumerate(damaged.manifest.trees)
            if tree.same_as is None
        }
        self._objects, self._packed_objects = _whole_objects(damaged)
        self._trained = tuple(m for m in damaged.manifest.trained if m.digest in self._included)
        self._codecs = _with_classic(damaged.manifest.codecs)
        self._report = LossReport(damaged)

    def saves_something(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._objects or self._trained) or any(
            recovery.saves(recovery.read(cluster))
            for recovery in self._trees.values()
            for cluster in recovery.clusters
        )

    def write(self, overwrite: bool) -> Recovery:
        """Write all that is whole; raises CorruptFileError if that is nothing."""
        damaged = self._damaged
        with ContainerWriter(self._target, overwrite) as writer:
            parts, needed = self._write_pages(writer)
            trees = self._finish_trees(writer, parts)
            if not (self._objects or self._trained or any(tree.clusters for tree in trees)):
                raise CorruptFileError(
                    f"{damaged.name}: no cluster is whole, nor any branch of one; nothing can be saved"
                )
            needed |= {model.digest for model in self._trained}
            for number, digest in enumerate(digest for digest in self._included if digest in needed):
                writer.write_block(BlockKind.MODEL, self._included[digest], number)
            if self._objects:
                writer.write_block(BlockKind.OBJECTS, self._packed_objects)
            report = self._report
            report.add_missing(self._objects, self._trained)
            writer.finish(
                Manifest(
                    tuple(trees),
                    self._codecs,
                    directories=damaged.manifest.directories or _directories(self._objects),
                    objects=self._objects,
                    provenance={
                        **damaged.manifest.provenance,
                        "recovered": True,
                        "recovery": report.to_json(),
                    },
                    detached=self._store.references(self._target),
                    trained=self._trained,
                ),
                self._check,
            )
        return report.result(self._target, trees)

    def _check(self, path: Path) -> None:
        """Raise CorruptFileError if the new file would not pass `verify`."""
        problems = verify(path, models=self._places).problems
        if problems:
            raise CorruptFileError(f"{self._damaged.name}: cannot be recovered ({listed(problems, 1)})")

    def _write_pages(self, writer: ContainerWriter) -> tuple[dict[int, list[RecoveredTree]], set[bytes]]:
        """Write the clusters; returns the trees of the new file by the number of the original, and the models
        that they need."""
        parts: dict[int, list[RecoveredTree]] = {}
        needed: set[bytes] = set()
        total = len(self._damaged.manifest.trees)
        paths = {tree.schema.path for tree in self._damaged.manifest.trees} | {o[0] for o in self._objects}
        for number, recovery in self._trees.items():
            path = recovery.tree.schema.path
            main = RecoveredTree(recovery.tree, _most_frequent_loss(recovery), path, number)
            parts[number] = [main]
            baskets, following = RecoveredBaskets(recovery), 0
            for cluster in recovery.clusters:
                if cluster > following:
                    self._report.add_gap(recovery, following, cluster)
                following = cluster + 1
                self._models.used.clear()
                read = recovery.read(cluster)
                content, part = _placed(recovery, baskets, parts[number], cluster, read)
                if recovery.saves(content):
                    if part is None:
                        name = _new_path(path, paths)
                        part = RecoveredTree(recovery.tree, content.lost, name, total)
                        parts[number].append(part)
                        total += 1
                    part.write(writer, recovery, content, self._codecs.index("classic"))
                    part.last_cluster = cluster
                    needed |= self._models.used if part.is_complete else set()
                baskets.add(cluster, read)
                self._report.add(recovery, cluster, content, part)
            self._report.add_notes(baskets.notes)
        return parts, needed

    def _finish_trees(
        self, writer: ContainerWriter, parts: Mapping[int, list[RecoveredTree]]
    ) -> list[StoredTree]:
        """The entries of the manifest: the trees of the damaged file, then the parts that were added."""
        finished = {}
        for part in (part for number in parts for part in parts[number]):
            finished[part.position] = self._indexed(part.finish(writer), part)
        for number, tree in enumerate(self._damaged.manifest.trees):
            if tree.same_as is not None:
                owner = parts[tree.same_as][0]
                reduced = self._indexed(without_branches(tree, owner.lost), owner)
                entries = finished[tree.same_as].schema.num_entries
                finished[number] = replace(reduced, schema=replace(reduced.schema, num_entries=entries))
        return [finished[position] for position in sorted(finished)]

    def _indexed(self, tree: StoredTree, part: RecoveredTree) -> StoredTree:
        """The tree without its index, unless its entries have the numbers that they had."""
        if self._damaged.table is not None and part.has_all_clusters:
            return tree
        tail, left_out = drop_index(tree.schema.tail)
        if left_out:
            path = tree.schema.path
            self._report.add_notes([f"{path}: left out: {left_out}, since entries have other numbers now"])
        return replace(tree, schema=replace(tree.schema, tail=tail))


class _UsedModels(Mapping[bytes, bytes]):
    """Models by their SHA-256, which notes those that were used."""

    def __init__(self, models: Mapping[bytes, bytes]) -> None:
        self._models = models
        self.used: set[bytes] = set()

    def __getitem__(self, digest: bytes) -> bytes:
        self.used.add(digest)
        return self._models[digest]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


def _placed(
    recovery: ClusterRecovery,
    baskets: RecoveredBaskets,
    parts: Sequence[RecoveredTree],
    cluster: int,
    content: RecoveredCluster,
) -> tuple[RecoveredCluster, RecoveredTree | None]:
    """The cluster as it is saved, and the tree that lacks the same branches; None if there is none yet.

    Where the tree lacks the cluster in front of it, baskets begin anew.
    """
    while recovery.saves(content):
        part = next((part for part in parts if part.lost.keys() == content.lost.keys()), None)
        if cluster == (-1 if part is None else part.last_cluster) + 1:
            return content, part
        lost = baskets.lost_behind_gap(content)
        if not lost:
            return baskets.started(content), part
        content = replace(content, lost={**content.lost, **lost})
    return content, None


def _most_frequent_loss(recovery: ClusterRecovery) -> Mapping[int, str]:
    """The lost branches of most clusters, weighted by the columns that are left: those of the tree that keeps
    its name.

    Clusters that have all their pages are taken as whole if the first of them is.
    """
    weights: Counter[frozenset[int]] = Counter()
    reasons: dict[frozenset[int], Mapping[int, str]] = {frozenset(): {}}
    trusted: bool | None = None
    for cluster in recovery.clusters:
        lost: Mapping[int, str] = {}
        is_complete = recovery.is_complete(cluster)
        if not (is_complete and trusted):
            content = recovery.read(cluster)
            if is_complete and trusted is None:
                trusted = not content.lost
            if not recovery.saves(content):
                continue
            lost = content.lost
        key = frozenset(lost)
        reasons.setdefault(key, lost)
        weights[key] += sum(column.branch not in lost for column in recovery.columns)
    return reasons[weights.most_common(1)[0][0]] if weights else {}


def _whole_objects(damaged: DamagedFile) -> tuple[Objects, bytes]:
    """The carried objects that are whole, and their block; without a footer, all objects in the block."""
    block = damaged.last_block(BlockKind.OBJECTS)
    if block is None:
        return (), b""
    try:
        available = {item[:2]: item for item in list_objects(unpack_objects_block(block.payload))}
    except Exception:  # noqa: BLE001 - whatever uproot meets in bytes that are no ROOT file
        return (), b""
    objects: Objects = tuple((i.path, i.cycle, i.classname, i.title) for i in available.values())
    listed = objects if damaged.table is None else damaged.manifest.objects
    return tuple(item for item in listed if item[:2] in available), bytes(block.payload)


def _directories(objects: Objects) -> tuple[str, ...]:
    """The directories of objects, parents first."""
    paths = {str(parent) for item in objects for parent in PurePosixPath(item[0]).parents}
    return tuple(sorted(paths - {"."}))


def _with_classic(codecs: tuple[str, ...]) -> tuple[str, ...]:
    """The codecs, and `classic` after them if it is none of them; raises CorruptFileError if they are too
    many."""
    if "classic" in codecs:
        return codecs
    if len(codecs) >= NO_CODEC:
        raise CorruptFileError(f"{len(codecs)} codecs in one file; at most {NO_CODEC} are allowed")
    return (*codecs, "classic")


def _new_path(path: str, taken: set[str]) -> str:
    """A new path, with `_part2` or the next number that is free; it is added to those `taken`."""
    name = free_path(f"{path}_part", taken)
    taken.add(name)
    return name
