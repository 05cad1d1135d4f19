"""What a file cannot carry: the branches, and the error that lists them."""

from __future__ import annotations

from collections.abc import Sequence

from baler_root.compression.tree_job import TreeJob
from baler_root.errors import listed


def missing_branches(job: TreeJob) -> list[tuple[str, str]]:
    """(path, cause) of the branches that cannot be carried."""
    schema = job.plan.schema
    return [
        (schema.path_of(number), branch.missing)
        for number, branch in enumerate(schema.branches)
        if branch.missing
    ]


def unsupported_message(source: str, skipped: Sequence[tuple[str, str]]) -> str:
    """The error that lists what cannot be carried."""
    lines = listed((f"{name}: {cause}" for name, cause in skipped), max_items=20, separator="\n  ")
    return (
        f"{source}: {len(skipped)} branches or objects cannot be carried:\n  {lines}\n"
        "--skip-unsupported (skip_unsupported=True) compresses the rest and lists them again"
    )
