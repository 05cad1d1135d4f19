"""Results of a compression: sizes, bounds and errors, branch by branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.columns.form_columns import Column
from baler_root.format.schema import Tree
from baler_root.format.statistics import merge_errors


@dataclass(frozen=True, slots=True)
class BranchSummary:
    """One stored branch. Several bounds (of a record's fields) are joined with ` + `."""

    path: str
    typename: str
    bound: str
    reason: str
    """Reason for the bound: a rule, a preset, the name or the type of the branch, or `default`."""
    raw_size: int
    """Bytes in memory."""
    size: int
    """Bytes in the file; bytes that branches share are divided among them."""
    max_error: float
    rms_error: float
    mean_error: float
    outliers: int
    """Values stored exactly because the quantiser missed the bound."""
    raw: str = ""
    """Reason why the branch is carried as bytes, which nobody interprets; empty if it is interpreted."""


@dataclass(frozen=True, slots=True)
class TreeSummary:
    """One tree."""

    path: str
    cycle: int
    num_entries: int
    clusters: int
    branches: tuple[BranchSummary, ...]
    same_as: int | None = None
    """Position of an earlier tree with the same data, whose pages this one shares; None if there is none."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One compressed file."""

    source: str
    target: str
    source_size: int
    size: int
    raw_size: int
    """Bytes of all trees in memory."""
    seconds: float
    """Time that the compression took."""
    parts: dict[str, int]
    """Bytes of the file by part."""
    trees: tuple[TreeSummary, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """(name, cause) of branches and objects that were left out."""
    notes: tuple[str, ...] = ()
    """Remarks for people, one line each: models and relations that are not used, and why."""


def summarise_branches(
    schema: Tree, columns: Sequence[Column], bounds: Sequence[tuple[str, str]], records: NDArray[Any]
) -> tuple[BranchSummary, ...]:
    """The summary of each stored branch.

    `bounds` has (bound, reason) of each column with values, `records` statistics of shape (clusters,
    columns).
    """
    by_branch: dict[int, list[int]] = {}
    bounds_of_branch: dict[int, dict[tuple[str, str], None]] = {}
    remaining = iter(bounds)
    for number, column in enumerate(columns):
        by_branch.setdefault(column.branch, []).append(number)
        if column.has_values:
            bounds_of_branch.setdefault(column.branch, {})[next(remaining)] = None
    summaries = []
    for branch in schema.stored():
        numbers = by_branch.get(branch, [])
        data = [number for number in numbers if columns[number].role == "data"]
        pairs = bounds_of_branch.get(branch, {("lossless", "structure"): None})
        largest, rms, mean, outliers = merge_errors(records, data)
        itemsizes = np.array([columns[number].dtype.itemsize for number in numbers], dtype=np.int64)
        branch_records = records[:, numbers]
        summaries.append(
            BranchSummary(
                path=schema.path_of(branch),
                typename=schema.branches[branch].typename,
                bound=" + ".join(dict.fromkeys(bound for bound, _ in pairs)),
                reason=" + ".join(dict.fromkeys(reason for _, reason in pairs)),
                raw_size=int((branch_records["length"].astype(np.int64) * itemsizes).sum()),
                size=int(branch_records["size"].astype(np.int64).sum()),
                max_error=largest,
                rms_error=rms,
                mean_error=mean,
                outliers=outliers,
                raw=schema.branches[branch].raw,
            )
        )
    return tuple(summaries)
