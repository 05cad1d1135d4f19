"""Names and formulas: the branches they need, and their values; uproot's language does the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from baler_root.dataset.interfaces import BranchLike, NodeLike
from baler_root.dataset.request import Request
from baler_root.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Term:
    """A name or formula, and the branches it needs."""

    name: str
    branches: list[BranchLike]
    is_branch: bool
    is_primary: bool
    """Whether the user asked for it; False if only another term needs it."""
    is_cut: bool
    is_jagged: bool

    @property
    def is_result(self) -> bool:
        """Whether its value is part of the result."""
        return self.is_primary and not self.is_cut


class Symbol(NamedTuple):
    """A branch by one of its names in formulas, with the attributes that uproot's language reads."""

    name: str
    cache_key: str
    parent: NodeLike


class Formulas:
    """The expressions and the cut of one request, resolved below a tree or branch."""

    def __init__(self, node: NodeLike, request: Request) -> None:
        self._node = node
        self._language = request.language
        self._aliases = {**node.aliases, **(request.aliases or {})}
        self.terms: list[Term] = []

    @property
    def positions(self) -> list[int]:
        """Sorted positions of the stored branches needed; raises SourceError if one was not stored."""
        return sorted({position for branch in self.branches for position in branch.needed()})

    @property
    def branches(self) -> Iterator[BranchLike]:
        """The branches that are needed, each once."""
        return iter({branch.position: branch for term in self.terms for branch in term.branches}.values())

    def add_branch(
        self, name: str, branch: BranchLike, *, is_primary: bool = True, is_cut: bool = False
    ) -> None:
        """Ask for a branch under a name."""
        self.terms.append(Term(name, [branch], True, is_primary, is_cut, branch.is_jagged))

    def add(self, expression: str, *, is_cut: bool = False, path: tuple[str, ...] = ()) -> None:
        """Request a branch by name, or a formula and the branches that it needs.

        Raises KeyInFileError for an unknown name, ConfigError for an alias that is defined by itself, and
        SyntaxError for text that is not a formula.
        """
        branch = self._node.get(expression)
        if branch is not None:
            self.add_branch(expression, branch, is_primary=not path, is_cut=is_cut)
            return
        start = len(self.terms)
        for symbol in self._symbols(self._aliases.get(expression, expression)):
            if symbol in path:
                circle = " -> ".join((*path[path.index(symbol) :], symbol))
                raise ConfigError(f"alias {symbol!r} is defined by itself: {circle}")
            self.add(symbol, is_cut=is_cut, path=(*path, symbol))
        operands = self.terms[start:]
        branches = [branch for term in operands for branch in term.branches]
        is_jagged = any(term.is_jagged for term in operands)
        self.terms.append(Term(expression, branches, False, not path, is_cut, is_jagged))

    def compute(self, arrays: Mapping[int, Any]) -> dict[str, Any]:
        """Value of each term of the result by name, the cut applied; `arrays` by position of the branch."""
        if all(term.is_branch and not term.is_cut for term in self.terms):
            return {term.name: arrays[term.branches[0].position] for term in self.terms}
        from uproot import KeyInFileError

        context = [
            (
                term.name,
                {
                    "is_primary": term.is_primary,
                    "is_cut": term.is_cut,
                    "branches": [symbol for branch in term.branches for symbol in self._symbols_of(branch)],
                },
            )
            for term in self.terms
        ]
        arrays_by_key = {str(position): array for position, array in arrays.items()}
        try:
            values: dict[str, Any] = self._evaluator().compute_expressions(
                self._node, arrays_by_key, context, self._node.deep_keys, self._aliases, *self._location()
            )
        except KeyInFileError as error:
            raise self._node.not_found(error.key) from None
        return values

    def _symbols_of(self, branch: BranchLike) -> list[Symbol]:
        return [
            Symbol(name, str(branch.position), self._node)
            for name in dict.fromkeys((branch.name, branch.path_below(self._node)))
        ]

    def _symbols(self, expression: str) -> list[str]:
        """Names in a formula; raises KeyInFileError for an unknown one."""
        from uproot import KeyInFileError

        try:
            symbols: list[str] = self._evaluator().free_symbols(
                expression, self._node.deep_keys, self._aliases, *self._location()
            )
        except KeyInFileError as error:
            raise self._node.not_found(error.key) from None
        return list(dict.fromkeys(symbols))

    def _evaluator(self) -> Any:
        if self._language is None:
            from uproot.language.python import python_language

            self._language = python_language
        return self._language

    def _location(self) -> tuple[str, str]:
        return self._node.tree.file.file_path, self._node.object_path
