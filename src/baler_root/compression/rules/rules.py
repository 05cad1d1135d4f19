"""Rules: which error bound each branch gets, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from baler_root.compression.relations.parsing import parse
from baler_root.compression.rules.exact_branches import exact_by_name
from baler_root.errors import ConfigError, nearest
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.training.pair_masses import PairMass

if TYPE_CHECKING:
    from baler_root.format.schema import Tree


DEFAULT = ErrorBound("rel", 1e-3)
"""Bound of floating-point branches that no rule names."""


Value = tuple[str, str, str, np.dtype[Any], str]
"""What rules look at: tree path, branch path, name, dtype of the values (bool where they are no numbers), type name."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One bound for the branches whose path or name fits `pattern`, in trees that fit `tree`.

    Patterns are globs, with regard to case. One without wildcards also fits everything below the branch it names.
    """

    pattern: str
    bound: ErrorBound
    tree: str | None = None
    preset: str | None = None
    """The preset it comes from; such a rule may match nothing."""

    def __str__(self) -> str:
        return f"preset {self.preset} {self.pattern!r}" if self.preset else f"rule {self.pattern!r}"

    def matches(self, tree_path: str, path: str, name: str) -> bool:
        """True if the rule names this branch."""
        if self.tree is not None and not _fits_tree(self.tree, tree_path):
            return False
        below = path.startswith((f"{self.pattern}/", f"{self.pattern}.", f"{self.pattern}:"))
        return below or any(self.pattern == word or fnmatchcase(word, self.pattern) for word in (path, name))

    def applies(self, path: str, name: str, dtype: np.dtype[Any], typename: str) -> bool:
        """True if the rule also says what to do with a branch of this kind, given that it matches.

        A glob reaches floating-point values, and identifiers and weights only if it says so itself
        (`'LHE*Weight'`): `'Jet_*=rel=1e-2'` does not ruin a bit mask. A branch spelled out is held to the bound
        whatever it is; ConfigError if that cannot be.
        """
        spelled_out = self.pattern in (path, name)
        if self.bound == LOSSLESS:
            return True
        if dtype.kind == "f":
            return spelled_out or not exact_by_name(path) or bool(exact_by_name(self.pattern))
        if not spelled_out:
            return False
        if dtype.kind in "iu":
            return True
        raise ConfigError(
            f"{self}: branch {path!r} is of type {typename}, which has no error to bound; "
            f"drop the rule, or write '{self.pattern}=lossless'"
        )


def _fits_tree(pattern: str, tree_path: str) -> bool:
    return pattern == tree_path or fnmatchcase(tree_path, pattern)


@dataclass(frozen=True, slots=True)
class Rules:
    """The default for floating-point branches, then rules of which the last that applies wins."""

    default: ErrorBound = DEFAULT
    rules: tuple[Rule, ...] = ()
    sentinels: tuple[float, ...] = ()
    """Values that stay exact in every branch, besides the usual ones."""
    preset: str | None = None
    relations: tuple[str, ...] = ()
    """What columns are of others (`baler_root.declared`), besides what is found by itself."""
    independent: tuple[str, ...] = ()
    """Patterns of branches that are never recomputed from others."""
    masses: tuple[PairMass, ...] = ()
    """Of pairs that codecs with latents look after in training."""

    def is_independent(self, path: str, name: str) -> bool:
        """True if a branch must keep its own values, whatever relation holds."""
        return any(
            pattern == word or fnmatchcase(word, pattern)
            for pattern in self.independent
            for word in (path, name)
        )

    def bound_for(
        self, tree_path: str, branch_path: str, branch_name: str, dtype: np.dtype[Any], typename: str
    ) -> tuple[ErrorBound, str]:
        """The bound of a branch, or field of one, and the reason; ConfigError if a rule asks what cannot be.

        `dtype` is that of its values, bool where they are no numbers.
        """
        for rule in reversed(self.rules):
            if rule.matches(tree_path, branch_path, branch_name) and rule.applies(
                branch_path, branch_name, dtype, typename
            ):
                return rule.bound, str(rule)
        if dtype.kind != "f":
            return LOSSLESS, _kind(dtype, typename)
        by_name = exact_by_name(branch_path)
        return (LOSSLESS, by_name) if by_name else (self.default, "default")

    def unused(self, branches: Iterable[tuple[str, str, str]]) -> list[Rule]:
        """The rules, other than a preset's, that match none of the branches (tree path, branch path, name)."""
        left = [rule for rule in self.rules if rule.preset is None]
        for branch in branches:
            if not left:
                break
            left = [rule for rule in left if not rule.matches(*branch)]
        return left

    def check_used(self, trees: Iterable[Tree]) -> None:
        """Raise ConfigError for a rule that matches no branch of the trees, or only such as it cannot bind."""
        values = [value for tree in trees for value in values_of(tree)]
        for rule in self.unused(value[:3] for value in values):
            raise ConfigError(_no_match(rule, values))
        for text in self.relations:
            _check_relation(text, values)
        for mass in self.masses:
            _check_together(f"[[physics]] {mass}", mass.branches, values)
        for pattern in self.independent:
            if not any(Rule(pattern, LOSSLESS).matches(*value[:3]) for value in values):
                raise ConfigError(_no_match(Rule(pattern, LOSSLESS), values))
        for rule in self.rules:
            if rule.preset is None:
                found = [value for value in values if rule.matches(*value[:3])]
                if not any(rule.applies(*value[1:]) for value in found):
                    kinds = ", ".join(sorted({exact_by_name(v[1]) or _kind(*v[3:]) for v in found}))
                    raise ConfigError(
                        f"{rule} would change nothing: what it matches is kept exact ({kinds}), and a pattern with "
                        f"wildcards leaves that alone; name one branch to bind it all the same, such as {found[0][1]!r}"
                    )

    def to_json(self) -> dict[str, Any]:
        """The same in plain values, for the provenance."""
        return {
            "default": str(self.default),
            "preset": self.preset,
            "rules": [[rule.pattern, str(rule.bound), rule.tree] for rule in self.rules],
            "sentinels": list(self.sentinels),
            **({"relations": list(self.relations)} if self.relations else {}),
            **({"independent": list(self.independent)} if self.independent else {}),
            **({"masses": [list(mass.branches) for mass in self.masses]} if self.masses else {}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The rules that `to_json` gave; those of a preset may match nothing, and so may all others beside them."""
        preset = document["preset"]
        return cls(
            ErrorBound.parse(document["default"]),
            tuple(
                Rule(name, ErrorBound.parse(bound), tree, preset) for name, bound, tree in document["rules"]
            ),
            tuple(document["sentinels"]),
            preset,
            tuple(document.get("relations", ())),
            tuple(document.get("independent", ())),
        )


def values_of(tree: Tree) -> list[Value]:
    """What rules look at, for all that is stored of a tree; a field of a record is named like a branch below it."""
    from baler_root.format.columns.form_columns import columns_of

    out = []
    for position in tree.stored():
        branch, path = tree.branches[position], tree.path_of(position)
        for column in columns_of([(position, branch.form or {})]):
            if column.has_values:
                dtype = column.dtype if column.role == "data" else np.dtype(bool)
                names = (
                    (f"{path}.{column.field}", column.field.rpartition(".")[2])
                    if column.field
                    else (path, branch.name)
                )
                out.append((tree.path, *names, dtype, branch.typename))
    return out


def _kind(dtype: np.dtype[Any], typename: str) -> str:
    """What a branch that is not floating-point is called in the summary."""
    if re.search(r"string|char\s*\*|TString", typename, re.IGNORECASE):
        return "string"
    return {"b": "boolean", "i": "integer", "u": "integer"}.get(dtype.kind, "not floating-point")


def _check_relation(text: str, values: Sequence[Value]) -> None:
    """Raise ConfigError for a relation that is none, or whose columns no tree has together."""
    wanted: list[str] = []

    def number(name: str) -> int:
        wanted.append(name)
        return len(wanted)

    parse(text, number)
    _check_together(f"relation {text!r}", wanted, values)


def _check_together(what: str, wanted: Sequence[str], values: Sequence[Value]) -> None:
    """Raise ConfigError where no tree has all these branches."""
    trees: dict[str, list[str]] = {}
    for tree, path, *_ in values:
        trees.setdefault(tree, []).append(path)
    known = list(dict.fromkeys(path for paths in trees.values() for path in paths))
    for name in wanted:
        if name not in known:
            raise ConfigError(f"{what}: there is no branch {name!r}{_hint(name, known)}")
    if not any(set(wanted) <= set(paths) for paths in trees.values()):
        raise ConfigError(f"{what}: no tree has all of {', '.join(map(repr, wanted))}")


def _no_match(rule: Rule, values: Sequence[Value]) -> str:
    """The error for a rule that matches no branch."""
    trees = list(dict.fromkeys(value[0] for value in values))
    if rule.tree is not None and not any(_fits_tree(rule.tree, tree) for tree in trees):
        return f"{rule}: there is no tree {rule.tree!r}{_hint(rule.tree, trees)}"
    known = [
        word
        for value in values
        for word in dict.fromkeys(value[1:3])
        if rule.tree is None or _fits_tree(rule.tree, value[0])
    ]
    return f"{rule} matches no branch{_hint(rule.pattern, known)}"


def _hint(word: str, known: Sequence[str]) -> str:
    """What the user may have meant, or some of what there is."""
    near = nearest(word, known)
    if near:
        return f"; nearest: {', '.join(map(repr, near))}"
    return f"; there are {', '.join(map(repr, known[:5]))}{', ...' if len(known) > 5 else ''}"
