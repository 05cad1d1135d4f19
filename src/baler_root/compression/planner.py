"""Decides how a tree is stored, from its schema, a sample of its entries, and the rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.page_groups import plan_groups
from baler_root.compression.plan import Plan, plan_columns
from baler_root.compression.quantisation.special_values import SENTINELS
from baler_root.compression.relations.parsing import parse
from baler_root.compression.relations.search import discover
from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError
from baler_root.format.bounds import ErrorBound
from baler_root.format.columns.form_columns import Column, tree_columns
from baler_root.format.columns.to_columns import flatten
from baler_root.format.container.manifest import StoredTree
from baler_root.format.encodings.relations import Relation
from baler_root.format.schema import Tree
from baler_root.format.statistics import RECORD
from baler_root.format.tables import find_tables, tables_of
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import SourceTree, cluster_lengths

MAX_CLUSTER_SIZE = 1 << 28
"""Bytes in memory; a page may not decode to more."""


@dataclass(slots=True)
class TreeJob:
    """One tree on its way into the file."""

    key: str
    source: SourceTree
    plan: Plan
    reasons: tuple[tuple[str, str], ...]
    lengths: list[int] = field(default_factory=list)
    same_as: int | None = None
    notes: tuple[str, ...] = ()
    """What people should know of the plan."""
    records: list[NDArray[Any]] = field(default_factory=list)
    lists: list[list[int]] = field(default_factory=list)

    def ranges(self) -> list[tuple[int, int]]:
        """Entry range of each cluster."""
        stops = np.cumsum(self.lengths, dtype=np.int64).tolist()
        return [(stop - length, stop) for stop, length in zip(stops, self.lengths, strict=True)]

    def stacked_records(self) -> NDArray[Any]:
        """The records of all clusters, (clusters, columns)."""
        if not self.records:
            return np.zeros((0, len(self.plan.columns)), dtype=RECORD)
        return np.stack(self.records)

    def _saved(self, number: int) -> int:
        """About how many bytes a relation saves."""
        values = sum(int(records["length"][number]) for records in self.records)
        return max(0, round(values * self.plan.relations[number].saved / 8))

    def stored(self) -> StoredTree:
        """What the manifest says of the tree."""
        if self.same_as is not None:
            return StoredTree(self.plan.schema, bounds=self.reasons, same_as=self.same_as)
        columns = self.plan.columns
        digests = zip(*self.lists, strict=True) if self.lists else ((i,) for i, _ in enumerate(columns))
        lists, tables = find_tables(self.plan.schema, columns, list(digests))
        return StoredTree(
            schema=self.plan.schema,
            clusters=tuple(self.lengths),
            layouts=(self.plan.groups,),
            layout=(0,) * len(self.lengths),
            bounds=self.reasons,
            lists=lists,
            tables=tables,
            relations=tuple((_told(self.plan, n), self._saved(n)) for n in self.plan.relations),
        )


def _told(plan: Plan, number: int) -> str:
    """A relation as people write it: `a = b + c`."""
    names = [column.name for column in plan.columns]
    relation = plan.relations[number].relation
    return f"{names[number]} = {relation.text([names[column] for column in relation.sources])}"


def _declared(rules: Rules, names: Sequence[str], tables: Sequence[int]) -> dict[int, tuple[str, Relation]]:
    """The relations that the rules declare, of those columns that this tree has, and their texts."""
    numbers = {name: n for n, (name, table) in enumerate(zip(names, tables, strict=True)) if table >= 0}
    out: dict[int, tuple[str, Relation]] = {}
    for text in rules.relations:
        try:
            number, relation = parse(text, numbers.__getitem__)
        except KeyError:
            continue
        out[number] = text, relation
    return out


def plan_tree(
    root: RootSource,
    key: str,
    rules: Rules,
    codec: str,
    cluster_size: int | str,
    skip: dict[tuple[str, str], str],
) -> TreeJob:
    """All decisions about one tree."""
    path = key.rpartition(";")[0]
    tree = root.open_tree(key, {branch: why for (owner, branch), why in skip.items() if owner == path})
    schema = tree.schema
    columns = tree_columns(schema)
    asked = [_bound(rules, schema, column) for column in columns if column.has_values]
    reasons = tuple((str(bound), reason) for bound, reason in asked)
    sample = flatten(schema, columns, tree.first_entries)
    sampled = min(schema.num_entries, max((len(array) for array in tree.first_entries.values()), default=0))
    target = _cluster_entries(cluster_size, tree.entry_size)
    lengths = cluster_lengths(tree, target)
    groups = plan_groups(sample, sampled, max(lengths, default=1))
    planned = plan_columns(schema, [bound for bound, _ in asked])
    tables = [
        table if column.role == "data" and not column.shape else -1
        for column, table in zip(columns, tables_of(columns, sample), strict=True)
    ]
    names = [column.name for column in planned]
    independent = {n for n, name in enumerate(names) if rules.is_independent(name, name.rpartition("/")[2])}
    declared = _declared(rules, names, tables)
    found = discover(
        sample,
        [column.bound for column in planned],
        tables,
        {n: relation for n, (_, relation) in declared.items()},
        independent,
        max(lengths, default=0) / max(1, sampled),
    )
    notes = tuple(
        f"{schema.path}: the relation {text!r} is not used: within the bounds it does not hold, or saves nothing"
        for number, (text, relation) in declared.items()
        if (used := found.derived.get(number)) is None or used.relation != relation
    )
    planned = plan_columns(schema, [bound for bound, _ in asked], found.tightened)
    plan = Plan(schema, planned, groups, codec, (*SENTINELS, *rules.sentinels), found.derived)
    return TreeJob(key, tree, plan, reasons, lengths, notes=notes)


def _bound(rules: Rules, schema: Tree, column: Column) -> tuple[ErrorBound, str]:
    """The bound of a column and why; a field of a record is named like a branch under its branch."""
    branch = schema.branches[column.branch]
    path, name = column.name_in(schema), column.field.rpartition(".")[2] or branch.name
    dtype = column.dtype if column.role == "data" else np.dtype(bool)
    return rules.bound_for(schema.path, path, name, dtype, branch.typename)


def _cluster_entries(cluster_size: int | str, entry_size: float) -> int:
    """Entries of a cluster of this many entries, or of this size in memory."""
    if isinstance(cluster_size, int) or cluster_size.strip().isdecimal():
        entries = int(cluster_size)
        if entries < 1:
            raise ConfigError(f"cluster size {cluster_size}: at least one entry is needed")
        return min(entries, max(1, int(MAX_CLUSTER_SIZE / 2 / max(entry_size, 1e-9))))
    parts = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([kMG]i?B|B)\s*", cluster_size)
    if parts is None:
        raise ConfigError(
            f"cluster size {cluster_size!r}: write a number of entries, or a size such as '64 MB'"
        )
    number, unit = parts.groups()
    size = float(number) * (1024 if "i" in unit else 1000) ** " kMG".index(unit[0].replace("B", " "))
    if not 1 <= size <= MAX_CLUSTER_SIZE:
        raise ConfigError(
            f"cluster size {cluster_size!r}: from 1 B to {MAX_CLUSTER_SIZE >> 20} MiB are allowed"
        )
    return max(1, int(size / max(entry_size, 1e-9)))
