"""Carried out of fpga.explore."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Point:
    """One encoder."""

    name: str
    hardware: str
    latents: int
    latent_bits: int
    """Of a row."""
    error: float
    """See `Fidelity.error`."""
    luts: float
    edges: int
    latency: float
    """In ns."""
    estimated_by: str
    on_front: bool = False
    """Whether no other point has both a smaller error and fewer LUTs."""
    responses: dict[str, float | None] = field(default_factory=dict)
    """Resolution of branches from latents alone; see `resolution`."""
