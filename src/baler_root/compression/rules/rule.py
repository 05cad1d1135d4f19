"""One rule: an error bound for the branches that fit a pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

from baler_root.compression.rules.exact_branches import exact_by_name
from baler_root.errors import ConfigError
from baler_root.format.bounds import LOSSLESS, ErrorBound


class BoundTarget(NamedTuple):
    """A branch, or a field of a record, as rules see it."""

    tree: str
    """Path of the tree."""
    path: str
    """Path of the branch; that of a field is `branch.field`."""
    name: str
    """Last part of the path."""
    dtype: np.dtype[Any]
    """Dtype of the values; bool if they are not numbers."""
    typename: str
    """C++ type of the branch, as uproot reports it."""
    raw: bool = False
    """Whether the branch is carried as bytes, which nobody interprets."""

    @property
    def kind(self) -> str:
        """Reason, for people, why the values stay exact if they are not floating-point."""
        if self.raw:
            return "raw"
        if re.search(r"string|char\s*\*|TString", self.typename, re.IGNORECASE):
            return "string"
        return {"b": "boolean", "i": "integer", "u": "integer"}.get(self.dtype.kind, "not floating-point")


@dataclass(frozen=True, slots=True)
class Rule:
    """One bound for the branches whose path or name fits `pattern`, in trees that fit `tree`.

    Patterns are case-sensitive globs. A pattern without wildcards also fits everything below the branch it
    names.
    """

    pattern: str
    bound: ErrorBound
    tree: str | None = None
    """Path of a tree, or a glob; None for all trees."""
    preset: str | None = None
    """Preset that the rule comes from; such a rule may match nothing."""

    def __str__(self) -> str:
        return f"preset {self.preset} {self.pattern!r}" if self.preset else f"rule {self.pattern!r}"

    def matches(self, target: BoundTarget) -> bool:
        """True if the rule names this branch."""
        if not self.matches_tree(target.tree):
            return False
        if target.path.startswith((f"{self.pattern}/", f"{self.pattern}.", f"{self.pattern}:")):
            return True
        return any(
            self.pattern == word or fnmatchcase(word, self.pattern) for word in (target.path, target.name)
        )

    def matches_tree(self, path: str) -> bool:
        """True if the rule holds in the tree of this path."""
        return self.tree is None or self.tree == path or fnmatchcase(path, self.tree)

    def applies(self, target: BoundTarget) -> bool:
        """True if the rule, which matches the branch, can bind values of this kind.

        A glob binds floating-point values, but identifiers and weights only if the pattern itself reads like
        one (`'LHE*Weight'`): `'Jet_*=rel=1e-2'` does not ruin a bit mask. A name without wildcards binds
        numbers of any kind. Raises ConfigError if such a name belongs to values that have no error.
        """
        spelled_out = self.pattern in (target.path, target.name)
        if self.bound == LOSSLESS:
            return True
        if target.raw and spelled_out:
            raise ConfigError(
                f"{self}: branch {target.path!r} of type {target.typename} is raw: its bytes are carried as they "
                f"are, and have no error to bound; drop the rule, or write '{self.pattern}=lossless'"
            )
        if target.raw:
            return False
        if target.dtype.kind == "f":
            return spelled_out or not exact_by_name(target.path) or bool(exact_by_name(self.pattern))
        if not spelled_out:
            return False
        if target.dtype.kind in "iu":
            return True
        raise ConfigError(
            f"{self}: branch {target.path!r} is of type {target.typename}, which has no error to bound; "
            f"drop the rule, or write '{self.pattern}=lossless'"
        )
