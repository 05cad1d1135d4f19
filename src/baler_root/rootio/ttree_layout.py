"""Decides how a tree can be a TTree again: its branches, counters and titles, or why it cannot."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

import numpy as np

from baler_root.errors import listed
from baler_root.format.schema import Branch, Tree
from baler_root.rootio.branch_types import (
    NoLeafError,
    has_leaves,
    leaf_name,
    leaves_of,
    natural_typename,
    number_of,
    parts_of,
    streamed_branch,
)
from baler_root.rootio.leaves import Leaf, OutputBranch
from baler_root.rootio.raw.record_layout import described_branches
from baler_root.rootio.raw.record_writer import OutputRecord

_LEAF_LIST = re.compile(r"[^\s/:]+(/[A-Za-z](\[[^\]]*\])?)?(:[^\s/:]+(/[A-Za-z](\[[^\]]*\])?)?)*")
"""`x/F`, `x[n][3]/d[0,10,8]`, `x/F:n/I`."""


@dataclass(slots=True)
class TTreeLayout:
    """The branches of a TTree to be written, in order."""

    branches: list[OutputBranch | OutputRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Differences from the source."""
    causes: list[tuple[str, str]] = field(default_factory=list)
    """(Branch, cause) of every branch that a TTree cannot hold; empty if it can hold the tree."""
    unfit: list[int] = field(default_factory=list)
    """Positions of the branches with causes."""
    described: set[int] = field(default_factory=set)
    """Positions of the branches that are written as in the source, from their descriptions."""


def lay_out_ttree(
    tree: Tree, first: Mapping[int, Any], *, share: bool = True, without: Collection[int] = ()
) -> TTreeLayout:
    """The layout for `tree`, given its first cluster (empty for a tree without entries).

    With `share`, lists of the same lengths in the first cluster get one counter, if the source has none for
    them. The branches in `without` are left out unless they are described. Raises CorruptFileError for
    descriptions of branches that are not valid.
    """
    import awkward as ak

    layout = TTreeLayout()
    described = described_branches(tree)
    inside = {item.source for top in described.values() for item in top.walk() if item.has_values}
    layout.described = inside
    outside = [position for position in tree.stored() if position not in inside and position not in without]
    names = branch_names(tree)
    parents = {tree.branches[position].parent for position in outside}
    flattened = [tree.path_of(i) for i, b in enumerate(tree.branches) if i in parents and not _has_values(b)]
    if flattened and tree.kind == "TTree":
        layout.notes.append(f"members of {listed(flattened)} are written as branches of the tree itself")
    leaves: dict[int, list[Leaf]] = {}
    parts: dict[int, tuple[list[OutputBranch | OutputRecord], str]] = {}
    jagged: list[int] = []
    taken = _TakenNames(names.values())
    for position in outside:
        branch, name = tree.branches[position], names[position]
        if branch.raw:
            layout.notes.append(
                f"{tree.path_of(position)}: raw, and not described: its bytes are not written"
            )
            continue
        if name != branch.name:
            layout.notes.append(
                f"{tree.path_of(position)}: named {name!r}, since another branch has its name"
            )
        kind = ak.forms.from_dict(branch.form).type
        try:
            if has_leaves(name, branch.typename, kind):
                leaves[position], is_list = leaves_of(name, kind)
                jagged += [position] if is_list else []
            else:
                parts[position] = _parts(tree, position, name, kind, taken)
        except NoLeafError as error:
            layout.causes.append((f"{tree.path_of(position)} ({branch.typename})", str(error)))
            layout.unfit.append(position)
    if layout.causes:
        return layout
    new_counters = _assign_counters(tree, first, leaves, jagged, names, taken, share=share)
    for position in range(len(tree.branches)):
        if position in described:
            layout.branches.append(described[position])
        if position in parts:
            new_branches, note = parts[position]
            layout.branches += new_branches
            layout.notes += [note] if note else []
        if position not in leaves:
            continue
        counter = leaves[position][0].counter
        if counter is not None and new_counters.get(counter) == position:
            layout.branches.append(OutputBranch(counter.name, f"{counter.name}/I", [counter], None, position))
        _place(layout, tree, position, names[position], leaves[position], is_new=counter in new_counters)
    return layout


def _has_values(branch: Branch) -> bool:
    return branch.form is not None and branch.interpretation != "AsGrouped"


def branch_names(tree: Tree) -> dict[int, str]:
    """A name for each stored branch: its own, or its path with dots where branches of two parents share one.

    Two branches of one parent keep the same name, as ROOT allows.
    """
    parents: dict[str, set[int | None]] = {}
    for position in tree.stored():
        branch = tree.branches[position]
        parents.setdefault(branch.name, set()).add(branch.parent)
    names = {}
    changed: dict[int, str] = {}
    for position in tree.stored():
        name = tree.branches[position].name
        names[position] = name
        if len(parents[name]) > 1:
            names[position] = tree.path_of(position).replace("/", ".")
            changed |= {position: names[position]} if names[position] != name else {}
    kept = [name for position, name in names.items() if position not in changed]
    wanted = [*kept, *changed.values()]
    distinct = distinct_names(wanted, [*kept, *[""] * len(changed)], repeat=True)
    return names | dict(zip(changed, distinct[len(kept) :], strict=True))


def distinct_names(wanted: Sequence[str], original: Sequence[str], *, repeat: bool = False) -> list[str]:
    """The names wanted, all different: a name that is the original one stays, others get a number if taken.

    With `repeat`, original names may occur more than once.
    """
    taken: set[str] = set()
    kept = []
    for name, unchanged in zip(wanted, original, strict=True):
        kept.append(name == unchanged and (repeat or name not in taken))
        taken |= {name} if kept[-1] else set()
    names = []
    numbers: dict[str, int] = {}
    for name, stays in zip(wanted, kept, strict=True):
        result = name
        while not stays and result in taken:
            numbers[name] = numbers.get(name, 1) + 1
            result = f"{name}_{numbers[name]}"
        taken.add(result)
        names.append(result)
    return names


def _parts(
    tree: Tree, position: int, name: str, kind: Any, taken: _TakenNames
) -> tuple[list[OutputBranch | OutputRecord], str]:
    """The branches of a type that is not made of leaves, and a note on what differs from the source.

    New names are not `taken`, and then are. Raises NoLeafError for a type that a TTree cannot hold.
    """
    branch = tree.branches[position]
    made: list[OutputBranch | OutputRecord] = []
    written = ""
    for wanted in parts_of(name, kind):
        part = replace(wanted, name=taken.add(wanted.name)) if wanted.members else wanted
        title = part.name if part.members or _is_leaf_list(branch, name) else branch.title
        if (leaf := number_of(part)) is not None:
            title = f"{leaf.title}/{leaf.letter}"
            made.append(OutputBranch(part.name, title, [leaf], position, members=part.members))
        else:
            item, written = streamed_branch(part, title, position, branch.typename)
            made.append(item)
    path = f"{tree.path_of(position)}: {branch.typename}"
    if len(made) > 1 or made[0].members:
        return made, f"{path} written as branches of its members: {listed([item.name for item in made])}"
    return made, "" if branch.typename == written else f"{path} written as {written}"


class _TakenNames:
    """Names of branches, to which new ones are added in a time that does not grow with their number."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._longest: dict[str, str] = {}

    def add(self, wanted: str) -> str:
        """The name, or with underscores where it is taken; it is taken then."""
        name = self._longest.get(wanted, wanted)
        while name in self._names:
            name += "_"
        self._names.add(name)
        self._longest[wanted] = name
        return name


def _place(
    layout: TTreeLayout, tree: Tree, position: int, name: str, leaves: list[Leaf], *, is_new: bool
) -> None:
    branch = tree.branches[position]
    output = OutputBranch(name, branch.title, leaves, position)
    if _is_leaf_list(branch, name) or (tree.kind == "RNTuple" and not branch.title):
        output.title = output.leaf_list
    layout.branches.append(output)
    counter = leaves[0].counter
    if len(leaves) == 1:
        written = natural_typename(leaves[0], is_jagged=output.is_jagged)
        if branch.typename.replace("std::int", "int").replace("std::uint", "uint") != written:
            counted = f" with counter {counter.name}" if counter is not None and is_new else ""
            shape = "variable-length array" if output.is_jagged else written
            layout.notes.append(f"{tree.path_of(position)}: {branch.typename} written as {shape}{counted}")
        elif counter is not None and is_new:
            layout.notes.append(f"{tree.path_of(position)}: written with counter {counter.name}")
    elif not branch.typename.startswith("struct"):
        layout.notes.append(f"{tree.path_of(position)}: {branch.typename} written as the list of its members")


def _is_leaf_list(branch: Branch, name: str) -> bool:
    """Whether the title only repeats what ROOT derives from the leaves, and must follow them."""
    title = branch.title
    return title in (name, branch.name) or bool(_LEAF_LIST.fullmatch(title) and re.search("[/[]", title))


def _assign_counters(
    tree: Tree,
    first: Mapping[int, Any],
    leaves: Mapping[int, list[Leaf]],
    jagged: list[int],
    names: Mapping[int, str],
    taken: _TakenNames,
    *,
    share: bool,
) -> dict[Leaf, int]:
    """Gives each jagged leaf its counter; the counters made here, with the position of their first branch."""
    import awkward as ak

    positions = {names[p]: p for p in reversed(tree.stored())}
    is_jagged = set(jagged)
    groups: dict[bytes | int, list[int]] = {}
    for position in jagged:
        branch = tree.branches[position]
        counts = np.asarray(ak.num(first[position])) if position in first else None
        # Of a TClonesArray, the branch that holds the number of its elements is the members' parent.
        for candidate in (
            positions.get(branch.counter),
            branch.parent if share and counts is not None else None,
        ):
            if (
                candidate is not None
                and candidate not in is_jagged
                and _counts(leaves.get(candidate, []), first.get(candidate), counts)
            ):
                leaves[candidate][0].is_range = True
                leaves[position][0].counter = leaves[candidate][0]
                break
        else:
            key = counts.tobytes() if share and counts is not None else position
            groups.setdefault(key, []).append(position)
    new_counters: dict[Leaf, int] = {}
    for members in groups.values():
        name = taken.add(leaf_name(_counter_name([names[p] for p in members])))
        counter_leaf = Leaf(name, np.dtype(np.int32), is_range=True)
        new_counters[counter_leaf] = members[0]
        for position in members:
            leaves[position][0].counter = counter_leaf
    return new_counters


def _counts(leaves: list[Leaf], values: Any, counts: Any) -> bool:
    """Whether a branch of these leaves can count lists with these lengths, in the first cluster."""
    if len(leaves) != 1 or leaves[0].dtype is None or leaves[0].dtype.kind not in "iu" or leaves[0].shape:
        return False
    return values is None or counts is None or np.array_equal(np.asarray(values), counts)


def _counter_name(names: list[str]) -> str:
    """`nmuon` for `muon_pt` and `muon_eta`; `n` and the first name where they have nothing in common."""
    letter_columns = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    common = "".join(letters[0] for letters in letter_columns)
    if len(names) > 1:
        common = re.sub(r"[._][^._]*$", "", common)
    return "n" + (common or names[0])
