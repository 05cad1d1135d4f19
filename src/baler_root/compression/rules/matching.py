"""Refuses rules that match no branch: a typing error in a pattern must not pass unnoticed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from baler_root.compression.relations.parsing import parse
from baler_root.compression.rules.exact_branches import exact_by_name
from baler_root.compression.rules.rule import BoundTarget, Rule
from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError, listed, nearest
from baler_root.format.bounds import LOSSLESS
from baler_root.format.columns.form_columns import Column, tree_columns
from baler_root.format.schema import Tree


def bound_target(tree: Tree, column: Column) -> BoundTarget:
    """A column with values as rules see it; a field of a record is named like a branch below its branch."""
    branch = tree.branches[column.branch]
    if branch.raw:
        path = tree.path_of(column.branch)
        return BoundTarget(tree.path, path, branch.name, np.dtype(bool), branch.typename, raw=True)
    name = column.field.rpartition(".")[2] or branch.name
    dtype = column.dtype if column.role == "data" else np.dtype(bool)
    return BoundTarget(tree.path, column.name_in(tree), name, dtype, branch.typename)


def check_used(rules: Rules, trees: Sequence[Tree]) -> None:
    """Raise ConfigError for a rule that matches no branch of the trees, or only branches that it cannot bind.

    Rules of a preset may match nothing.
    """
    targets = [
        bound_target(tree, column) for tree in trees for column in tree_columns(tree) if column.has_values
    ]
    user_rules = [rule for rule in rules.rules if rule.preset is None]
    for rule in user_rules:
        if not any(map(rule.matches, targets)):
            raise ConfigError(_no_match(rule, targets))
    for text in rules.relations:
        _check_together(f"relation {text!r}", _names_in(text), targets)
    for mass in rules.masses:
        _check_together(f"[[physics]] {mass}", mass.branches, targets)
    for pattern in rules.independent:
        rule = Rule(pattern, LOSSLESS)
        if not any(map(rule.matches, targets)):
            raise ConfigError(_no_match(rule, targets))
    for rule in user_rules:
        matched = [target for target in targets if rule.matches(target)]
        if not any(map(rule.applies, matched)):
            kinds = ", ".join(sorted({exact_by_name(target.path) or target.kind for target in matched}))
            raise ConfigError(
                f"{rule} would change nothing: what it matches is kept exact ({kinds}), and a pattern with "
                f"wildcards leaves that alone; name one branch to bind it all the same, such as {matched[0].path!r}"
            )


def _names_in(relation: str) -> list[str]:
    """The names of the branches in a declared relation; raises ConfigError if it is not one."""
    names: list[str] = []

    def number(name: str) -> int:
        names.append(name)
        return len(names)

    parse(relation, number)
    return names


def _check_together(subject: str, names: Sequence[str], targets: Sequence[BoundTarget]) -> None:
    """Raise ConfigError if no tree has all these branches."""
    trees: dict[str, list[str]] = {}
    for target in targets:
        trees.setdefault(target.tree, []).append(target.path)
    paths = list(dict.fromkeys(path for tree_paths in trees.values() for path in tree_paths))
    for name in names:
        if name not in paths:
            raise ConfigError(f"{subject}: there is no branch {name!r}{_hint(name, paths)}")
    if not any(set(names) <= set(tree_paths) for tree_paths in trees.values()):
        raise ConfigError(f"{subject}: no tree has all of {', '.join(map(repr, names))}")


def _no_match(rule: Rule, targets: Sequence[BoundTarget]) -> str:
    """The message for a rule that matches no branch."""
    trees = list(dict.fromkeys(target.tree for target in targets))
    if rule.tree is not None and not any(map(rule.matches_tree, trees)):
        return f"{rule}: there is no tree {rule.tree!r}{_hint(rule.tree, trees)}"
    words = [
        word
        for target in targets
        if rule.matches_tree(target.tree)
        for word in dict.fromkeys((target.path, target.name))
    ]
    return f"{rule} matches no branch{_hint(rule.pattern, words)}"


def _hint(word: str, words: Sequence[str]) -> str:
    """The end of a message: the `words` most like `word`, or a list of all."""
    if not words:
        return "; there is none"
    similar = nearest(word, words)
    return (
        f"; nearest: {', '.join(map(repr, similar))}"
        if similar
        else f"; there are {listed(map(repr, words))}"
    )
