"""Budgets: limits on the shifts of an analysis' results, such as `dZ<0.01,dm<10MeV`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from baler_root.errors import ConfigError, nearest
from baler_root.evaluation.analysis.quantity import Quantity

SHORT = {"m": "mass", "s": "signal", "b": "background"}
"""Quantities by their short names, as in `dm`."""


ENERGIES = {"eV": 1e-9, "keV": 1e-6, "MeV": 1e-3, "GeV": 1.0, "TeV": 1e3}
"""Units of energy, in GeV."""


_TERM = re.compile(
    r"d(?P<name>\w+)\s*<=?\s*(?P<limit>[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*(?P<unit>%|[A-Za-z]*)"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """Largest allowed shift of one quantity, up or down."""

    quantity: str
    """Name of the quantity, as returned by `infer` of the analysis."""
    limit: float
    unit: str
    """Empty for a bare number; `%` of the original value; `sigma` for its statistical error; or an energy."""

    def allowed(self, original: Quantity) -> float:
        """Largest allowed shift, in the quantity's unit. Raises ConfigError if the units do not match."""
        if self.unit == "%":
            return abs(original.value) * self.limit / 100
        if self.unit == "sigma":
            return original.error * self.limit
        if self.unit == original.unit:
            return self.limit
        if self.unit in ENERGIES and original.unit in ENERGIES:
            return self.limit * ENERGIES[self.unit] / ENERGIES[original.unit]
        has = f"is in {original.unit}" if original.unit else "has no unit"
        raise ConfigError(f"budget {self}: {self.quantity} {has}")

    def spent(self, original: Quantity, decompressed: Quantity) -> float:
        """The shift as a share of the allowed one; infinite if one of the two could not be measured."""
        shift = abs(float(decompressed.value) - float(original.value))
        allowed = float(self.allowed(original))
        if not math.isfinite(shift) or not math.isfinite(allowed):
            return math.inf
        return shift / allowed if shift else 0.0

    def __str__(self) -> str:
        unit = " sigma" if self.unit == "sigma" else self.unit
        return f"d{self.quantity}<{self.limit:g}{unit}"


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits that must hold together."""

    limits: tuple[Limit, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The budget of a text such as `'dZ<0.01, dm<10MeV, dsignal<0.1sigma'`. Raises ConfigError."""
        limits = tuple(_limit(part.strip()) for part in text.split(","))
        names = [limit.quantity for limit in limits]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"budget {text!r}: d{name} is limited twice")
        return cls(limits)

    def check(self, originals: Mapping[str, Quantity]) -> None:
        """Raises ConfigError if a quantity is unknown, has no value, or has a unit that doesn't match."""
        for limit in self.limits:
            if limit.quantity not in originals:
                similar = nearest(limit.quantity, originals, 1)
                hint = (
                    f"did you mean d{similar[0]}?"
                    if similar
                    else f"the analysis gives {', '.join(originals)}"
                )
                raise ConfigError(f"budget {limit}: no quantity {limit.quantity!r}; {hint}")
            original = originals[limit.quantity]
            if not math.isfinite(original.value):
                why = original.failure or "it is not a number"
                raise ConfigError(
                    f"budget {limit}: {limit.quantity} could not be measured on the original ({why})"
                )
            if not limit.allowed(original) > 0:
                raise ConfigError(f"budget {limit}: allows no shift; use --bound lossless instead")

    def spent(
        self, originals: Mapping[str, Quantity], decompressed: Mapping[str, Quantity]
    ) -> dict[str, float]:
        """Share of each limit that is used; above 1 the budget is broken."""
        return {
            limit.quantity: limit.spent(originals[limit.quantity], decompressed[limit.quantity])
            for limit in self.limits
        }

    def __str__(self) -> str:
        return ", ".join(map(str, self.limits))


def _limit(text: str) -> Limit:
    match = _TERM.fullmatch(text)
    if match is None:
        raise ConfigError(f"budget {text!r}: write limits such as 'dZ<0.01,dm<10MeV,dsignal<5%,dm<0.1sigma'")
    limit = float(match["limit"])
    if not 0 < limit < math.inf:
        raise ConfigError(f"budget {text!r}: a limit must be above 0 and finite")
    return Limit(SHORT.get(match["name"], match["name"]), limit, match["unit"])
