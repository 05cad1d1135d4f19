"""The manifest: canonical JSON that says what the pages hold (formats/container.md#manifest)."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from baler_root.errors import BalerError, CorruptFileError, SourceError
from baler_root.format.binary.bounded_json import load_json
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.columns.form_columns import Column, tree_columns
from baler_root.format.container.manifest_limits import check_limits, check_text
from baler_root.format.container.model_references import DetachedModel, ModelOrigin
from baler_root.format.limits import MAX_COLUMN_LENGTH, MAX_MANIFEST_LENGTH
from baler_root.format.schema import Branch, Tree

Item = TypeVar("Item", bound=Hashable)


Json = dict[str, Any]


class BlockEntry(NamedTuple):
    """Place of a block that is not a page (formats/container.md#manifest)."""

    kind: int
    """A `BlockKind`, or a number that only newer versions know."""
    tree: int
    """Position of the tree that it belongs to; 0 for the whole file, and for models their position."""
    offset: int
    size: int
    """Bytes of the block with its header."""


_BRANCH_TEXTS = ("typename", "interpretation", "counter", "missing")


@dataclass(frozen=True, slots=True)
class StoredTree:
    """A tree and its layout in the file."""

    schema: Tree
    clusters: tuple[int, ...] = ()
    """Entries of each cluster."""
    layouts: tuple[tuple[int, ...], ...] = ()
    """Ways in which a cluster's columns lie in pages: the columns of each page, in column order."""
    layout: tuple[int, ...] = ()
    """Position in `layouts` of each cluster's layout."""
    bounds: tuple[tuple[str, str], ...] = ()
    """(bound, reason) of each column that has values, in order."""
    lists: tuple[int, ...] = ()
    """Table of each counts column: lists of equal structure share one."""
    tables: tuple[str, ...] = ()
    """Name of each table; 0 is the entries."""
    same_as: int | None = None
    """Position of another cycle of the tree that has the pages; None if it has its own."""
    relations: tuple[tuple[str, int], ...] = ()
    """Relations between columns that most pages use, and the bytes that each saves; for people."""

    def groups(self, cluster: int) -> tuple[int, ...]:
        """Columns of each page of a cluster."""
        return self.layouts[self.layout[cluster]]

    def emptied(self) -> StoredTree:
        """A tree with this schema and no entries."""
        return replace(self, schema=replace(self.schema, num_entries=0), clusters=(), layout=())

    @property
    def columns(self) -> list[Column]:
        """The columns, which follow from the branches' forms."""
        return tree_columns(self.schema)

    @property
    def column_bounds(self) -> list[ErrorBound]:
        """The error bound of each column; lossless for structure (counts, indices, masks)."""
        bounds = (ErrorBound.parse(bound) for bound, _ in self.bounds)
        return [next(bounds) if column.has_values else LOSSLESS for column in self.columns]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Description of a file: everything but its pages and statistics."""

    trees: tuple[StoredTree, ...]
    codecs: tuple[str, ...] = ("classic",)
    directories: tuple[str, ...] = ()
    objects: tuple[tuple[str, int, str, str], ...] = ()
    """Carried objects: path, cycle, class name, title."""
    blocks: tuple[BlockEntry, ...] = ()
    """Blocks that are not pages, in the order in which they were written."""
    superseded: tuple[tuple[int, int], ...] = ()
    """Footers of earlier generations: offset, size (trailer included)."""
    provenance: Json = field(default_factory=dict)
    detached: tuple[DetachedModel, ...] = ()
    """Models that pages need and that lie in other files."""
    trained: tuple[ModelOrigin, ...] = ()
    """Descriptions of the models in the file, if they are for other files."""

    def pack(self) -> bytes:
        """The manifest as stored: canonical JSON (sorted keys, no spaces, UTF-8), packed.

        Raises SourceError for more trees, branches or text than a reader must accept.
        """
        document = self.to_json()
        text = canonical_json(document)
        try:
            check_text(text)
            check_limits(document)
        except CorruptFileError as error:
            raise SourceError(f"too much for one file: {error}") from None
        return pack_bytes(text)

    def to_json(self) -> Json:
        """The manifest as the JSON document that `formats/manifest.schema.json` describes."""
        models: Json = {}
        if self.detached:
            models["detached"] = [model.to_json() for model in self.detached]
        if self.trained:
            models["models"] = [model.to_json() for model in self.trained]
        return {
            **models,
            "blocks": [list(block) for block in self.blocks],
            "codecs": list(self.codecs),
            "directories": list(self.directories),
            "objects": [list(entry) for entry in self.objects],
            "provenance": self.provenance,
            "superseded": [list(part) for part in self.superseded],
            "trees": [_tree_to_json(tree) for tree in self.trees],
        }

    @classmethod
    def unpack(cls, data: bytes | memoryview) -> Manifest:
        """The manifest in these bytes; raises FormatError for anything the format does not allow."""
        cursor = Cursor(data)
        text = unpack_bytes(cursor, MAX_MANIFEST_LENGTH)
        cursor.finish("the manifest")
        try:
            document = load_json(text)
            check_limits(document)
            return cls(
                trees=tuple(_tree_from_json(tree) for tree in document["trees"]),
                codecs=tuple(map(_text, document["codecs"])),
                directories=tuple(map(_text, document["directories"])),
                objects=tuple(
                    (_text(p), _count(c), _text(n), _text(t)) for p, c, n, t in document["objects"]
                ),
                blocks=tuple(
                    BlockEntry(_count(k), _count(t), _count(o), _count(s))
                    for k, t, o, s in document["blocks"]
                ),
                superseded=tuple((_count(o), _count(s)) for o, s in document["superseded"]),
                provenance=dict(document["provenance"]),
                detached=tuple(map(DetachedModel.from_json, document.get("detached", ()))),
                trained=tuple(map(ModelOrigin.from_json, document.get("models", ()))),
            )
        except BalerError as error:
            raise CorruptFileError(f"the manifest is not valid: {error}") from None
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise CorruptFileError(f"the manifest is not valid ({type(error).__name__}: {error})") from None


def canonical_json(document: Json) -> bytes:
    """The one spelling of a JSON document: sorted keys, no spaces, UTF-8, no NaN."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def _tree_to_json(tree: StoredTree) -> Json:
    schema = tree.schema
    document: Json = {
        "aliases": schema.aliases,
        "bounds": _intern(tree.bounds),
        "clusters": list(tree.clusters),
        "compression": schema.compression,
        "cycle": schema.cycle,
        "entries": schema.num_entries,
        "forms": _intern(
            [None if b.form is None else canonical_json(b.form).decode() for b in schema.branches]
        ),
        "layout": _run_lengths(tree.layout),
        "layouts": [list(layout) for layout in tree.layouts],
        "kind": schema.kind,
        "lists": list(tree.lists),
        "names": [branch.name for branch in schema.branches],
        "parents": [-1 if branch.parent is None else branch.parent for branch in schema.branches],
        "path": schema.path,
        "same_as": tree.same_as,
        "tables": list(tree.tables),
        "title": schema.title,
        "titles": [branch.title for branch in schema.branches],
    }
    if schema.weight != 1.0:
        document["weight"] = schema.weight.hex()
    if schema.tail is not None:
        document["tail"] = schema.tail
    if any(branch.raw for branch in schema.branches):
        document["raws"] = _intern([branch.raw for branch in schema.branches])
    records = [[i, branch.record] for i, branch in enumerate(schema.branches) if branch.record is not None]
    if records:
        document["records"] = records
    if tree.relations:
        document["relations"] = [list(relation) for relation in tree.relations]
    for name in _BRANCH_TEXTS:
        document[f"{name}s"] = _intern([getattr(branch, name) for branch in schema.branches])
    document["forms"]["of"] = [None if text is None else json.loads(text) for text in document["forms"]["of"]]
    return document


def _tree_from_json(document: Json) -> StoredTree:
    names = [_text(name) for name in document["names"]]
    texts = [[_text(t) for t in _extern(document[f"{name}s"])] for name in _BRANCH_TEXTS]
    raws = [_text(t) for t in _extern(document["raws"])] if "raws" in document else [""] * len(names)
    records = {_count(position): dict(record) for position, record in document.get("records", ())}
    branches = tuple(
        Branch(
            name=name,
            parent=_parent(parent, i),
            title=_text(title),
            form=form,
            raw=raw,
            record=records.get(i),
            **dict(zip(_BRANCH_TEXTS, values, strict=True)),
        )
        for i, (name, parent, title, form, raw, *values) in enumerate(
            zip(
                names,
                document["parents"],
                document["titles"],
                _extern(document["forms"]),
                raws,
                *texts,
                strict=True,
            )
        )
    )
    if document["kind"] not in ("TTree", "RNTuple"):
        raise CorruptFileError(f"a tree of kind {document['kind']!r}")
    schema = Tree(
        path=_text(document["path"]),
        cycle=_count(document["cycle"]),
        kind=document["kind"],
        title=_text(document["title"]),
        num_entries=_count(document["entries"]),
        branches=branches,
        aliases={_text(k): _text(v) for k, v in document["aliases"].items()},
        weight=float.fromhex(_text(document.get("weight", "1"))),
        tail=dict(document["tail"]) if "tail" in document else None,
        compression=_text(document["compression"]),
    )
    tree = StoredTree(
        schema=schema,
        clusters=tuple(map(_count, document["clusters"])),
        layouts=tuple(tuple(map(_count, layout)) for layout in document["layouts"]),
        layout=_from_run_lengths(document["layout"], len(document["clusters"])),
        bounds=tuple((_text(b), _text(r)) for b, r in _extern(document["bounds"])),
        lists=tuple(map(_count, document["lists"])),
        tables=tuple(map(_text, document["tables"])),
        same_as=None if document["same_as"] is None else _count(document["same_as"]),
        relations=tuple((_text(text), _count(saved)) for text, saved in document.get("relations", ())),
    )
    _check(tree)
    return tree


def _check(tree: StoredTree) -> None:
    """Raise CorruptFileError where a tree contradicts itself."""
    columns = tree.columns
    location = f"tree {tree.schema.path!r}"
    if tree.same_as is None:
        if sum(tree.clusters) != tree.schema.num_entries:
            raise CorruptFileError(
                f"{location}: clusters of {sum(tree.clusters)} entries, not {tree.schema.num_entries}"
            )
        if any(not 1 <= entries <= MAX_COLUMN_LENGTH for entries in tree.clusters):
            raise CorruptFileError(f"{location}: a cluster must have 1 to {MAX_COLUMN_LENGTH} entries")
        if any(sum(layout) != len(columns) or 0 in layout for layout in tree.layouts):
            raise CorruptFileError(f"{location}: a layout does not have the {len(columns)} columns")
        if len(tree.layout) != len(tree.clusters) or any(i >= len(tree.layouts) for i in tree.layout):
            raise CorruptFileError(f"{location}: a cluster has no layout")
        if len(tree.lists) != sum(column.role == "counts" for column in columns):
            raise CorruptFileError(f"{location}: the number of lists is wrong")
        if any(table >= len(tree.tables) for table in tree.lists):
            raise CorruptFileError(f"{location}: a list of an unknown table")
    elif tree.clusters or tree.layouts or tree.layout or tree.lists:
        raise CorruptFileError(f"{location}: repeats another tree, yet has clusters of its own")
    if len(tree.bounds) != sum(column.has_values for column in columns):
        raise CorruptFileError(f"{location}: the number of bounds is wrong")
    for bound in {bound for bound, _ in tree.bounds} - {"none"}:
        ErrorBound.parse(bound)


def _intern(items: Sequence[Item]) -> Json:
    """The distinct items in order of appearance, and each item's position among them."""
    positions = {item: i for i, item in enumerate(dict.fromkeys(items))}
    return {"at": [positions[item] for item in items], "of": list(positions)}


def _extern(table: Json) -> list[Any]:
    """The items that `_intern` interned."""
    return [table["of"][_count(position)] for position in table["at"]]


def _run_lengths(items: Sequence[int]) -> list[list[int]]:
    """[item, how often in a row] for each run."""
    return [[item, len(list(run))] for item, run in groupby(items)]


def _from_run_lengths(runs: Sequence[Sequence[Any]], length: int) -> tuple[int, ...]:
    """The items that `_run_lengths` counted, which must be `length` in all."""
    if sum(_count(n) for _, n in runs) != length:
        raise CorruptFileError(f"layouts of a number of clusters other than {length}")
    return tuple(_count(item) for item, n in runs for _ in range(n))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise CorruptFileError(f"text expected, found {value!r:.40}")
    if not value.isascii():
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise CorruptFileError(f"text with half a surrogate pair: {value!r:.80}") from None
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise CorruptFileError(f"a count expected, found {value!r:.40}")
    return value


def _parent(value: Any, position: int) -> int | None:
    if value == -1:
        return None
    if _count(value) >= position:
        raise CorruptFileError(f"branch {position} stands before its parent {value}")
    return int(value)
