"""An analysis at several error bounds and with several codecs: what each costs in physics and in bytes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from baler_root.api.compress import compress
from baler_root.errors import ConfigError
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.report.bootstrap import Shift, replicas, shifts
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.registry import get_codec
from baler_root.training.options import TrainingOptions


@dataclass(frozen=True, slots=True)
class ScanPoint:
    """One codec at one bound; sizes in bytes, of all files together."""

    codec: str
    bound: str
    size: int
    share: float
    """Of the originals' size."""
    seconds: float
    """To compress, training included, by the clock."""
    shifts: Mapping[str, Sequence[Shift]]
    """What is inferred from each observable."""
    migrated: float
    """Share of the selected events that are selected on one side only."""


def scan(
    analysis: Analysis,
    sources: Sequence[str],
    bounds: Sequence[str],
    codecs: Sequence[str],
    *,
    level: str = "default",
    train_seconds: float | None = None,
    bootstrap: int = 50,
    seed: int = 0,
    say: Callable[[str], object] = lambda _: None,
) -> list[ScanPoint]:
    """Compresses whole files (data, and simulation if need be), a point for each codec and bound, in this order.

    Every replica of the bootstrap is inferred from before and after, which gives shifts their paired errors. Raises
    ConfigError, UnknownCodecError, MissingExtraError, SourceError, AnalysisError.
    """
    if not analysis.inferable:
        raise ConfigError(
            f"{analysis.path}: has no infer(selection, observable), so there is nothing to scan"
        )
    if not bounds or not codecs:
        raise ConfigError(
            f"no {'codec' if bounds else 'bound'} to scan: name some, such as 1e-3,1e-4 or classic,conditional"
        )
    parsed = [str(ErrorBound.parse(bound if "=" in bound else f"rel={bound}")) for bound in bounds]
    for codec in codecs:
        get_codec(codec)
    training = TrainingOptions(level, train_seconds, seed)  # type: ignore[arg-type]  # checked there
    say("analysing the originals")
    before = analysis.run(list(sources))
    points = []
    with tempfile.TemporaryDirectory(prefix="baler-root-scan-") as folder:
        for codec in codecs:
            for bound in parsed:
                say(f"{codec} at {bound}: compressing")
                started = time.perf_counter()
                targets = [os.fspath(Path(folder) / f"{number}.baler") for number in range(len(sources))]
                made = [
                    compress(
                        source, target, bound=bound, codec=codec, training=training, overwrite=True,
                    )
                    for source, target in zip(sources, targets, strict=True)
                ]  # fmt: skip
                size = sum(summary.size for summary in made)
                share = size / sum(summary.source_size for summary in made)
                seconds = time.perf_counter() - started
                say(f"{codec} at {bound}: analysing")
                after = analysis.run(targets)
                found = {}
                for name in analysis.inferable:
                    measure = partial(analysis.infer, observable=name)
                    one, other = measure(before), measure(after)
                    drawn = (
                        replicas(before, after, measure, list(one), number=bootstrap, seed=seed)
                        if bootstrap
                        else None
                    )
                    found[name] = shifts(one, other, drawn)
                moved = (before.passing() != after.passing()).sum() / before.passing().sum()
                points.append(ScanPoint(codec, bound, size, share, seconds, found, float(moved)))
    return points
