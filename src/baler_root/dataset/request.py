"""What a call of `arrays` or `iterate` asks for, and what answers it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from baler_root.dataset.filters import Filters
from baler_root.errors import ConfigError

if TYPE_CHECKING:
    import awkward as ak


Expressions: TypeAlias = "str | Iterable[str | tuple[str, None]] | Mapping[str, None] | None"
"""A name or formula, or several; None means every branch that the filters pass."""


How: TypeAlias = "type[tuple[Any, ...] | list[Any] | dict[Any, Any]] | str | None"
"""How several arrays are grouped: `tuple`, `list`, `dict`, `"zip"`, or None for the library's own way."""


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of `arrays` that say what to read and in what shape, but not which entries."""

    expressions: Expressions = None
    cut: str | None = None
    filters: Filters = field(default_factory=Filters)
    aliases: Mapping[str, str] | None = None
    language: Any = None
    library: Any = "ak"
    how: How = None
    ak_add_doc: bool | Mapping[str, str] = False

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
        out = []
        for item in items:
            name, interpretation = (item, None) if isinstance(item, str) else item
            if interpretation is not None:
                raise ConfigError(
                    f"{name!r}: a .baler file holds arrays, not ROOT's bytes; no other interpretation can be chosen"
                )
            out.append(name)
        return out


class Plan(Protocol):
    """Knows which branches to read, and makes the result of them."""

    @property
    def branches(self) -> Sequence[int]:
        """Positions of the stored branches to read."""

    def build(self, arrays: Mapping[int, ak.Array], start: int, stop: int) -> Any:
        """The result, of arrays that hold entries `start` to `stop`."""


def entry_range(num_entries: int, start: int | None, stop: int | None) -> tuple[int, int]:
    """First and one past the last entry, by the rules of Python slices; never a negative length."""
    first, last, _ = slice(start, stop).indices(num_entries)
    return first, max(first, last)
