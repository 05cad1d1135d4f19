"""Measured numbers with their statistical errors."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured number: `value ± error unit`. If a fit failed, the value is NaN and `failure` says why."""

    value: float
    error: float = math.nan
    """Statistical error, one standard deviation; NaN if unknown."""
    unit: str = ""
    failure: str = ""
    """Reason why there is no value; empty if there is one."""

    @classmethod
    def failed(cls, why: str, unit: str = "") -> Quantity:
        """The result of a fit that did not converge, for the reason `why`."""
        return cls(math.nan, math.nan, unit, why)
