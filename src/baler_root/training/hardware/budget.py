"""`Budget`: what an encoder may take of an FPGA."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

from baler_root.errors import ConfigError, nearest

CLOCK = 200.0
"""MHz, where none is given."""


LEVELS = 3
"""Adders one after another between two registers, where none are given: as firmware has at that clock."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits; what has none is infinite."""

    luts: float = math.inf
    edges: float = math.inf
    """Clock edges from codes to latents."""
    clock: float = CLOCK
    """In MHz."""
    levels: int = LEVELS
    """Adders one after another between two registers."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From what people write; raises ConfigError.

        >>> Budget.parse("luts<15000,latency<100ns,clock=200MHz")
        Budget(luts=15000.0, edges=20, clock=200.0, levels=3)
        """
        found: dict[str, float] = {}
        for part in text.split(","):
            match = re.fullmatch(r"\s*(\w+)\s*(<=?|=)\s*(\d+(?:\.\d+)?)\s*(ns|MHz)?\s*", part, re.IGNORECASE)
            name = match[1].lower() if match else ""
            if not match or name in found or _FORM.get(name) != (match[2][0], (match[4] or "").lower()):
                hint = "".join(
                    f" (did you mean {near!r}?)" for near in nearest(name, _FORM, 1) if near != name
                )
                raise ConfigError(f"budget {part.strip()!r}{hint}: {_WRITE}")
            found[name] = float(match[3])
        clock = found.get("clock", CLOCK)
        levels = found.get("levels", float(LEVELS))
        if clock <= 0 or levels < 1 or levels != int(levels):
            raise ConfigError(f"budget {text!r}: {_WRITE}")
        edges = found.get("edges", math.inf)
        if "latency" in found:
            edges = min(edges, math.floor(found["latency"] * clock / 1000 + 1e-9))
        if edges < 2 or found.get("luts", math.inf) < 1:
            raise ConfigError(f"budget {text!r}: at least two clock edges and a LUT are needed")
        return cls(found.get("luts", math.inf), edges, clock, int(levels))

    def __str__(self) -> str:
        parts = [f"luts<{self.luts:g}"] if math.isfinite(self.luts) else []
        parts += [f"edges<{self.edges:g}"] if math.isfinite(self.edges) else []
        return ",".join([*parts, f"clock={self.clock:g}MHz", f"levels={self.levels}"])


_FORM = {
    "luts": ("<", ""),
    "latency": ("<", "ns"),
    "edges": ("<", ""),
    "clock": ("=", "mhz"),
    "levels": ("=", ""),
}


_WRITE = 'write it as "luts<15000,latency<100ns", with edges<12, clock=200MHz or levels=3 besides'
