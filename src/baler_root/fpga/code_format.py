"""`CodeFormat`: which integers a code of so many bits can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from baler_root.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """Integers of so many bits: two's complement if `signed`."""

    signed: bool
    width: int

    @property
    def low(self) -> int:
        """The lowest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The highest code."""
        return (1 << (self.width - self.signed)) - 1

    @classmethod
    def of_limits(cls, low: int, high: int, what: str) -> Self:
        """The format with just these limits; raises ConfigError where none has them."""
        out = cls.covering(low, high, signed=low < 0)
        if (out.low, out.high) != (low, high):
            raise ConfigError(
                f"{what} saturates at {low} and {high}; firmware saturates at limits of powers of two only "
                f"({out.low} and {out.high}, say): train a model with such limits"
            )
        return out

    @classmethod
    def covering(cls, low: int, high: int, signed: bool = True) -> Self:
        """The narrowest format that has all integers from `low` to `high`, at least one bit.

        >>> CodeFormat.covering(-5, 3), CodeFormat.covering(0, 7, signed=False)
        (CodeFormat(signed=True, width=4), CodeFormat(signed=False, width=3))
        """
        width = max((-1 - low).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0) + signed
        return cls(signed, max(1, width))

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.width}"
