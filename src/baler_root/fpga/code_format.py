"""`CodeFormat`: signed or unsigned integers of a given width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from baler_root.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """Integers of `width` bits: two's complement if `signed`."""

    signed: bool
    width: int

    @property
    def low(self) -> int:
        """Lowest integer."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Highest integer."""
        return (1 << (self.width - self.signed)) - 1

    @classmethod
    def of_limits(cls, low: int, high: int, name: str) -> Self:
        """The format with exactly these limits.

        Raises ConfigError, which mentions `name`, if there is none.
        """
        nearest = cls.covering(low, high, signed=low < 0)
        if (nearest.low, nearest.high) != (low, high):
            raise ConfigError(
                f"{name} saturates at {low} and {high}; firmware saturates only at limits of powers of two "
                f"(such as {nearest.low} and {nearest.high}): train a model with such limits"
            )
        return nearest

    @classmethod
    def covering(cls, low: int, high: int, signed: bool = True) -> Self:
        """The narrowest format that holds all integers from `low` to `high`; at least one bit wide.

        >>> CodeFormat.covering(-5, 3), CodeFormat.covering(0, 7, signed=False)
        (CodeFormat(signed=True, width=4), CodeFormat(signed=False, width=3))
        """
        width = max((-1 - low).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0) + signed
        return cls(signed, max(1, width))

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.width}"
