"""Branches that turn out unreadable half-way: the work starts again without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from baler_root.errors import UnreadableBranchError
from baler_root.rootio.raw.raw_branch import AS_BYTES
from baler_root.rootio.raw.raw_schema import is_fault

Result = TypeVar("Result")


Unreadable = Mapping[tuple[str, str], str]
"""Causes why branches cannot be read, by (path of the tree, path of the branch)."""


def retry_without_unreadable(attempt: Callable[[Unreadable], Result], allowed: bool = True) -> Result:
    """The result of `attempt`, which gets the branches that earlier attempts could not read, with the causes.

    A branch of a TTree is raw in the next attempt, and left out of the one after that. Raises
    UnreadableBranchError if leaving it out does not help, or for data that contradict themselves if leaving
    out is not `allowed`.
    """
    unreadable: dict[tuple[str, str], str] = {}
    while True:
        try:
            return attempt(unreadable)
        except UnreadableBranchError as error:
            earlier = unreadable.get((error.tree, error.branch))
            if (earlier is not None and AS_BYTES in earlier) or (is_fault(error.why) and not allowed):
                raise
            why = error.why if earlier is None else f"{earlier}{AS_BYTES}{error.why}"
            others = {(error.tree, branch): cause for branch, cause in error.others}
            unreadable = {**others, **unreadable, (error.tree, error.branch): why}
