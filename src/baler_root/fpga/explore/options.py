"""`ScanGrid`: the encoders of a scan; `ExploreOptions`: their training and measurement."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError
from baler_root.training.hardware.budget import HardwareBudget
from baler_root.training.hardware.encoder_hardware import Hardware
from baler_root.training.hardware.limits import HardwareLimits

MAX_POINTS = 64
"""Most points of a scan, each of which is a training."""


@dataclass(frozen=True, slots=True)
class ScanGrid:
    """The encoders of a scan: all combinations of hidden layers, weight widths and numbers of latents.

    Raises ConfigError for an impossible combination, for no point and for more than `MAX_POINTS`.
    """

    hidden: tuple[tuple[int, ...], ...] = ((32, 16), (16,), ())
    """Hidden layers of each network, as neurons per layer."""
    weight_bits: tuple[int, ...] = (4, 6)
    """Weight widths; each holds for all layers of a network."""
    latents: tuple[int, ...] = (8,)
    activation_bits: int = 8
    input_bits: int = 8
    latent_bits: int = 9
    luts: float | None = None
    """LUTs to prune the encoders to; None for no pruning."""
    clock: float = HardwareBudget().clock
    """Clock frequency [MHz]."""
    adder_levels: int = HardwareBudget().adder_levels
    """Adders in series between two registers."""

    def __post_init__(self) -> None:
        points = self.points()
        if not 0 < len(points) <= MAX_POINTS:
            raise ConfigError(
                f"{len(points)} points to scan: from 1 to {MAX_POINTS} are possible, each is a training"
            )

    def points(self) -> list[tuple[int, HardwareLimits, Hardware]]:
        """Number of latents and encoder (as limits for a training, and resolved) of each point."""
        budget = HardwareBudget() if self.luts is None else HardwareBudget(luts=self.luts)
        points = []
        for latents, hidden, bits in product(self.latents, self.hidden, self.weight_bits):
            limits = HardwareLimits(
                hidden, (bits,), (self.activation_bits,), self.input_bits, self.latent_bits, budget
            )
            points.append((latents, limits, limits.candidates()[0]))
        return points

    def to_json(self) -> dict[str, Any]:
        """The entry `scan` of `explore.json`."""
        return {("levels" if name == "adder_levels" else name): value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class ExploreOptions:
    """Training and measurement of the encoders of a scan."""

    rules: Rules | None = None
    tree: str | None = None
    """Path of the tree to learn from; None if the file has only one."""
    seconds: float | None = None
    """Time limit of each training; None for all steps."""
    seed: int = 0
    """Seed of the trainings."""
    responses: Sequence[str] | None = None
    """Branches whose resolution is measured; None for the choice of `response_columns`."""
    test: str | os.PathLike[str] | None = None
    """File on whose last rows errors are measured; None for the file learned from."""
