"""Results of the slow part of an analysis: numbers, curves to draw, and documents for further use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Floats

Progress = Callable[[int, int], None]
"""Callback with (done, total)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over a common x axis, such as local p-values against mass."""

    x_label: str
    y_label: str
    x: Floats
    lines: Mapping[str, Floats]
    """y values by the label of the line, each as long as `x`."""
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class Study:
    """Results of `study`, in a form that a report can show for any analysis."""

    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)
    """JSON values by file name, such as `workspace.json`."""
    notes: tuple[str, ...] = ()
    """Sentences for the report: choices and their reasons, the treatment of negative weights."""
