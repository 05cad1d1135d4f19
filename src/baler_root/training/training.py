"""How long and how large to train."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Training:
    """Sizes and effort."""

    width: int = 32
    """Of the hidden layers, of which there are two."""
    components: int = 4
    steps: int = 1500
    batch: int = 1024
    rate: float = 4e-3
    seed: int = 0
