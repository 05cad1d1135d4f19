"""Options of a report."""

from __future__ import annotations

from dataclasses import dataclass

from baler_root.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Options of the statistical part of a report; bad values raise ConfigError."""

    toys: int = 200
    """Background-only toys for the look-elsewhere effect."""
    bootstrap: int = 200
    """Replicas of the paired bootstrap; 0 for none."""
    offsets: int = 4
    """Rounding offsets with which the analysis is repeated; 0 for none."""
    seed: int = 0
    """Random seed of toys and bootstrap."""

    def __post_init__(self) -> None:
        if self.toys < 1:
            raise ConfigError(f"{self.toys} toys: at least 1 is needed")
        if self.bootstrap < 0:
            raise ConfigError(f"{self.bootstrap} bootstrap replicas: must not be negative")
        if not 0 <= self.offsets <= 50:
            raise ConfigError(f"{self.offsets} rounding offsets: from 0 to 50")
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed}: must not be negative")
