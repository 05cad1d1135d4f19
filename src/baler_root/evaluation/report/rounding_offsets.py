"""The analysis with other rounding offsets: how much of a shift depends on which values the quantiser rounds
to.

The quantiser has no free offset. A bound that is smaller by a few percent moves its levels, though: between
two powers of two, the levels of `rel=1e-3` and `rel=0.99e-3` drift apart by a whole step every hundred steps.
So the branches that the analysis reads are compressed again, alone, with every bound smaller by k %, k = 1,
2, …, and analysed. `bits` bounds allow no other offset and stay unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from baler_root.api.compress import compress
from baler_root.compression.rules.rule import Rule
from baler_root.compression.rules.rules import Rules
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.analysis.reduced import reduce
from baler_root.evaluation.analysis.selection import Selection
from baler_root.format.bounds import LOSSLESS, ErrorBound

Bounds = Mapping[str, str]
"""Bound of each column (`branch`, or `branch.field` of a record), as stated in the compressed file."""


def offset_selections(
    analysis: Analysis,
    originals: Sequence[str],
    bounds: Sequence[Bounds],
    independent: Sequence[str],
    number: int,
    folder: Path,
) -> Iterator[Selection]:
    """The selection of all files with each of `number` rounding offsets; temporary files are written to
    `folder`.

    `bounds` has the bounds of each file. `independent` names the branches whose relations to others are not
    used.
    """
    reduced = []
    for position, original in enumerate(originals):
        path = folder / f"reduced-{position}.root"
        reduced.append((path, reduce(analysis, original, path)))
    for k in range(1, number + 1):
        targets = []
        for (path, names), stated in zip(reduced, bounds, strict=True):
            target = path.with_suffix(f".{k}.baler")
            rules = scaled_rules(_of_branches(stated, names), 1 - k / 100)
            compress(path, target, rules=replace(rules, independent=tuple(independent)), codec="classic")
            targets.append(target)
        yield analysis.run([str(target) for target in targets])
        for target in targets:
            target.unlink()


def _of_branches(bounds: Bounds, branches: Sequence[str]) -> Bounds:
    """The bounds of the columns of some branches."""
    prefixes = tuple(f"{branch}." for branch in branches)
    return {name: bound for name, bound in bounds.items() if name in branches or name.startswith(prefixes)}


def scaled_rules(bounds: Bounds, factor: float) -> Rules:
    """Rules with these bounds times `factor`; all other columns are exact."""
    return Rules(
        LOSSLESS, tuple(Rule(name, ErrorBound.parse(text).scaled(factor)) for name, text in bounds.items())
    )
