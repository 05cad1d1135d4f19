"""Report of a compression: exact branches, bounded branches, errors made, and the largest branches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from baler_root.cli.common import count_text, size_text
from baler_root.cli.tables import allowed_error, plain_table, short_type
from baler_root.errors import listed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from baler_root.compression.summary import BranchSummary, Summary, TreeSummary


LARGEST = 10
"""Most branches that the table lists."""


def compression(summary: Summary) -> Iterator[RenderableType]:
    """The report of one compressed file, piece by piece."""
    yield Text(f"{summary.source} → {summary.target}", style="bold")
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    branches = [branch for tree in summary.trees if tree.same_as is None for branch in tree.branches]
    for label, text in _lines(summary, branches):
        lines.add_row(f"  {label}", Text(text))
    yield lines
    if branches:
        yield largest(branches, summary.size)


def _lines(summary: Summary, branches: Sequence[BranchSummary]) -> Iterator[tuple[str, str]]:
    """(label, text) of each fact about a compressed file."""
    if summary.source_size:
        share = summary.size / summary.source_size
        factor = f", {1 / share:.3g} times smaller" if share < 1 else ""
        sizes = f"{size_text(summary.source_size)} → {size_text(summary.size)}"
        yield "size", f"{sizes}: {share:.1%} of the input{factor}"
    for tree in summary.trees:
        yield "tree", _tree_text(tree, summary)
    yield from _bound_lines(branches)
    yield "parts", " · ".join(f"{name} {size_text(size)}" for name, size in _by_size(summary.parts))
    speed = summary.raw_size / summary.seconds / 1e6 if summary.seconds > 0 else 0.0
    yield "time", f"{summary.seconds:.3g} s, {speed:.3g} MB/s ({size_text(summary.raw_size)} in memory)"
    if raw := [branch for branch in branches if branch.raw]:
        yield "raw", _raw_text(raw)
    if summary.skipped:
        yield "left out", f"{len(summary.skipped)}: {grouped_causes(summary.skipped)}"
    for note in summary.notes:
        yield "note", note


def _raw_text(branches: Sequence[BranchSummary]) -> str:
    """Number and size of the raw branches, and why they are raw."""
    size = size_text(sum(branch.size for branch in branches))
    causes = grouped_causes([(branch.path, branch.raw) for branch in branches])
    return (
        f"{count_text(len(branches), 'branch', 'branches')}, {size}, as the bytes that ROOT stored: {causes}"
    )


def grouped_causes(items: Sequence[tuple[str, str]]) -> str:
    """(name, cause) pairs as one line: each kind of cause once, with how often it occurs and an example."""
    kinds: dict[str, list[str]] = {}
    for name, cause in items:
        kinds.setdefault(_kind_of(cause), []).append(name)
    ordered = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    texts = [f"{len(names)} × {kind} ({names[0]}{', …' if names[1:] else ''})" for kind, names in ordered]
    return listed(texts, max_items=4, separator="; ")


def _kind_of(cause: str) -> str:
    """A cause without names and numbers, in which causes of one kind differ; at most 80 characters."""
    text = re.sub(r"^\w+: ", "", cause)
    text = re.sub(r" in tree/branch .*?(?= has the| when|$)", "", text)
    text = re.split(r" for interpretation| of As| because| \(", text)[0]
    text = re.sub(r"\d+", "…", text)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _tree_text(tree: TreeSummary, summary: Summary) -> str:
    if tree.same_as is not None:
        return f"{tree.path};{tree.cycle}: the same data as {summary.trees[tree.same_as].path}, stored once"
    entries = count_text(tree.num_entries, "entry", "entries")
    branches = count_text(len(tree.branches), "branch", "branches")
    return f"{tree.path}: {entries}, {branches}, {count_text(tree.clusters, 'cluster')}"


def _by_size(parts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(parts.items(), key=lambda item: -item[1])


def _bound_lines(branches: Sequence[BranchSummary]) -> Iterator[tuple[str, str]]:
    """How many branches are exact and why, how many are bounded, and how near the worst error is to its
    bound."""
    exact = [branch for branch in branches if branch.bound == "lossless"]
    bounded = [branch for branch in branches if branch.bound != "lossless"]
    if exact:
        reasons = Counter(_reason(branch.reason) for branch in exact).most_common()
        text = ", ".join(f"{number} {reason}" for reason, number in reasons)
        yield "exact", f"{count_text(len(exact), 'branch', 'branches')}: {text}"
    if not bounded:
        yield "bounded", "none: every value is exact, bit for bit"
        if exact:
            yield "checked", "every value, after decoding"
        return
    reasons = Counter(f"{branch.bound} ({_reason(branch.reason)})" for branch in bounded).most_common()
    text = ", ".join(f"{number} × {reason}" for reason, number in reasons)
    yield "bounded", f"{count_text(len(bounded), 'branch', 'branches')}: {text}"
    # The statistics of a record with several bounds do not say which of its fields has the largest error.
    single = [branch for branch in bounded if len(set(branch.bound.split(" + ")) - {"lossless"}) == 1]
    checked = "every value, after decoding"
    if single:
        worst = max(single, key=share_of_bound)
        error = f"largest error {worst.max_error:.3g} where {allowed_error(worst.bound):.3g} is allowed"
        checked += f"; {error} ({worst.path}, {worst.bound})"
    yield "checked", checked


def _reason(reason: str) -> str:
    """Reason for a bound, without the details in which branches of one group differ."""
    words = {"weight": "by name (weights, cross-sections)", "identifier": "by name (identifiers)"}
    return words.get(reason, reason.partition(" '")[0] if reason.startswith("preset ") else reason)


def share_of_bound(branch: BranchSummary) -> float:
    """Largest error as a share of the allowed one."""
    allowed = allowed_error(branch.bound)
    return branch.max_error / allowed if allowed else 0.0


def largest(branches: Iterable[BranchSummary], total: int) -> Table:
    """The branches that take most of the file."""
    ordered = sorted(branches, key=lambda branch: -branch.size)
    shown = ordered[:LARGEST]
    title = (
        f"largest {len(shown)} of {count_text(len(ordered), 'branch', 'branches')}"
        if len(ordered) > 1
        else None
    )
    table = plain_table(title)
    for name in ("branch", "type", "bound"):
        table.add_column(name, overflow="fold" if name == "branch" else "ellipsis", no_wrap=name != "branch")
    for name in ("size", "of file", "of memory", "largest error", "mean error", "outliers"):
        table.add_column(name, justify="right", no_wrap=True)
    for branch in shown:
        exact = branch.bound == "lossless"
        table.add_row(
            Text(branch.path),
            Text(short_type(branch.typename)),
            branch.bound,
            size_text(branch.size),
            f"{branch.size / total:.1%}" if total else "",
            f"{branch.size / branch.raw_size:.1%}" if branch.raw_size else "",
            "0" if exact else f"{branch.max_error:.2e}",
            "0" if exact else f"{branch.mean_error:+.1e}",
            "" if exact else str(branch.outliers),
        )
    return table
