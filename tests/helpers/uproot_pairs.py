"""A tree read twice: from the compressed file by this package, and from the original by uproot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.helpers.compare import assert_same


class Sample(NamedTuple):
    """A tree of a real file, and names in it to ask for."""

    file: str
    tree: str
    flat: str
    """A branch with one number per entry."""
    jagged: str
    """A branch with a list of numbers per entry; empty where there is none."""
    glob: str


class Pair(NamedTuple):
    """A tree, read by uproot and by this package."""

    ours: Any
    theirs: Any
    sample: Sample

    @property
    def readable(self) -> list[str] | None:
        """Names of what uproot can read, where that is not everything."""
        branches = self.ours.values()
        unreadable = any(b.missing or b.is_raw for b in branches)
        return [b.name for b in branches if b.is_stored] if unreadable else None

    @property
    def raw(self) -> set[str]:
        """Names of the branches that are carried as bytes, because uproot cannot read them."""
        return {branch.name for branch in self.ours.values() if branch.is_raw}


def both(pair: Pair, call: Callable[[Any], Any]) -> None:
    assert_same(call(pair.ours), call(pair.theirs))
