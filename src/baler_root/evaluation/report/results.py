"""Results of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from baler_root.evaluation.report.analysis_impact import AnalysisImpact
from baler_root.evaluation.report.consistency import FourVectorConsistency
from baler_root.evaluation.report.correlations import CorrelationChange
from baler_root.evaluation.report.cost import Cost
from baler_root.evaluation.report.fidelity import BranchFidelity


@dataclass(frozen=True, slots=True)
class PairReport:
    """Results for one pair of files."""

    original: str
    compressed: str
    entries: int
    codecs: tuple[str, ...]
    provenance: Mapping[str, Any]
    bounds: Mapping[str, Mapping[str, str]]
    """Bound by path of the tree and name of the column: `branch`, or `branch.field`."""
    sizes: Mapping[str, int]
    """Bytes of each branch in the compressed file, by `tree: branch`."""
    fidelity: tuple[BranchFidelity, ...]
    correlations: tuple[CorrelationChange, ...]
    consistency: tuple[FourVectorConsistency, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Report:
    """Results of a report."""

    verdict: str
    pairs: tuple[PairReport, ...]
    """The main pair of files, then those of simulation."""
    impact: AnalysisImpact | None
    """Impact on the analysis; None without an analysis."""
    versions: Mapping[str, str]
    """Versions of this package and of libraries."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall time of each part of the measurement [s]."""
