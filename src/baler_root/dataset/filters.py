"""Filters by name, type or any test of a branch; the rules are uproot's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias, TypedDict

from baler_root.errors import ConfigError

StringFilter: TypeAlias = "str | Callable[[str], bool] | Iterable[str | Callable[[str], bool]] | None"
"""A name, a glob (`Muon_*`), a regular expression (`/muon_.*/i`), a test, or several; None passes all."""


BranchFilter: TypeAlias = "Callable[[Any], Any] | None"
"""A test of a whole `Branch`; None passes all."""


class Named(Protocol):
    """Properties of a branch that filters look at."""

    @property
    def name(self) -> str:
        """Name, without path."""

    @property
    def typename(self) -> str:
        """C++ type."""


class FilterOptions(TypedDict, total=False):
    """The keyword arguments that select branches."""

    filter_name: StringFilter
    """Matches the name, the path, or the path with a leading separator."""
    filter_typename: StringFilter
    """Matches the type as `typenames` gives it."""
    filter_branch: BranchFilter
    """Tests the branch."""
    filter_field: BranchFilter
    """`filter_branch` by its name for RNTuples."""


def string_test(pattern: StringFilter) -> Callable[[str], bool] | None:
    """A filter as a function; None when it lets everything pass. Raises TypeError as uproot does."""
    if pattern is None:
        return None
    from uproot._util import regularize_filter

    test: Callable[[str], bool] = regularize_filter(pattern)
    return test


@dataclass(frozen=True, slots=True)
class Filters:
    """The tests a branch has to pass."""

    name: Callable[[str], bool] | None = None
    typename: Callable[[str], bool] | None = None
    branch: BranchFilter = None

    @classmethod
    def of(
        cls,
        *,
        filter_name: StringFilter = None,
        filter_typename: StringFilter = None,
        filter_branch: BranchFilter = None,
        filter_field: BranchFilter = None,
    ) -> Self:
        """The filters of these keyword arguments; raises ConfigError when two of them are the same filter."""
        if filter_branch is not None and filter_field is not None:
            raise ConfigError(
                "filter_branch and filter_field are one filter under two names; give one of them"
            )
        test = filter_field if filter_branch is None else filter_branch
        if test is not None and not callable(test):
            raise TypeError(f"filter_branch must be None or a function of a branch, not {test!r}")
        return cls(string_test(filter_name), string_test(filter_typename), test)

    def passes(self, branch: Named, path: str, separator: str) -> bool:
        """Whether a branch passes; `path` is its path below the node that is read."""
        if self.name is not None and not any(
            map(self.name, dict.fromkeys((branch.name, path, separator + path)))
        ):
            return False
        if self.typename is not None and not self.typename(branch.typename):
            return False
        return self.branch is None or bool(self.branch(branch))
