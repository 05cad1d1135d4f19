"""How much effort goes into learning: `fast`, `default`, `max`."""

from __future__ import annotations

from dataclasses import dataclass

from baler_root.errors import ConfigError
from baler_root.train.training import Training


@dataclass(frozen=True, slots=True)
class Level:
    """One of the efforts."""

    name: str
    training: Training | None
    """Of networks; None for histograms alone, which need no torch."""
    widths: tuple[tuple[int, int], ...] = ()
    """Rows of a table below which its networks are narrower: their bytes weigh more than what they would add."""
    parents: int = 12
    """Columns on which one may depend."""
    epochs: int = 100
    """How often a row of the sample is seen at most: small tables are learned sooner."""


LEVELS = {
    level.name: level
    for level in (
        Level("fast", None),
        Level("default", Training(), ((20_000, 12), (60_000, 16))),
        Level(
            "max",
            Training(width=64, components=8, steps=6000),
            ((20_000, 16), (60_000, 32)),
            parents=20,
            epochs=300,
        ),
    )
}


def get_level(name: str) -> Level:
    """The level of this name; raises ConfigError."""
    if name not in LEVELS:
        raise ConfigError(f"no level {name!r}; there are {', '.join(LEVELS)}")
    return LEVELS[name]
