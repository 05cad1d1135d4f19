"""What the slow part of an analysis gives back: numbers, curves to draw, and documents for others to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Floats

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over one x axis, such as the local p-value against mass."""

    x_label: str
    y_label: str
    x: Floats
    lines: Mapping[str, Floats]
    """By the words of the legend; each as long as `x`."""
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class Study:
    """Everything JSON-like or drawable; the report knows no analysis by name."""

    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)
    """JSON documents by file name, such as `workspace.json`."""
    notes: tuple[str, ...] = ()
    """Sentences: what was chosen and why, what was done about negative weights."""
