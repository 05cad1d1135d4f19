"""A measured number with its statistical error, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """`value ± error unit`; where a fit failed the value is NaN and `failure` says why."""

    value: float
    error: float = math.nan
    """Statistical, one standard deviation; NaN where it has none."""
    unit: str = ""
    failure: str = ""

    @classmethod
    def failed(cls, why: str, unit: str = "") -> Quantity:
        """What a fit gives that did not converge: never a number."""
        return cls(math.nan, math.nan, unit, why)
