"""`ScanPoint`: one encoder of a scan, with its errors and its estimated cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class ScanPoint:
    """One encoder of a scan."""

    name: str
    hardware: str
    """Layers and bit widths, as `Hardware.describe` words them."""
    latents: int
    latent_bits: int
    """Bits of the latents of a row."""
    error: float
    """Root mean square error over all columns; see `LatentFidelity.error`."""
    luts: float
    latency_cycles: int
    """Clock cycles from input codes to latents."""
    latency: float
    """Latency [ns] at the clock of the scan."""
    estimated_by: str
    """Origin of LUTs and latency: `da4ml` or `formula`."""
    on_front: bool = False
    """Whether the point is on the Pareto front.

    No other point is then at least as good in error and LUTs, and better in one of them.
    """
    responses: dict[str, float | None] = field(default_factory=dict)
    """Resolution of each measured branch from latents alone; see `resolution`."""

    def to_json(self) -> dict[str, Any]:
        """The point's entry in `explore.json`."""
        return {
            ("edges" if name == "latency_cycles" else name): value for name, value in asdict(self).items()
        }


def mark_front(points: Sequence[ScanPoint]) -> list[ScanPoint]:
    """Copies of the points with `on_front` set for those on the Pareto front of error and LUTs."""
    return [
        replace(
            point,
            on_front=not any(
                other.error <= point.error
                and other.luts <= point.luts
                and (other.error, other.luts) != (point.error, point.luts)
                for other in points
            ),
        )
        for point in points
    ]
