"""Reads ROOT files through uproot: the schema of every tree, and its branches cluster by cluster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from baler_root.errors import KeyInFileError, SourceError
from baler_root.format.columns.form_columns import Form, columns_of
from baler_root.format.columns.to_columns import plain_form
from baler_root.format.schema import Branch, Tree
from baler_root.rootio.guard import earned_lengths
from baler_root.rootio.objects import key_at

if TYPE_CHECKING:
    import awkward as ak


SAMPLE_ENTRIES = 1000
"""Entries read first, to learn each branch's form and size."""


_TREES = ("TTree", "TNtuple", "TNtupleD", "TChain")


_RNTUPLES = ("ROOT::RNTuple", "ROOT::Experimental::RNTuple")


@dataclass(slots=True)
class SourceTree:
    """A tree of an open ROOT file."""

    schema: Tree
    handles: dict[int, Any] = field(default_factory=dict)
    """uproot branch or field of each stored branch."""
    sample: dict[int, ak.Array] = field(default_factory=dict)
    """The first entries of each stored branch."""
    same_as: str = ""
    """Key of the cycle before this one that is the same entries in the same baskets."""
    entry_size: float = 0.0
    """Estimated bytes in memory per entry."""
    offsets: Sequence[int] = ()
    """Entry numbers at which every branch starts a basket or cluster."""

    def read(self, branches: Sequence[int], start: int, stop: int) -> dict[int, ak.Array]:
        """Arrays of the branches at these positions; raises SourceError naming the branch that fails."""
        return {branch: self._read(branch, start, stop) for branch in branches}

    def _read(self, branch: int, start: int, stop: int) -> ak.Array:
        if branch in self.sample and (start, stop) == (0, len(self.sample[branch])):
            return self.sample[branch]
        try:
            return read_array(self.handles[branch], start, stop)
        except Exception as error:
            raise UnreadableBranchError(
                self.schema.path, self.schema.path_of(branch), cause(error)
            ) from error


class UnreadableBranchError(SourceError):
    """A branch that could be read at its start fails further on."""

    def __init__(self, tree: str, branch: str, why: str) -> None:
        super().__init__(
            f"tree {tree!r}, branch {branch!r} cannot be read to its end ({why}); "
            "--skip-unsupported (skip_unsupported=True) leaves such branches out"
        )
        self.tree, self.branch, self.why = tree, branch, why

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        return type(self), (self.tree, self.branch, self.why)


def read_array(handle: Any, start: int, stop: int) -> ak.Array:
    """Entries of an uproot branch or field as an awkward array; nothing is cached."""
    with warnings.catch_warnings(), earned_lengths():
        warnings.simplefilter("ignore")
        array = handle.array(entry_start=start, entry_stop=stop, library="ak", array_cache=None)
    if len(array) != stop - start:
        raise SourceError(f"{len(array)} entries come back where {stop - start} were asked for")
    return array


def cause(error: BaseException) -> str:
    """One line that says why uproot could not read something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:200]


class RootSource:
    """An open ROOT file: its trees, and the directory that holds everything else."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import uproot

        self.path = os.fspath(path)
        self._opened: list[tuple[str, Any, SourceTree]] = []
        if "://" not in self.path:
            if not Path(self.path).exists():
                raise SourceError(f"{self.path}: no such file")
            if Path(self.path).is_dir():
                raise SourceError(f"{self.path}: is a folder, not a ROOT file")
        try:
            # uproot's default for local files goes through fsspec's event loop: twice as slow with 1 500 branches
            handler = {} if "://" in self.path else {"handler": uproot.MemmapSource}
            self.directory = uproot.open({self.path: None}, array_cache=None, object_cache=None, **handler)
            self.classnames: dict[str, str] = self.directory.classnames()
        except Exception as error:
            raise SourceError(
                f"{self.path}: not a readable ROOT file ({cause(error)}); it may be truncated, or of another kind"
            ) from error

        if "://" not in self.path and Path(self.path).stat().st_size < self.directory.file.fEND:
            self.directory.close()
            raise SourceError(
                f"{self.path}: truncated: {Path(self.path).stat().st_size} bytes of {self.directory.file.fEND}; "
                "copy or download it again"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.directory.close()

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return Path(self.path).stat().st_size if "://" not in self.path else int(self.directory.file.fEND)

    @property
    def uuid(self) -> str:
        """The file's UUID, as ROOT wrote it."""
        return str(self.directory.file.uuid)

    def tree_keys(self, wanted: Sequence[str] | None = None) -> list[str]:
        """Keys (with cycle) of the trees, all or those named; raises SourceError or KeyInFileError."""
        keys = [key for key, name in self.classnames.items() if name in (*_TREES, *_RNTUPLES)]
        if not keys:
            raise SourceError(f"{self.path}: holds no TTree and no RNTuple; there is nothing to compress")
        if not wanted:
            return keys
        chosen = []
        for name in wanted:
            matching = [key for key in keys if name in (key, key.partition(";")[0])]
            if not matching:
                raise KeyInFileError(name, [key.partition(";")[0] for key in keys], self.path)
            chosen += matching
        return [key for key in keys if key in chosen]

    def open_tree(self, key: str, skip: Mapping[str, str] | None = None) -> SourceTree:
        """The tree behind a key, its schema read and a sample of every branch.

        The branches in `skip` are left out, for the cause given there. A cycle with the baskets of one opened
        before is that one under another number, and is not read again.
        """
        path, _, cycle = key.rpartition(";")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                handle = key_at(self.directory, path, int(cycle)).get()
                if self.classnames[key] in _RNTUPLES:
                    return _open_rntuple(handle, path, int(cycle), skip or {})
                source = _open_ttree(handle, path, int(cycle))
                baskets = _baskets(source)
                for other, same, earlier in self._opened:
                    if baskets is not None and same == baskets:
                        schema = replace(earlier.schema, cycle=int(cycle))
                        return replace(earlier, schema=schema, same_as=other)
                source = _ttree_sampled(source, skip or {})
                self._opened.append((key, baskets, source))
                return source
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(f"{self.path}: tree {key!r} cannot be read ({cause(error)})") from error

    def open_handles(self, key: str, schema: Tree) -> SourceTree:
        """The tree behind a key once more, without reading a sample: its schema is known.

        Raises SourceError when the tree has other branches or entries than the schema.
        """
        tree = self.directory[key]

        def visit(owner: Any) -> Iterator[Any]:
            for item in owner.branches if schema.kind == "TTree" else owner.fields:
                yield item
                yield from visit(item)

        items = list(visit(tree))
        names, known = [item.name for item in items], [branch.name for branch in schema.branches]
        if names != known:
            odd = next(
                (f"{a!r} for {b!r}" for a, b in zip(names, known, strict=False) if a != b), "some are missing"
            )
            raise SourceError(
                f"tree {key!r} has {len(names)} branches, not the {len(known)} of the schema ({odd})"
            )
        if int(tree.num_entries) != schema.num_entries:
            raise SourceError(f"tree {key!r} has {tree.num_entries} entries, not {schema.num_entries}")
        stored = schema.stored()
        return SourceTree(schema, {position: items[position] for position in stored})


def _open_ttree(tree: Any, path: str, cycle: int) -> SourceTree:
    import uproot

    branches: list[Branch] = []
    handles: dict[int, Any] = {}

    def visit(owner: Any, parent: int | None) -> None:
        for branch in owner.branches:
            position = len(branches)
            interpretation = branch.interpretation
            branches.append(
                Branch(
                    name=branch.name,
                    parent=parent,
                    typename=_text(branch, "typename"),
                    title=branch.title or "",
                    interpretation=repr(interpretation) if not _is_grouped(interpretation) else "AsGrouped",
                    counter=_counter(branch),
                )
            )
            if isinstance(interpretation, uproot.interpretation.identify.UnknownInterpretation):
                branches[position] = replace(branches[position], missing=f"uproot: {interpretation.reason}")
            elif not _is_grouped(interpretation):
                handles[position] = branch
            visit(branch, position)

    visit(tree, None)
    schema = Tree(
        path=path,
        cycle=cycle,
        kind="TTree",
        title=tree.title or "",
        num_entries=int(tree.num_entries),
        branches=tuple(branches),
        aliases=dict(tree.aliases),
        compression=_ttree_compression(tree),
    )
    stored = float(tree.uncompressed_bytes) / max(1, schema.num_entries)
    return SourceTree(schema, handles, entry_size=stored)


def _baskets(tree: SourceTree) -> tuple[Tree, list[tuple[int, list[int]]]] | None:
    """What two cycles have in common when they are the same entries in the same baskets of the file."""
    handles = tree.handles
    if not handles or any(handle.embedded_baskets for handle in handles.values()):
        return None
    seeks = [
        (position, list(handle.member("fBasketSeek")[: handle.num_baskets]))
        for position, handle in handles.items()
    ]
    return replace(tree.schema, cycle=0), seeks


def _ttree_sampled(tree: SourceTree, skip: Mapping[str, str]) -> SourceTree:
    """The same tree with its sample, and the entries at which all its branches start a basket."""
    source = _sampled(tree, skip)
    source.entry_size = max(source.entry_size, tree.entry_size)
    offsets = [handle.entry_offsets for handle in source.handles.values()]
    common = set(offsets[0]).intersection(*offsets[1:]) if offsets else set()
    source.offsets = sorted(common)
    return source


def _counter(branch: Any) -> str:
    """Name of the branch that counts a variable-length array; of its leaf where ROOT streamed that with its user."""
    if branch.count_leaf is None:
        return ""
    leaf = branch.count_leaf.member("fName")
    named = any(other.name == leaf for other in branch.tree.branches)
    return str(leaf if named or branch.count_branch is None else branch.count_branch.name)


def _is_grouped(interpretation: Any) -> bool:
    return type(interpretation).__name__ == "AsGrouped"


def _text(branch: Any, name: str) -> str:
    """An attribute that uproot works out, or what kept it from doing so."""
    try:
        return str(getattr(branch, name))
    except Exception as error:  # noqa: BLE001 - uproot fails in many ways on what it cannot read
        return f"unknown ({cause(error)})"


def _ttree_compression(tree: Any) -> str:
    found = {_text(branch, "compression") for branch in tree.branches}
    return ", ".join(sorted(found - {"None"}))


def _open_rntuple(ntuple: Any, path: str, cycle: int, skip: Mapping[str, str]) -> SourceTree:
    branches: list[Branch] = []
    handles: dict[int, Any] = {}

    def visit(owner: Any, parent: int | None) -> None:
        for item in owner.fields:
            position = len(branches)
            title = item.description or ""
            branches.append(
                Branch(name=item.name, parent=parent, typename=_text(item, "typename"), title=title)
            )
            if parent is None:
                handles[position] = item
            visit(item, position)

    visit(ntuple, None)
    schema = Tree(
        path=path,
        cycle=cycle,
        kind="RNTuple",
        title=str(getattr(ntuple, "description", "") or ""),
        num_entries=int(ntuple.num_entries),
        branches=tuple(branches),
    )
    return _sampled(SourceTree(schema, handles), skip)


def _sampled(source: SourceTree, skip: Mapping[str, str]) -> SourceTree:
    """The same tree with the first entries of each branch read, forms filled in, failures noted."""
    schema = source.schema
    branches = list(schema.branches)
    entries = min(schema.num_entries, SAMPLE_ENTRIES)
    sampled = SourceTree(schema)
    size = 0
    for position, handle in source.handles.items():
        why = skip.get(schema.path_of(position), "")
        if not why:
            try:
                array = read_array(handle, 0, entries)
                form: Form = plain_form(array)
                columns_of([(position, form)])
                branches[position] = replace(branches[position], form=form)
                sampled.sample[position] = array
                sampled.handles[position] = handle
                size += array.nbytes
                continue
            except Exception as error:  # noqa: BLE001 - uproot fails in many ways on what it cannot read
                why = cause(error)
        branches[position] = replace(branches[position], missing=why)
    sampled.schema = replace(schema, branches=tuple(branches))
    sampled.entry_size = size / max(1, entries)
    return sampled


def cluster_lengths(tree: SourceTree, target: int) -> list[int]:
    """Entries of each cluster of about `target` entries, cut where baskets end when that is near."""
    total = tree.schema.num_entries
    cuts, at = [], 0
    while at < total:
        end = min(total, at + target)
        if total - end < target // 4:
            end = total
        else:
            near = [offset for offset in tree.offsets if at + target // 2 < offset <= at + target * 5 // 4]
            if near:
                end = min(near, key=lambda offset: abs(offset - at - target))
        cuts.append(end - at)
        at = end
    return cuts
