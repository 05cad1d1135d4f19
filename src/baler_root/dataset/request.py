"""Requests for arrays: the arguments of `arrays` and `iterate`, and the protocol of a resolved request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, cast

from baler_root.dataset.filters import FilterOptions, Filters
from baler_root.errors import ConfigError

if TYPE_CHECKING:
    import awkward as ak


Expressions: TypeAlias = "str | Iterable[str | tuple[str, None]] | Mapping[str, None] | None"
"""A name or formula, or several; None means every branch that the filters pass."""


How: TypeAlias = "type[tuple[Any, ...] | list[Any] | dict[Any, Any]] | str | None"
"""Grouping of several arrays: `tuple`, `list`, `dict`, `"zip"`, or None for the library's default."""


class ReadOptions(FilterOptions, total=False):
    """Keyword arguments of `arrays` and `iterate` besides ranges of entries, named as in uproot."""

    aliases: Mapping[str, str] | None
    """Names for formulas."""
    language: Any
    """uproot's language of formulas; None for its Python language."""
    library: Any
    """`"ak"` (default), `"np"` or `"pd"`."""
    how: How
    """Grouping of several arrays."""
    ak_add_doc: bool | Mapping[str, str]
    """True: titles become `__doc__` parameters. A dictionary gives names of parameters and attributes."""


@dataclass(frozen=True, slots=True)
class Request:
    """Arguments of `arrays` that say which branches to read and in what shape, but not which entries."""

    expressions: Expressions = None
    cut: str | None = None
    filters: Filters = field(default_factory=Filters)
    aliases: Mapping[str, str] | None = None
    language: Any = None
    library: Any = "ak"
    how: How = None
    ak_add_doc: bool | Mapping[str, str] = False

    @classmethod
    def of(cls, expressions: Expressions, cut: str | None, options: ReadOptions) -> Self:
        """The request of these arguments; raises TypeError for an unknown keyword argument."""
        for name in options:
            if name not in ReadOptions.__annotations__:
                raise TypeError(f"unexpected keyword argument {name!r}")
        filters = {name: value for name, value in options.items() if name in FilterOptions.__annotations__}
        settings: dict[str, Any] = {name: value for name, value in options.items() if name not in filters}
        return cls(expressions, cut, Filters.of(**cast("FilterOptions", filters)), **settings)

    def names(self) -> list[str] | None:
        """The expressions as a list; None when there are none. Raises TypeError for anything else."""
        if self.expressions is None:
            return None
        if isinstance(self.expressions, str):
            return [self.expressions]
        if not isinstance(self.expressions, Iterable):
            raise TypeError(
                "expressions must be None, a name or formula, or several of them; "
                f"not {type(self.expressions).__name__}"
            )
        items = self.expressions.items() if isinstance(self.expressions, Mapping) else self.expressions
        names = []
        for item in items:
            name, interpretation = (item, None) if isinstance(item, str) else item
            if interpretation is not None:
                raise ConfigError(
                    f"{name!r}: a .baler file holds arrays, not ROOT's bytes; no other interpretation can be chosen"
                )
            names.append(name)
        return names


class ResolvedRequest(Protocol):
    """A request for arrays of one tree: the branches to read, and the result made of their arrays."""

    @property
    def branches(self) -> Sequence[int]:
        """Positions of the stored branches to read."""

    def build(self, arrays: Mapping[int, ak.Array], start: int, stop: int) -> Any:
        """The result, of arrays that hold entries `start` to `stop`."""


def entry_range(num_entries: int, start: int | None, stop: int | None) -> tuple[int, int]:
    """First and one past the last entry, by the rules of Python slices; never a negative length."""
    first, last, _ = slice(start, stop).indices(num_entries)
    return first, max(first, last)
