"""Schemas of trees in a ROOT file, and the first entries of each branch, which give its form."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from baler_root.format.columns.form_columns import Form, columns_of
from baler_root.format.columns.to_columns import plain_form
from baler_root.format.schema import Branch, Tree
from baler_root.rootio import source_tree
from baler_root.rootio.raw.raw_schema import with_raw_branches
from baler_root.rootio.rntuple_reader import link_fields
from baler_root.rootio.source_tree import SourceTree, cause
from baler_root.rootio.tree_tail import read_tail

FIRST_ENTRIES = 1000
"""Entries read first, to learn each branch's form and size."""


def open_ttree(tree: Any, path: str, cycle: int) -> SourceTree:
    """A TTree of uproot with its schema; forms of branches are not known yet (`with_first_entries`)."""
    branches: list[Branch] = []
    handles: dict[int, Any] = {}
    items: list[Any] = []
    top_names = {branch.name for branch in tree.branches}

    def visit(owner: Any, parent: int | None) -> None:
        for branch in owner.branches:
            position = len(branches)
            items.append(branch)
            interpretation, text, why = _interpretation(branch)
            branches.append(
                Branch(
                    name=branch.name,
                    parent=parent,
                    typename=_text(branch, "typename"),
                    title=branch.title or "",
                    interpretation=text,
                    counter=_counter(branch, top_names),
                    missing=why,
                )
            )
            if not why and not _is_grouped(interpretation):
                handles[position] = branch
            visit(branch, position)

    visit(tree, None)
    tail, left_out = read_tail(tree)
    schema = Tree(
        path=path,
        cycle=cycle,
        kind="TTree",
        title=tree.title or "",
        num_entries=int(tree.num_entries),
        branches=tuple(branches),
        aliases=dict(tree.aliases),
        weight=float(tree.member("fWeight")) if tree.has_member("fWeight") else 1.0,
        tail=None if tail is None else tail.to_json(),
        compression=_ttree_compression(tree),
    )
    stored = float(tree.uncompressed_bytes) / max(1, schema.num_entries)
    return SourceTree(schema, handles, entry_size=stored, items=items, left_out=left_out)


def _interpretation(branch: Any) -> tuple[Any, str, str]:
    """uproot's interpretation of a branch, its text, and why the branch cannot be carried (empty if it
    can)."""
    import uproot

    try:
        interpretation = branch.interpretation
        if _is_grouped(interpretation):
            return interpretation, "AsGrouped", ""
        text = repr(interpretation)
        entries, expected = int(branch.num_entries), int(branch.tree.num_entries)
    except Exception as error:  # noqa: BLE001 - uproot fails in many ways on what it cannot read
        return None, "", f"uproot: no interpretation ({cause(error)})"
    if isinstance(interpretation, uproot.interpretation.identify.UnknownInterpretation):
        return interpretation, text, f"uproot: {interpretation.reason}"
    if entries != expected:
        return interpretation, text, f"the branch has {entries} entries, its tree {expected}"
    return interpretation, text, ""


def baskets_of(tree: SourceTree) -> tuple[Tree, list[tuple[int, list[int]]]] | None:
    """Schema and basket positions; two cycles with equal ones are the same entries.

    None without baskets, or where uproot cannot say where they are.
    """
    handles = tree.handles
    try:
        if not handles or any(handle.embedded_baskets for handle in handles.values()):
            return None
        seeks = [
            (position, list(handle.member("fBasketSeek")[: handle.num_baskets]))
            for position, handle in handles.items()
        ]
    except Exception:  # noqa: BLE001 - the branch that fails is named when it is read
        return None
    return replace(tree.schema, cycle=0), seeks


def with_first_entries(tree: SourceTree, skip: Mapping[str, str]) -> SourceTree:
    """A TTree with first entries and form of each branch, and the entries where all branches start a basket.

    Branches in `skip`, and those that uproot cannot read, are marked as missing.
    """
    source = with_raw_branches(_with_first_entries(tree, skip), min(tree.schema.num_entries, FIRST_ENTRIES))
    source.entry_size = max(source.entry_size, tree.entry_size)
    offsets = [handle.entry_offsets for handle in source.handles.values()]
    common = set(offsets[0]).intersection(*offsets[1:]) if offsets else set()
    source.offsets = sorted(common)
    return source


def _counter(branch: Any, top_names: AbstractSet[str]) -> str:
    """Name of the branch that counts a variable-length array, or of its leaf if no branch has that name.

    `top_names` are the names of the branches directly below the tree.

    Empty where uproot cannot find it.
    """
    try:
        if branch.count_leaf is None:
            return ""
        leaf = branch.count_leaf.member("fName")
        return str(leaf if leaf in top_names or branch.count_branch is None else branch.count_branch.name)
    except Exception:  # noqa: BLE001 - the name is only wanted for writing a TTree again
        return ""


def _is_grouped(interpretation: Any) -> bool:
    return type(interpretation).__name__ == "AsGrouped"


def _text(branch: Any, name: str) -> str:
    """An attribute that uproot works out, as text; says why if that fails."""
    try:
        return str(getattr(branch, name))
    except Exception as error:  # noqa: BLE001 - uproot fails in many ways on what it cannot read
        return f"unknown ({cause(error)})"


def _ttree_compression(tree: Any) -> str:
    settings = {_text(branch, "compression") for branch in tree.branches}
    return ", ".join(sorted(settings - {"None"}))


def open_rntuple(ntuple: Any, path: str, cycle: int, skip: Mapping[str, str]) -> SourceTree:
    """An RNTuple with its schema and the first entries of each field; `skip` as in `with_first_entries`."""
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

    link_fields(ntuple)
    visit(ntuple, None)
    schema = Tree(
        path=path,
        cycle=cycle,
        kind="RNTuple",
        title=str(getattr(ntuple, "description", "") or ""),
        num_entries=int(ntuple.num_entries),
        branches=tuple(branches),
    )
    return _with_first_entries(SourceTree(schema, handles), skip)


def _with_first_entries(source: SourceTree, skip: Mapping[str, str]) -> SourceTree:
    """A tree with the first entries of each branch, and its form in the schema or why it is missing."""
    schema = source.schema
    branches = list(schema.branches)
    entries = min(schema.num_entries, FIRST_ENTRIES)
    result = SourceTree(schema, items=source.items, left_out=source.left_out)
    size = 0
    for position, handle in source.handles.items():
        problem = skip.get(schema.path_of(position), "")
        if not problem:
            try:
                array = source_tree.read_array(handle, 0, entries)
                form: Form = plain_form(array)
                columns_of([(position, form)])
                branches[position] = replace(branches[position], form=form)
                result.first_entries[position] = array
                result.handles[position] = handle
                size += array.nbytes
                continue
            except Exception as error:  # noqa: BLE001 - uproot fails in many ways on what it cannot read
                problem = cause(error)
        branches[position] = replace(branches[position], missing=problem)
    result.schema = replace(schema, branches=tuple(branches))
    result.entry_size = size / max(1, entries)
    return result
