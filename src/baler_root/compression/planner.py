"""Plans a tree from its schema, a sample of its entries, and the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from baler_root._types import Values
from baler_root.compression.derived.prediction import as_formula
from baler_root.compression.derived.search import DerivedSearch
from baler_root.compression.page_groups import plan_groups
from baler_root.compression.plan import Plan, PlannedColumn, plan_columns
from baler_root.compression.quantisation.special_values import SENTINELS
from baler_root.compression.relations.parsing import parse
from baler_root.compression.relations.search import discover
from baler_root.compression.rules.coarse_bounds import merged_values
from baler_root.compression.rules.matching import bound_target
from baler_root.compression.rules.rules import Rules
from baler_root.compression.tree_job import TreeJob
from baler_root.errors import ConfigError, SourceError, listed
from baler_root.format.columns.form_columns import Column, tree_columns
from baler_root.format.columns.to_columns import flatten
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import FUNCTIONS
from baler_root.format.encodings.relations import Relation
from baler_root.format.limits import MAX_COLUMN_LENGTH
from baler_root.format.schema import Tree
from baler_root.format.tables import lengths_of, tables_of
from baler_root.rootio.source_tree import SourceTree, cluster_lengths

MAX_CLUSTER_SIZE = 1 << 28
"""Largest cluster, in bytes in memory; a page may not decode to more."""


MAX_CLUSTERS = 1 << 20
"""Most clusters of one tree: more only come from a number of entries without data behind it."""


MAX_EMPTY_CLUSTERS = 1 << 10
"""Most clusters of a tree without branches, whose number of entries costs nothing to claim."""


@np.errstate(all="ignore")  # searches for relations meet any values: NaN, infinities, the largest floats
def plan_tree(
    key: str, tree: SourceTree, rules: Rules, codec: str, cluster_size: int | str, *, derived: bool = False
) -> TreeJob:
    """All decisions about one tree: the error bounds, pages and relations of its columns, and its clusters.

    With `derived`, columns are also predicted by formulas of others.

    Raises ConfigError for rules that the tree makes impossible, or a cluster size that is; SourceError for a
    tree with too many entries.
    """
    schema = tree.schema
    columns = tree_columns(schema)
    targets = [bound_target(schema, column) for column in columns if column.has_values]
    bounds_and_reasons = [rules.bound_for(target) for target in targets]
    bounds = [bound for bound, _ in bounds_and_reasons]
    planned = plan_columns(schema, bounds)
    sample = flatten(schema, columns, tree.first_entries)
    sampled = min(schema.num_entries, max((len(array) for array in tree.first_entries.values()), default=0))
    lengths = cluster_lengths(tree, _target_length(schema, cluster_size, tree.entry_size))
    tables = [
        table if column.role == "data" and not column.shape else -1
        for column, table in zip(columns, tables_of(columns, sample), strict=True)
    ]
    names = [column.name for column in planned]
    declared = _declared(rules, names, tables, lambda number: _lengths_of(columns, tables, number))
    independent = {n for n, name in enumerate(names) if rules.is_independent(name, name.rpartition("/")[2])}
    relations = discover(
        sample,
        [column.bound for column in planned],
        tables,
        {n: relation for n, (_, relation) in declared.items() if not _reduces(relation)},
        independent,
        max(lengths, default=0) / max(1, sampled),
    )
    formulas = {n: formula for n, (_, relation) in declared.items() if (formula := as_formula(relation))}
    predictions = {}
    if derived:
        lists = {
            table: number
            for table in sorted({*tables} - {-1, 0})
            if (number := lengths_of(columns, tables, table)) is not None
        }
        search = DerivedSearch(relations.sample, relations.derived, relations.tightened, independent, lists)
        predictions = search.find(schema.num_entries / max(1, sampled), formulas)
    plan = Plan(
        schema,
        plan_columns(schema, bounds, relations.tightened),
        plan_groups(sample, sampled, max(lengths, default=1)),
        codec,
        (*SENTINELS, *rules.sentinels),
        {n: planned for n, planned in relations.derived.items() if n not in predictions},
        predictions,
    )
    notes = tuple(
        f"{schema.path}: the relation {text!r} is not used: within the bounds it does not hold, or saves nothing"
        for number, (text, relation) in declared.items()
        if (number not in plan.relations or plan.relations[number].relation != relation)
        and (number not in predictions or predictions[number].relation != formulas.get(number))
    )
    reasons = tuple((str(bound), reason) for bound, reason in bounds_and_reasons)
    by_default = [
        n
        for n, (_, reason) in zip(_with_values(columns), bounds_and_reasons, strict=True)
        if reason == "default"
    ]
    notes += tuple(_notes_on_merged_values(schema.path, planned, sample, by_default))
    return TreeJob(key, tree, plan, reasons, tuple(lengths), notes=notes)


def _with_values(columns: Sequence[Column]) -> list[int]:
    """Numbers of the columns that have a bound."""
    return [number for number, column in enumerate(columns) if column.has_values]


def _notes_on_merged_values(
    tree: str, columns: Sequence[PlannedColumn], sample: Sequence[Values], numbers: Sequence[int]
) -> Iterator[str]:
    """A note on the columns in which the default bound merges values that may be times or identifiers."""
    merged = [
        f"{columns[number].name} ({kept[0]} of {kept[1]} remain)"
        for number in numbers
        if (kept := merged_values(sample[number], columns[number].bound)) is not None
    ]
    if merged:
        names = listed(merged, max_items=4)
        yield f"{tree}: the bound merges values of {names}; --branch NAME=lossless keeps times and identifiers exact"


def skipped_in(key: str, unreadable: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """The branches of one tree that are left out, and why."""
    path = key.rpartition(";")[0]
    return {branch: cause for (tree, branch), cause in unreadable.items() if tree == path}


def _reduces(relation: Relation) -> bool:
    """Whether a relation gives one value for each list, and so can only predict."""
    return isinstance(relation, Formula) and FUNCTIONS[relation.function].reduces


def _lengths_of(columns: Sequence[Column], tables: Sequence[int], number: int) -> int:
    """The column with the lengths of the lists whose items a column has; KeyError for a column of the
    entries."""
    lengths = lengths_of(columns, tables, tables[number])
    if lengths is None:
        raise KeyError(number)
    return lengths


def _declared(
    rules: Rules, names: Sequence[str], tables: Sequence[int], lengths: Callable[[int], int]
) -> dict[int, tuple[str, Relation]]:
    """The declared relations between columns of this tree, with their texts, by the number of the computed
    column."""
    numbers = {
        name: number for number, (name, table) in enumerate(zip(names, tables, strict=True)) if table >= 0
    }
    relations: dict[int, tuple[str, Relation]] = {}
    for text in rules.relations:
        try:
            number, relation = parse(text, numbers.__getitem__, lengths)
        except KeyError:
            continue
        relations[number] = text, relation
    return relations


def _target_length(schema: Tree, cluster_size: int | str, entry_size: float) -> int:
    """Entries of a cluster, within the limits of a reader; clusters get up to a quarter more than this.

    A tree without stored branches gets the longest clusters. Raises SourceError for too many clusters.
    """
    longest = MAX_COLUMN_LENGTH * 4 // 5
    target, max_clusters = longest, MAX_EMPTY_CLUSTERS
    if schema.stored():
        target, max_clusters = min(longest, _cluster_entries(cluster_size, entry_size)), MAX_CLUSTERS
    if schema.num_entries > target * max_clusters:
        raise SourceError(
            f"tree {schema.path!r}: {schema.num_entries} entries need more than {max_clusters} clusters"
        )
    return target


def _cluster_entries(cluster_size: int | str, entry_size: float) -> int:
    """Entries of a cluster for a size given as a number of entries, or as a size in memory."""
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
