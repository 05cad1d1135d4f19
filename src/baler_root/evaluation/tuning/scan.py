"""Scans: shifts of an analysis' results and sizes of files, for several error bounds and codecs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from baler_root._types import Log
from baler_root.api.compress import compress
from baler_root.errors import ConfigError
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.analysis.selection import Selection
from baler_root.evaluation.report.result_shifts import Shift, replicas, shifts
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.registry import get_codec
from baler_root.training.options import TrainingOptions


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Codecs and bounds of a scan; bad values raise ConfigError or UnknownCodecError."""

    bounds: tuple[str, ...]
    """Error bounds; a bare number is relative."""
    codecs: tuple[str, ...]
    """Names of codecs, each of which is tried at every bound."""
    level: str = "default"
    """Training level of codecs that learn."""
    train_seconds: float | None = None
    """Time limit of the training for each tree [s]."""
    bootstrap: int = 50
    """Replicas that give the shifts their errors; 0 for no errors."""
    seed: int = 0
    """Random seed of training and bootstrap."""

    def __post_init__(self) -> None:
        if not self.bounds or not self.codecs:
            raise ConfigError(
                f"no {'codec' if self.bounds else 'bound'} to scan: name some, such as 1e-3,1e-4 or classic,conditional"
            )
        object.__setattr__(self, "bounds", tuple(_bound(text) for text in self.bounds))
        for codec in self.codecs:
            get_codec(codec)


def _bound(text: str) -> str:
    return str(ErrorBound.parse(text if "=" in text else f"rel={text}"))


@dataclass(frozen=True, slots=True)
class ScanPoint:
    """One codec at one bound; sizes in bytes, of all files together."""

    codec: str
    bound: str
    size: int
    share: float
    """Size as a share of the original files."""
    seconds: float
    """Wall time of compression, training included."""
    shifts: Mapping[str, Sequence[Shift]]
    """Shifts of the inferred quantities, by observable."""
    migrated: float
    """Share of the selected events that are selected on one side only."""


def scan(
    analysis: Analysis, sources: Sequence[str], options: ScanOptions, *, log: Log = lambda _: None
) -> list[ScanPoint]:
    """Compresses whole files (data, and simulation if needed); one point for each codec and bound, in this
    order.

    Shifts have paired errors: every replica of the bootstrap is inferred on the original and on the
    decompressed events. Raises ConfigError, MissingExtraError, SourceError, AnalysisError.
    """
    if not analysis.inferable:
        raise ConfigError(
            f"{analysis.path}: has no infer(selection, observable), so there is nothing to scan"
        )
    training = TrainingOptions(options.level, options.train_seconds, options.seed)
    log("analysing the originals")
    before = analysis.run(list(sources))
    points = []
    with tempfile.TemporaryDirectory(prefix="baler-root-scan-") as folder:
        targets = [os.fspath(Path(folder) / f"{number}.baler") for number in range(len(sources))]
        for codec in options.codecs:
            for bound in options.bounds:
                log(f"{codec} at {bound}: compressing")
                started = time.perf_counter()
                summaries = [
                    compress(
                        source, target, bound=bound, codec=codec, training=training, overwrite=True,
                    )
                    for source, target in zip(sources, targets, strict=True)
                ]  # fmt: skip
                seconds = time.perf_counter() - started
                size = sum(summary.size for summary in summaries)
                share = size / sum(summary.source_size for summary in summaries)
                log(f"{codec} at {bound}: analysing")
                after = analysis.run(targets)
                moved = _shifts(analysis, before, after, options)
                migrated = (before.passing() != after.passing()).sum() / before.passing().sum()
                points.append(ScanPoint(codec, bound, size, share, seconds, moved, float(migrated)))
    return points


def _shifts(
    analysis: Analysis, before: Selection, after: Selection, options: ScanOptions
) -> dict[str, list[Shift]]:
    """Shifts of the inferred quantities, by observable."""
    result = {}
    for observable in analysis.inferable:
        measure = partial(analysis.infer, observable=observable)
        original, decompressed = measure(before), measure(after)
        bootstrap = None
        if options.bootstrap:
            names = list(original)
            bootstrap = replicas(before, after, measure, names, number=options.bootstrap, seed=options.seed)
        result[observable] = shifts(original, decompressed, bootstrap)
    return result
