"""The same events rounded elsewhere: how much of a shift is the chance of where the quantiser's points lie.

The quantiser has no offset to choose. Bounds smaller by a percent or a few move its points, though: between two powers
of two the points of `rel=1e-3` and of `rel=0.99e-3` drift apart by a whole step every hundredth. So the branches that the analysis
reads are compressed again, by themselves, with every bound smaller by k %, k = 1, 2, ..., and analysed. `bits` bounds have
one lattice only and stay as they are.
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
"""Of each branch, as the compressed file has it."""


def lattices(
    analysis: Analysis,
    originals: Sequence[str],
    bounds: Sequence[Bounds],
    independent: Sequence[str],
    number: int,
    folder: Path,
) -> Iterator[Selection]:
    """The selection of all files on each of `number` other lattices; temporary files go into `folder`."""
    reduced = []
    for position, original in enumerate(originals):
        path = folder / f"reduced-{position}.root"
        reduced.append((path, reduce(analysis, original, path)))
    for k in range(1, number + 1):
        targets = []
        for (path, names), asked in zip(reduced, bounds, strict=True):
            target = path.with_suffix(f".{k}.baler")
            rules = rules_of({name: asked[name] for name in names if name in asked}, 1 - k / 100)
            compress(path, target, rules=replace(rules, independent=tuple(independent)), codec="classic")
            targets.append(target)
        yield analysis.run([str(target) for target in targets])
        for target in targets:
            target.unlink()


def rules_of(bounds: Bounds, factor: float) -> Rules:
    """These bounds, multiplied; all other branches are kept exactly."""
    return Rules(LOSSLESS, tuple(Rule(name, scaled(bound, factor)) for name, bound in bounds.items()))


def scaled(text: str, factor: float) -> ErrorBound:
    """The bound that `text` says, multiplied; of a record's several the loosest.

    >>> str(scaled("rel=0.001", 0.99)), str(scaled("lossless + abs=0.5", 0.5)), str(scaled("bits=10", 0.99))
    ('rel=0.00099', 'abs=0.25', 'bits=10')
    """
    bound = ErrorBound.parse(next((part for part in text.split(" + ") if part != "lossless"), "lossless"))
    return bound if bound.kind in ("lossless", "bits") else ErrorBound(bound.kind, bound.value * factor)
