"""Writes trees and carried objects to a ROOT file, as TTree where one fits and as RNTuple otherwise."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal

from baler_root.errors import ConfigError, OutputError, SourceError, listed
from baler_root.format.schema import Tree, free_path
from baler_root.rootio.array_parts import values_of
from baler_root.rootio.leaves import OutputBranch
from baler_root.rootio.objects import copy_objects, list_newest_first, list_objects, numbered
from baler_root.rootio.raw.record_writer import OutputRecord
from baler_root.rootio.read_back import CHECKED_ENTRIES, Check, TreeWritten, read_back
from baler_root.rootio.rntuple_writer import RNTupleLayout, RNTupleWriter, lay_out_rntuple
from baler_root.rootio.tree_tail import TreeTail
from baler_root.rootio.ttree_layout import TTreeLayout, lay_out_ttree
from baler_root.rootio.ttree_writer import DoesNotFitError, TTreeWriter

if TYPE_CHECKING:
    import awkward as ak


Clusters = Callable[[], Iterator[dict[int, "ak.Array"]]]
"""Starts over at the first cluster of a tree: its stored branches by position, all of one length."""


_LEVELS = {"zlib": 9, "lzma": 9, "lz4": 12, "zstd": 22}


def write_root(
    path: str | Path | IO[bytes],
    trees: Sequence[tuple[Tree, Clusters]],
    objects: bytes | None = None,
    *,
    kind: Literal["auto", "ttree", "rntuple"] = "auto",
    compression: str = "zstd-5",
    progress: Callable[[int], None] | None = None,
) -> list[TreeWritten]:
    """Write a ROOT file, read it back (names, lengths, first entries), and return a record of each tree.

    `kind="auto"` gives a TTree where the source was one and every branch can be a TTree branch, else an
    RNTuple. `compression` is "none" or algorithm and level, such as "zlib-1" or "zstd-5". `objects` comes
    from `pack_objects`. `progress` is called with the number of entries after each cluster. One cluster is
    held at a time.

    Raises SourceError where a tree does not fit the kind asked for, naming each branch and cause; ConfigError
    for an unknown compression; OutputError where the file does not read back as written.
    """
    import uproot

    file = uproot.recreate(path, compression=compression_of(compression))
    try:
        if objects:
            copy_objects(objects, file)
        report = progress or (lambda _: None)
        checks: list[Check] = []
        paths = [tree.path for tree, _ in trees] + [item.path for item in list_objects(objects or b"")]
        taken = {str(path) for item in paths for path in (item, *PurePosixPath(item).parents)}
        for tree, clusters in trees:
            directory = file.mkdir(tree.path.rpartition("/")[0]) if "/" in tree.path else file
            with numbered(directory, tree.cycle):
                checks += _write_tree(directory, tree, clusters, kind, report, taken)
            if checks[-1].cycle > 1:
                list_newest_first(directory)
    finally:
        file.file.sink.flush()
        if isinstance(path, str | os.PathLike):  # a file object stays open: it is its owner's
            file.close()
    read_back(path, checks)
    return [check.written for check in checks]


def compression_of(setting: str) -> Any:
    """uproot's compression for "none", "zlib-1", "lzma-9" and so on; raises ConfigError for other texts."""
    import uproot

    if setting == "none":
        return None
    match = re.fullmatch(r"(zlib|lzma|lz4|zstd)-(\d{1,2})", setting)
    if not match or not 1 <= int(match[2]) <= _LEVELS[match[1]]:
        choices = ", ".join(f"{name}-1 to {name}-{level}" for name, level in _LEVELS.items())
        raise ConfigError(f"compression {setting!r} is not known; choose none, {choices}")
    return getattr(uproot, match[1].upper())(int(match[2]))


def _write_tree(
    directory: Any,
    tree: Tree,
    clusters: Clusters,
    kind: Literal["auto", "ttree", "rntuple"],
    progress: Callable[[int], None],
    taken: Collection[str],
) -> Iterator[Check]:
    name = tree.path.rpartition("/")[2]
    causes: list[tuple[str, str]] = []
    has_raw = any(branch.raw for branch in tree.branches)
    if kind == "ttree" or (kind == "auto" and tree.kind == "TTree"):
        first = next(clusters(), {})
        without: list[int] = []
        for share in (True, False):
            layout = lay_out_ttree(tree, first, share=share)
            causes, without = layout.causes, layout.unfit
            if causes:
                break
            try:
                written = _fill_ttree(directory, name, tree, layout, clusters, progress)
            except DoesNotFitError as error:
                causes, without = [("its data", str(error))], tree.stored()
            else:
                yield written
                return
        if kind == "ttree":
            raise SourceError(_refusal(tree, "a TTree", causes, "Write an RNTuple instead (--kind rntuple)."))
        if has_raw:
            layout = lay_out_ttree(tree, first, without=without)
            rest = _part(tree, set(without) - layout.described, _rest_path(tree.path, taken))
            texts = _grouped(causes)
            layout.notes += [f"written to the RNTuple {rest.path!r} besides, since {text}" for text in texts]
            try:
                written = _fill_ttree(directory, name, tree, layout, clusters, progress)
            except DoesNotFitError as error:
                advice = (
                    "Write an RNTuple without its raw branches (--kind rntuple); baler_root.open reads them."
                )
                raise SourceError(_refusal(tree, "a TTree", [("its data", str(error))], advice)) from error
            yield written
            tree, name, causes, progress = rest, rest.path.rpartition("/")[2], [], lambda _: None
    raw = [tree.path_of(position) for position, branch in enumerate(tree.branches) if branch.raw]
    tree = _part(tree, {p for p in tree.stored() if not tree.branches[p].raw}, tree.path)
    fields = lay_out_rntuple(tree)
    if fields.causes:
        raise SourceError(
            _refusal(
                tree, "an RNTuple", fields.causes, "No ROOT file can hold these; baler_root.open reads them."
            )
        )
    reasons = [f"written as RNTuple, since {text}" for text in _grouped(causes)]
    if raw:
        reasons.append(f"raw branches are not written, since only a TTree can hold them: {listed(raw)}")
    yield _fill_rntuple(directory, name, tree, fields, reasons, clusters, progress)


def _rest_path(path: str, taken: Collection[str]) -> str:
    """A free path for the RNTuple with the branches of a TTree that do not fit it."""
    rest = f"{path}_rntuple"
    return free_path(rest, taken) if rest in taken else rest


def _part(tree: Tree, positions: Collection[int], path: str) -> Tree:
    """The tree with these stored branches only, at another path."""
    branches = tuple(
        branch if position in positions else replace(branch, form=None, raw="", record=None)
        for position, branch in enumerate(tree.branches)
    )
    part = replace(tree, path=path, branches=branches)
    return part if path == tree.path else replace(part, aliases={}, weight=1.0, tail=None)


def _grouped(causes: list[tuple[str, str]]) -> list[str]:
    """One text for each cause, with the branches that have it."""
    branches: dict[str, list[str]] = {}
    for branch, cause in causes:
        branches.setdefault(cause, []).append(branch)
    return [f"{cause}: {listed(names)}" for cause, names in branches.items()]


def _fill_ttree(
    directory: Any,
    name: str,
    tree: Tree,
    layout: TTreeLayout,
    clusters: Clusters,
    progress: Callable[[int], None],
) -> Check:
    tail = None if tree.tail is None else TreeTail.from_json(tree.tail)
    writer = TTreeWriter(
        directory, name, tree.title, layout.branches, tree.aliases, weight=tree.weight, tail=tail
    )
    try:
        first = _fill(writer, tree, clusters, progress)
        writer.close()
    except DoesNotFitError:
        writer.discard()
        progress(-writer.num_entries)
        raise
    expected = [_expected(branch, first) for branch in layout.branches]
    written = TreeWritten(tree.path, "TTree", (*layout.notes, *_absent(tree)))
    names = [branch.name for branch in layout.branches]
    described = frozenset(branch.name for branch in layout.branches if isinstance(branch, OutputRecord))
    return Check(tree, written, names, writer.num_entries, writer.cycle, expected, described)


def _expected(branch: OutputBranch | OutputRecord, first: dict[int, Any]) -> Any:
    """The first entries of a branch that is written to be read by anybody; None for others."""
    is_plain = isinstance(branch, OutputBranch) or branch.encoding is not None
    if not is_plain or branch.source not in first:
        return None
    return values_of(first[branch.source], branch.members)


def _fill_rntuple(
    directory: Any,
    name: str,
    tree: Tree,
    layout: RNTupleLayout,
    reasons: list[str],
    clusters: Clusters,
    progress: Callable[[int], None],
) -> Check:
    writer = RNTupleWriter(directory, name, tree, layout)
    first = _fill(writer, tree, clusters, progress)
    if not layout.fields and tree.num_entries:
        reasons = [
            *reasons,
            f"its {tree.num_entries} entries are not kept: an RNTuple needs a field for them",
        ]
    notes = (*reasons, *layout.notes, *_not_kept(tree), *_absent(tree))
    written = TreeWritten(tree.path, "RNTuple", notes)
    expected = [first.get(position) for position in layout.fields]
    return Check(tree, written, list(layout.fields.values()), writer.num_entries, writer.cycle, expected)


def _fill(
    writer: TTreeWriter | RNTupleWriter, tree: Tree, clusters: Clusters, progress: Callable[[int], None]
) -> dict[int, Any]:
    """Writes every cluster; the first entries of the first one, by branch position."""
    first: dict[int, Any] = {}
    stored = tree.stored()
    for arrays in clusters():
        lengths = {len(arrays[position]) for position in stored}
        if len(lengths) > 1:
            raise OutputError(
                f"tree {tree.path!r}: branches of one cluster differ in length: {sorted(lengths)}"
            )
        length = lengths.pop() if lengths else 0
        if not first and length:
            first = {position: arrays[position][:CHECKED_ENTRIES] for position in stored}
        writer.extend(arrays, length)
        progress(length)
    if not stored and isinstance(writer, TTreeWriter):
        writer.num_entries = tree.num_entries
    if stored and writer.num_entries != tree.num_entries:
        raise OutputError(
            f"tree {tree.path!r}: its clusters have {writer.num_entries} entries instead of {tree.num_entries}"
        )
    return first


def _not_kept(tree: Tree) -> list[str]:
    """Notes on members of a TTree that an RNTuple has not."""
    notes = ["aliases are not kept"] if tree.aliases else []
    notes += [f"the weight {tree.weight:g} is not kept"] if tree.weight != 1.0 else []
    if tree.tail is not None:
        notes.append(f"{', '.join(TreeTail.from_json(tree.tail).names)}: not kept")
    return notes


def _absent(tree: Tree) -> list[str]:
    return [f"{tree.path_of(i)}: not carried ({b.missing})" for i, b in enumerate(tree.branches) if b.missing]


def _refusal(tree: Tree, kind: str, causes: list[tuple[str, str]], advice: str) -> str:
    problems = "; ".join(f"{branch}: {cause}" for branch, cause in causes)
    return f"tree {tree.path!r} does not fit {kind}: {problems}. {advice}"
