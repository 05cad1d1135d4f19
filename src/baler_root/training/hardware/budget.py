"""`HardwareBudget`: the LUTs and the latency that an encoder may use in an FPGA."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

from baler_root.errors import ConfigError, nearest

CLOCK = 200.0
"""Default clock frequency [MHz]."""


ADDER_LEVELS = 3
"""Default for the adders in series between two registers, as firmware reaches it at `CLOCK`."""


@dataclass(frozen=True, slots=True)
class HardwareBudget:
    """Limits, inclusive; infinite where nothing is limited."""

    luts: float = math.inf
    latency_cycles: float = math.inf
    """Clock cycles from input codes to latents."""
    clock: float = CLOCK
    """Clock frequency [MHz]."""
    adder_levels: int = ADDER_LEVELS
    """Adders in series between two registers."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of `--fpga-budget`; raises ConfigError.

        >>> HardwareBudget.parse("luts<15000,latency<100ns,clock=200MHz")
        HardwareBudget(luts=15000.0, latency_cycles=20, clock=200.0, adder_levels=3)
        """
        values: dict[str, float] = {}
        for part in text.split(","):
            match = re.fullmatch(r"\s*(\w+)\s*(<=?|=)\s*(\d+(?:\.\d+)?)\s*(ns|MHz)?\s*", part, re.IGNORECASE)
            name = match[1].lower() if match else ""
            if not match or name in values or _SYNTAX.get(name) != (match[2][0], (match[4] or "").lower()):
                hint = "".join(
                    f" (did you mean {suggestion!r}?)"
                    for suggestion in nearest(name, _SYNTAX, 1)
                    if suggestion != name
                )
                raise ConfigError(f"budget {part.strip()!r}{hint}: {_USAGE}")
            values[name] = float(match[3])
        clock = values.get("clock", CLOCK)
        adder_levels = values.get("levels", float(ADDER_LEVELS))
        if clock <= 0 or adder_levels < 1 or adder_levels != int(adder_levels):
            raise ConfigError(f"budget {text!r}: {_USAGE}")
        cycles = values.get("edges", math.inf)
        if "latency" in values:
            cycles = min(cycles, math.floor(values["latency"] * clock / 1000 + 1e-9))
        luts = values.get("luts", math.inf)
        if cycles < 2 or luts < 1:
            raise ConfigError(f"budget {text!r}: at least two clock edges and a LUT are needed")
        return cls(luts, cycles, clock, int(adder_levels))

    def __str__(self) -> str:
        parts = [f"luts<{self.luts:g}"] if math.isfinite(self.luts) else []
        parts += [f"edges<{self.latency_cycles:g}"] if math.isfinite(self.latency_cycles) else []
        return ",".join([*parts, f"clock={self.clock:g}MHz", f"levels={self.adder_levels}"])


_SYNTAX = {
    "luts": ("<", ""),
    "latency": ("<", "ns"),
    "edges": ("<", ""),
    "clock": ("=", "mhz"),
    "levels": ("=", ""),
}
"""Comparison sign and unit (lower case) of each limit in the text form."""


_USAGE = 'write it as "luts<15000,latency<100ns"; edges<12, clock=200MHz and levels=3 can be added'
