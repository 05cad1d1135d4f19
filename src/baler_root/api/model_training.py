"""The steps of one training: the trees that all files share, a sample of them, and models of their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from baler_root._types import Progress
from baler_root.api.unreadable import Unreadable
from baler_root.compression.models.learn import check_latents, learn_from, min_rows
from baler_root.compression.models.sample import take_sample
from baler_root.compression.plan import GroupModel, Plan, plan_columns
from baler_root.compression.planner import plan_tree, skipped_in
from baler_root.compression.rules.matching import check_used
from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError, SourceError, listed
from baler_root.format.columns.form_columns import tree_columns
from baler_root.format.container.model_references import KnownColumn
from baler_root.format.model_file import StoredModel
from baler_root.format.schema import Tree
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import SourceTree
from baler_root.training.effort import TrainingEffort

Key = tuple[str, str, str]
"""Branch path, field and role of a column."""


@dataclass(frozen=True, slots=True)
class LearnedModels:
    """Models of all trees."""

    models: tuple[StoredModel, ...] = ()
    notes: tuple[str, ...] = ()
    entries: int = 0
    """Entries of all trees that have models."""
    left_out: tuple[str, ...] = ()
    """Notes on branches that cannot be read to their end."""


@dataclass(frozen=True, slots=True)
class ModelTraining:
    """One attempt to learn from open files."""

    roots: Sequence[RootSource]
    rules: Rules
    effort: TrainingEffort
    codec: str
    trees: Sequence[str] | None = None
    """Trees to learn from; None for all."""
    unreadable: Unreadable = field(default_factory=dict)
    """Branches to leave out because an earlier attempt could not read them."""
    progress: Progress | None = None

    def learn(self) -> LearnedModels:
        """The models of each tree of the first file, from all files."""
        first = self.roots[0]
        jobs = [
            plan_tree(
                key, first.open_tree(key, skipped_in(key, self.unreadable)), self.rules, self.codec, "64 MB"
            )
            for key in _newest_cycles(first, self.trees)
        ]
        check_used(self.rules, [job.plan.schema for job in jobs])
        alike = [self._open_all(job.source, job.plan) for job in jobs]
        minimum = min_rows(self.effort)
        large = [trees for trees in alike if _entries(trees) >= minimum]
        check_latents(((trees[0][1], take_sample(trees)) for trees in large), self.effort)
        models: list[StoredModel] = []
        notes: list[str] = []
        total = 0
        for trees in alike:
            entries, plan = _entries(trees), trees[0][1]
            path = plan.schema.path
            if entries < minimum:
                notes.append(f"tree {path!r}: {entries} entries; at least {minimum} are needed to learn from")
                continue
            learned = learn_from(take_sample(trees), plan, entries, entries, self.effort, self.progress)
            notes += learned.notes
            if not learned.models:
                notes.append(
                    f"tree {path!r}: no model saves more bytes than it takes: the columns depend too little on each "
                    "other, or their tables have too few rows; more files may help"
                )
                continue
            total += entries
            models += [
                StoredModel.of(path, _known_columns(learned.plan, entry), data)
                for entry, data in zip(learned.plan.models, learned.models, strict=True)
            ]
        left_out = [
            f"{tree}: {branch} left out: {cause}" for (tree, branch), cause in self.unreadable.items()
        ]
        return LearnedModels(tuple(models), tuple(notes), total, tuple(left_out))

    def _open_all(self, first: SourceTree, plan: Plan) -> list[tuple[SourceTree, Plan]]:
        """The same tree in all files, with its plan there; raises ConfigError naming what differs."""
        path = first.schema.path
        trees = [(first, plan)]
        expected = _described(first.schema)
        bounds = [column.bound for column in plan.columns if column.has_values]
        for root in self.roots[1:]:
            key = next((k for k in _newest_cycles(root, None) if k.rpartition(";")[0] == path), None)
            if key is None:
                raise ConfigError(
                    f"{root.path}: has no tree {path!r}, which {self.roots[0].path} has; {_ALIKE}"
                )
            source = root.open_tree(key, skipped_in(key, self.unreadable)).without_first_entries()
            actual = _described(source.schema)
            if list(actual.items()) != list(expected.items()):
                raise ConfigError(
                    f"{root.path}: tree {path!r} is not like in {self.roots[0].path}: "
                    f"{_difference(expected, actual)}; {_ALIKE}"
                )
            columns = plan_columns(source.schema, bounds)
            trees.append((source, replace(plan, schema=source.schema, columns=columns)))
        return trees


def _entries(trees: Sequence[tuple[SourceTree, Plan]]) -> int:
    """Entries of a tree in all files together."""
    return sum(source.schema.num_entries for source, _ in trees)


def _newest_cycles(root: RootSource, trees: Sequence[str] | None) -> list[str]:
    """One key for each tree: that of its highest cycle; raises SourceError if there is none."""
    newest: dict[str, str] = {}
    keys = root.tree_keys(trees)
    if not keys:
        raise SourceError(f"{root.path}: holds no TTree and no RNTuple; there is nothing to learn from")
    for key in keys:
        path, _, cycle = key.rpartition(";")
        if path not in newest or int(cycle) > int(newest[path].rpartition(";")[2]):
            newest[path] = key
    return list(newest.values())


_ALIKE = "learn from files of one kind, or name the trees they share with --tree"


def _described(schema: Tree) -> dict[tuple[Key, str], str]:
    """The type of each column, by its names."""
    return {
        ((schema.path_of(column.branch), column.field, column.role), column.key): (
            f"{column.dtype}{list(column.shape) if column.shape else ''}"
        )
        for column in tree_columns(schema)
    }


def _difference(expected: dict[tuple[Key, str], str], actual: dict[tuple[Key, str], str]) -> str:
    """A sentence that names what differs."""
    missing = list(dict.fromkeys(key[0][0] for key in expected if key not in actual))
    extra = list(dict.fromkeys(key[0][0] for key in actual if key not in expected))
    other_type = [key[0][0] for key in expected if key in actual and expected[key] != actual[key]]
    parts = [
        f"{verb} {listed(map(repr, names))}"
        for names, verb in ((missing, "lacks"), (extra, "has besides"), (other_type, "has another type of"))
        if names
    ]
    return "it " + ", ".join(parts) if parts else "it has the same branches in another order"


def _known_columns(plan: Plan, entry: GroupModel) -> list[KnownColumn]:
    """The columns of a model in its order, described so that other files can be compared with them.

    Context columns that stand for the lists (lengths, positions) are described by the column with the
    lengths.
    """
    numbers = {position: number for number, position in (entry.numbers | entry.context).items()}
    columns = []
    for position in range(len(entry.model.columns)):
        number = numbers.get(position, entry.lists)
        if number is None:
            raise ValueError(f"column {position} of a model is not a column of the tree")
        column = plan.columns[number]
        columns.append(
            KnownColumn(
                plan.schema.path_of(column.branch),
                column.field,
                column.role,
                str(column.dtype),
                str(column.bound),
                str(column.tightened),
            )
        )
    return columns
