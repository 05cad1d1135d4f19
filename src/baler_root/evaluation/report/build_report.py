"""Builds a report: measures the columns and cost of each pair of files, and the impact on the analysis."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from baler_root.api.inspect import inspect
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.report.analysis_impact import Stage, measure
from baler_root.evaluation.report.consistency import Consistency
from baler_root.evaluation.report.correlations import Correlations
from baler_root.evaluation.report.cost import Cost, encoding, rivals
from baler_root.evaluation.report.fidelity import Fidelity
from baler_root.evaluation.report.options import ReportOptions
from baler_root.evaluation.report.pairs import FilePair
from baler_root.evaluation.report.results import PairReport, Report
from baler_root.evaluation.report.verdict import verdict

Paths = tuple[str, str]
"""Paths of a ROOT file and the `.baler` file made from it."""


def build_report(
    pairs: Sequence[Paths],
    analysis: Analysis | None,
    options: ReportOptions,
    *,
    time_encoding: bool,
    stage: Stage,
) -> Report:
    """The report of these files and this analysis.

    With `time_encoding`, compression is timed even if that trains networks. Raises SourceError, FormatError,
    AnalysisError, ConfigError or MissingExtraError.
    """
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    reports = [_file_pair(*paths, time_encoding=time_encoding, stage=stage) for paths in pairs]
    seconds["branches and cost"] = time.perf_counter() - started
    impact = None
    if analysis is not None:
        started = time.perf_counter()
        impact = measure(
            analysis,
            [original for original, _ in pairs],
            [compressed for _, compressed in pairs],
            [
                {name: bound for tree in pair.bounds.values() for name, bound in tree.items()}
                for pair in reports
            ],
            sorted({name for pair in reports for name in pair.provenance["rules"].get("independent", ())}),
            options,
            stage,
        )
        seconds["analysis"] = time.perf_counter() - started
    return Report(verdict(reports, impact), tuple(reports), impact, _versions(), seconds)


def _file_pair(original: str, compressed: str, *, time_encoding: bool, stage: Stage) -> PairReport:
    described = inspect(compressed)
    fidelity, correlations, consistency = Fidelity(), Correlations(), Consistency()
    progress = stage(f"branches of {os.path.basename(original)}")  # noqa: PTH119 - may be a URL
    with FilePair(original, compressed) as pair:
        total, done = pair.num_entries, 0
        for entries, columns in pair.clusters():
            for accumulator in (fidelity, correlations, consistency):
                accumulator.add(columns)
            done += entries
            if progress is not None:
                progress(done, total)
        stage("sizes of ROOT files")
        bounds = pair.bounds()
        rival_sizes = rivals(pair.source, bounds)
        original_size = pair.source.size
        decode = pair.decoding.total()
    stage("time of encoding")
    encode, note = encoding(original, described["provenance"], time_encoding)
    branches = [(tree["path"], branch) for tree in described["trees"] for branch in tree["branches"]]
    return PairReport(
        original, compressed, total, tuple(described["codecs"]), described["provenance"], bounds,
        {f"{tree}: {branch['path']}": branch["size"] for tree, branch in branches if "size" in branch},
        tuple(fidelity.result()), tuple(correlations.result()), tuple(consistency.result()),
        Cost(
            original_size, described["size"], sum(branch.get("raw_size", 0) for _, branch in branches),
            described["parts"], rival_sizes.root, rival_sizes.by_bound, rival_sizes.sampled, total, decode, encode, note,
        ),
    )  # fmt: skip


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("baler-root", "awkward", "iminuit", "numpy", "pyhf", "uproot", "vector")
    return {name: version(name) for name in names}
