"""Measures everything of a report: the columns of each pair of files, what they cost, and the analysis."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from baler_root.api.inspect import inspect
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.report.analysis_impact import Stage, measure
from baler_root.evaluation.report.consistency import Consistency
from baler_root.evaluation.report.correlations import Correlations
from baler_root.evaluation.report.cost import Cost, encoding, rivals
from baler_root.evaluation.report.fidelity import Fidelity
from baler_root.evaluation.report.pairs import Pair
from baler_root.evaluation.report.results import PairReport, Report
from baler_root.evaluation.report.verdict import verdict

Paths = tuple[str, str]
"""A ROOT file and the `.baler` file made of it."""


def build(
    pairs: Sequence[Paths],
    analysis: Analysis | None,
    *,
    toys: int,
    bootstrap: int,
    offsets: int,
    seed: int,
    time_encoding: bool,
    stage: Stage,
) -> Report:
    """Everything, measured; raises SourceError, FormatError, AnalysisError, ConfigError or MissingExtraError."""
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    reports = [_pair(*paths, time_encoding=time_encoding, stage=stage) for paths in pairs]
    seconds["branches and cost"] = time.perf_counter() - started
    impact = None
    if analysis is not None:
        started = time.perf_counter()
        impact = measure(
            analysis,
            [original for original, _ in pairs],
            [compressed for _, compressed in pairs],
            [{name: bound for tree in one.bounds.values() for name, bound in tree.items()} for one in reports],
            sorted({name for one in reports for name in one.provenance["rules"].get("independent", ())}),
            toys=toys, bootstrap=bootstrap, offsets=offsets, seed=seed, stage=stage,
        )  # fmt: skip
        seconds["analysis"] = time.perf_counter() - started
    return Report(verdict(reports, impact), tuple(reports), impact, _versions(), seconds)


def _pair(original: str, compressed: str, *, time_encoding: bool, stage: Stage) -> PairReport:
    described = inspect(compressed)
    fidelity, correlations, consistency = Fidelity(), Correlations(), Consistency()
    progress = stage(f"branches of {os.path.basename(original)}")  # noqa: PTH119 - may be a URL
    with Pair(original, compressed) as pair:
        total, done = pair.num_entries, 0
        for entries, columns in pair.clusters():
            for part in (fidelity, correlations, consistency):
                part.add(columns)
            done += entries
            if progress is not None:
                progress(done, total)
        stage("sizes of ROOT files")
        bounds = {tree["path"]: _bounds(tree) for tree in described["trees"]}
        others = rivals(pair.source, bounds)
        original_size = pair.source.size
        decode = pair.decoding.effort()
    stage("time of encoding")
    encode, note = encoding(original, described["provenance"], time_encoding)
    branches = [(tree["path"], branch) for tree in described["trees"] for branch in tree["branches"]]
    return PairReport(
        original, compressed, total, tuple(described["codecs"]), described["provenance"], bounds,
        {f"{tree}: {branch['path']}": branch["size"] for tree, branch in branches if "size" in branch},
        tuple(fidelity.result()), tuple(correlations.result()), tuple(consistency.result()),
        Cost(
            original_size, described["size"], sum(branch.get("raw_size", 0) for _, branch in branches),
            described["parts"], others.root, others.by_bound, others.sampled, total, decode, encode, note,
        ),
    )  # fmt: skip


def _bounds(tree: Mapping[str, Any]) -> dict[str, str]:
    return {branch["path"]: branch["bound"] for branch in tree["branches"] if "bound" in branch}


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("baler-root", "awkward", "iminuit", "numpy", "pyhf", "uproot", "vector")
    return {name: version(name) for name in names}
