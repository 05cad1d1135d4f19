"""Branches that turn out unreadable half-way: the work starts again without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from baler_root.errors import UnreadableBranchError

Result = TypeVar("Result")


Unreadable = Mapping[tuple[str, str], str]
"""Causes why branches cannot be read, by (path of the tree, path of the branch)."""


def retry_without_unreadable(attempt: Callable[[Unreadable], Result], allowed: bool = True) -> Result:
    """The result of `attempt`, which gets the branches to leave out: those that earlier attempts could not
    read.

    Raises UnreadableBranchError if leaving out is not `allowed`, or does not help.
    """
    unreadable: dict[tuple[str, str], str] = {}
    while True:
        try:
            return attempt(unreadable)
        except UnreadableBranchError as error:
            if not allowed or (error.tree, error.branch) in unreadable:
                raise
            unreadable = {**unreadable, (error.tree, error.branch): error.why}
