"""Differences between a file and its source in members of trees, in trees and in objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from baler_root.dataset.reader.file_reader import FileReader
from baler_root.errors import FormatError
from baler_root.format.container.manifest import Json
from baler_root.format.schema import Tree
from baler_root.rootio.objects import object_differences
from baler_root.rootio.source import RootSource


def member_differences(source: Tree, stored: Tree, provenance: Json) -> Iterator[str]:
    """Members in which a tree differs from its source: title, weight, aliases, titles of branches, and the
    last members of a TTree, unless they were left out."""
    for name in ("title", "weight", "aliases"):
        expected, actual = getattr(source, name), getattr(stored, name)
        if expected != actual:
            yield f"{stored.path}: its {name} is {actual!r:.60}, the source has {expected!r:.60}"
    for position, (branch, other) in enumerate(zip(stored.branches, source.branches, strict=False)):
        if branch.title != other.title:
            yield (
                f"{stored.path}: {stored.path_of(position)}: its title is {branch.title!r:.60}, the source has "
                f"{other.title!r:.60}"
            )
    is_left_out = any(name.startswith(f"{stored.path}: ") for name in _skipped(provenance))
    if stored.tail != source.tail and not (is_left_out and stored.tail is None):
        yield f"{stored.path}: its index, friends or user info are not those of the source"


def missing_trees(file: FileReader, root: RootSource) -> Iterator[str]:
    """Trees of the source that a file lacks, unless it was made without them."""
    stored = {f"{tree.schema.path};{tree.schema.cycle}" for tree in file.trees}
    chosen = file.metadata.get("trees")
    for key in root.tree_keys():
        is_chosen = not isinstance(chosen, list) or not chosen or {key, key.rpartition(";")[0]} & set(chosen)
        if key not in stored and is_chosen and key not in _skipped(file.metadata):
            yield f"lacks the tree {key!r} of the source"


def carried_differences(file: FileReader, root: RootSource) -> Iterator[str]:
    """Objects in which a file differs from its source, unless it was made without them."""
    try:
        file.check_objects()
    except FormatError:  # reported already
        return
    yield from object_differences(file.objects_blob, root.directory, _skipped(file.metadata))


def _skipped(provenance: Json) -> Sequence[str]:
    """Names of what was left out of a file."""
    skipped = provenance.get("skipped")
    items = skipped if isinstance(skipped, list) else []
    return [str(item[0]) for item in items if isinstance(item, list) and item]
