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
    """Limits, inclusive; infinite if there is no limit."""

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
            match = re.fullmatch(r"\s*(\w+)\s*(<=?|=)\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", part, re.IGNORECASE)
            name = match[1].lower() if match else ""
            sign, units = _SYNTAX.get(name, ("", ()))
            if not match or name in values or match[2][0] != sign or match[4].lower() not in units:
                hint = "".join(
                    f" (did you mean {suggestion!r}?)"
                    for suggestion in nearest(name, _SYNTAX, 1)
                    if suggestion != name
                )
                raise ConfigError(f"budget {part.strip()!r}{hint}: {_USAGE}")
            values[name] = parse_clock(match[3] + match[4]) if name == "clock" else float(match[3])
        clock = values.get("clock", CLOCK)
        adder_levels = values.get("levels", float(ADDER_LEVELS))
        if adder_levels < 1 or adder_levels != int(adder_levels):
            raise ConfigError(f"budget {text!r}: {_USAGE}")
        cycles = values.get("edges", math.inf)
        if "latency" in values:
            cycles = min(cycles, math.floor(values["latency"] * clock / 1000 + 1e-9))
        luts = values.get("luts", math.inf)
        if cycles < 2 or luts < 1:
            raise ConfigError(f"budget {text!r}: at least two clock cycles and one LUT are needed")
        return cls(luts, cycles, clock, int(adder_levels))

    def __str__(self) -> str:
        parts = [f"luts<{self.luts:g}"] if math.isfinite(self.luts) else []
        parts += [f"edges<{self.latency_cycles:g}"] if math.isfinite(self.latency_cycles) else []
        return ",".join([*parts, f"clock={self.clock:g}MHz", f"levels={self.adder_levels}"])


def parse_clock(text: str) -> float:
    """Frequency [MHz] of a clock such as `200MHz` or `5ns`; raises ConfigError for any other text.

    >>> parse_clock("200MHz"), parse_clock("2.5 ns"), parse_clock("0.32 GHz")
    (200.0, 400.0, 320.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MHz|GHz|ns)\s*", text, re.IGNORECASE)
    value = float(match[1]) if match else 0.0
    if not match or not value:
        raise ConfigError(f"clock {text!r}: write it as 200MHz or 5ns")
    unit = match[2].lower()
    return {"mhz": value, "ghz": 1000 * value, "ns": 1000 / value}[unit]


_SYNTAX = {
    "luts": ("<", ("",)),
    "latency": ("<", ("ns",)),
    "edges": ("<", ("",)),
    "clock": ("=", ("mhz", "ghz", "ns")),
    "levels": ("=", ("",)),
}
"""Comparison sign and units (lower case) of each limit in the text form; `edges` are clock cycles."""


_USAGE = 'write it as "luts<15000,latency<100ns"; edges<12, clock=200MHz and levels=3 can be added'
