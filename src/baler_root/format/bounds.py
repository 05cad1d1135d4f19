"""Error bounds: the allowed difference between a decoded value and its original, and the check of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError, nearest
from baler_root.format.binary.bit_patterns import (
    BLOCK,
    MANTISSA_BITS,
    magnitudes,
    non_finite,
    patterns,
    round_integers,
    round_mantissa,
)
from baler_root.format.binary.exact_comparison import whole_share, within, within_share

BoundKind = Literal["lossless", "abs", "rel", "bits"]


MAX_BITS = 52
"""Largest value of a `bits` bound."""


_EXAMPLES = "write lossless, abs=1e-4, rel=1e-3 or bits=10"


KIND_MISSING = (
    'the kind of error is missing; write "rel=1e-3" (relative), "abs=1e-3" (absolute), "bits=10" (mantissa '
    'bits) or "lossless"'
)
"""Problem of a bound that is only a number."""


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """A condition that every value `x` of a column and its decoded value `y` fulfil.

    - `lossless`: y has the bits of x.
    - `abs`: |x - y| <= value, checked without rounding.
    - `rel`: |x - y| <= value * |x|, checked without rounding, for subnormal numbers too.
    - `bits`: y is x, or x rounded to `value` explicit mantissa bits (ties to even).

    So |x - y| <= 2**-(value + 1) * |x| for `bits`. Floats below the smallest normal number S of their type
    have fewer bits: they keep |x - y| <= 2**-(value + 1) * S, and may become zero. NaN, Inf and zeros keep
    their bits under every bound.
    """

    kind: BoundKind
    value: float = 0.0

    def __post_init__(self) -> None:
        problem = _problem(self.kind, self.value)
        if problem:
            raise ConfigError(problem)

    @classmethod
    def parse(cls, text: str) -> ErrorBound:
        """The bound written as `lossless`, `abs=1e-4`, `rel=1e-3` or `bits=10`; raises ConfigError."""
        word, equals, number = (part.strip() for part in text.partition("="))
        kinds: tuple[BoundKind, ...] = get_args(BoundKind)
        kind = next((name for name in kinds if name == word), None)
        if kind is None:
            if _is_number(text):
                raise ConfigError(f"bound {text!r}: {KIND_MISSING}")
            hint = "".join(f"; did you mean {near!r}?" for near in nearest(word, kinds, 1))
            raise ConfigError(f"bound {text!r}: unknown kind {word!r}{hint} ({_EXAMPLES})")
        if kind == "lossless":
            if equals:
                raise ConfigError(f"bound {text!r}: lossless takes no value ({_EXAMPLES})")
            return LOSSLESS
        try:
            value = float(number)
        except ValueError:
            raise ConfigError(f"bound {text!r}: {number!r} is not a number ({_EXAMPLES})") from None
        try:
            return cls(kind, value)
        except ConfigError as error:
            raise ConfigError(f"bound {text!r}: {error}") from None

    def implies(self, other: ErrorBound) -> bool:
        """Whether all values within this bound keep the other: an equal, or a looser `abs` or `rel` one."""
        return self == other or (self.kind == other.kind in ("abs", "rel") and self.value <= other.value)

    @property
    def is_lossless(self) -> bool:
        """Whether every value keeps its bits."""
        return self.kind == "lossless"

    @property
    def is_absolute(self) -> bool:
        """Whether the bound limits |x - y| itself; all others limit it relative to |x|."""
        return self.kind == "abs"

    @property
    def is_scalable(self) -> bool:
        """Whether `scaled` can make the bound tighter or looser."""
        return self.kind in ("abs", "rel")

    @property
    def largest_error(self) -> float:
        """Largest |x - y| that an `abs` bound allows; largest |x - y| / |x| for other bounds.

        >>> ErrorBound("bits", 9).largest_error
        0.0009765625
        """
        return 2.0 ** -(self.value + 1) if self.kind == "bits" else self.value

    def scaled(self, factor: float, digits: int | None = None) -> ErrorBound:
        """An `abs` or `rel` bound times `factor`, rounded to `digits` digits if given; others unchanged.

        >>> str(ErrorBound("rel", 1e-3).scaled(0.99)), str(ErrorBound("bits", 10).scaled(0.99))
        ('rel=0.00099', 'bits=10')
        """
        if not self.is_scalable:
            return self
        value = self.value * factor
        return ErrorBound(self.kind, value if digits is None else float(f"{value:.{digits}g}"))

    def mantissa_bits(self, dtype: np.dtype[Any]) -> int | None:
        """Fewest explicit mantissa bits to which normal floats of `dtype` can be rounded within the bound.

        At most those of the type. Integers count as float64. None for `abs`, where it depends on the values.
        """
        limit = MANTISSA_BITS[dtype.itemsize if dtype.kind == "f" else 8]
        if self.kind == "bits":
            return min(limit, int(self.value))
        if self.kind == "rel":
            # Rounding to m bits errs by up to 2**-(m + 1); the bound is at least 2**(exponent - 1).
            return min(limit, max(0, -math.frexp(self.value)[1]))
        return limit if self.kind == "lossless" else None

    def __str__(self) -> str:
        if self.kind == "lossless":
            return self.kind
        return f"{self.kind}={int(self.value) if self.kind == 'bits' else float(self.value)!r}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _problem(kind: str, value: float) -> str:
    """The reason why a bound is not valid; empty if it is."""
    if kind == "lossless":
        return "" if value == 0 else "lossless takes no value"
    if not math.isfinite(value):
        return f"{value} is not a bound; the value must be a finite number ({_EXAMPLES})"
    if kind == "bits":
        if value != int(value) or not 0 <= value <= MAX_BITS:
            return f"{value!r} is not a number of mantissa bits; give an integer from 0 to {MAX_BITS}"
        return ""
    if value < 0:
        return f"{value!r} is negative; an error bound is a positive number ({_EXAMPLES})"
    if value == 0:
        return "an error bound of zero is 'lossless'; write that"
    if kind == "rel" and value >= 1:
        return (
            f"{value!r} would allow every value to become zero; a relative bound is below 1 (1e-3 is 0.1 %)"
        )
    return ""


LOSSLESS = ErrorBound("lossless")


@dataclass(frozen=True, slots=True)
class ErrorStats:
    """Errors of one column: absolute for `abs`, relative to |x| without zeros for `rel` and `bits`.

    For `bits`, errors of subnormal floats are relative to the smallest normal number of the type, because
    that is what the bound limits. Values that are not finite, before or after, can be violations but have no
    error.
    """

    max: float
    """Largest error; at most the allowed one if there is no violation."""
    rms: float
    """Root of the mean square."""
    mean: float
    """Mean of y - x, with its sign."""
    violations: int
    """Number of values that miss the bound."""
    first_violation: int | None
    """Position of the first of them."""


def measure(original: NDArray[Any], decoded: NDArray[Any], bound: ErrorBound) -> ErrorStats:
    """The errors of `decoded` against `original`; every value is compared with `bound`.

    Both arrays must be 1-d, native-endian, and of one length and dtype; otherwise ValueError.
    """
    bound = _effective(original.dtype, bound)
    violations, first_violation, count, largest, total, root = 0, None, 0, 0.0, 0.0, 0.0
    with np.errstate(all="ignore"):
        for start, x, y in _blocks(original, decoded):
            missed = _missed(x, y, bound)
            num_missed = int(np.count_nonzero(missed))
            if num_missed and first_violation is None:
                first_violation = start + int(np.argmax(missed))
            violations += num_missed
            if bound.is_lossless:
                continue
            error = _errors(x, y, bound)
            count += error.size
            if not error.size:
                continue
            top = float(np.max(np.abs(error)))
            largest = max(largest, top)
            total += float(np.sum(error))
            scale = top if not 1e-140 < top < 1e140 and top > 0 and math.isfinite(top) else 1.0
            unit = error / scale if scale != 1.0 else error
            root = math.hypot(root, scale * math.sqrt(float(np.sum(np.square(unit)))))
    if bound.kind in ("abs", "rel") and not violations:
        largest = min(largest, bound.value)  # an error may have been rounded up
    if not count:
        return ErrorStats(0.0, 0.0, 0.0, violations, first_violation)
    return ErrorStats(largest, root / math.sqrt(count), total / count, violations, first_violation)


def violations(original: NDArray[Any], decoded: NDArray[Any], bound: ErrorBound) -> NDArray[np.int64]:
    """Increasing positions at which `decoded` misses `bound`; see `measure` for the arrays."""
    bound = _effective(original.dtype, bound)
    with np.errstate(all="ignore"):
        positions = [
            np.flatnonzero(_missed(x, y, bound)) + start for start, x, y in _blocks(original, decoded)
        ]
    return np.concatenate(positions).astype(np.int64) if positions else np.zeros(0, np.int64)


def _effective(dtype: np.dtype[Any], bound: ErrorBound) -> ErrorBound:
    """`bound`, or lossless for booleans and for floats without a mantissa bit to drop."""
    if dtype.kind == "b":
        return LOSSLESS
    if bound.kind == "bits" and dtype.kind == "f" and bound.value >= MANTISSA_BITS[dtype.itemsize]:
        return LOSSLESS
    return bound


def _blocks(
    original: NDArray[Any], decoded: NDArray[Any]
) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
    if original.shape != decoded.shape or original.dtype != decoded.dtype or original.ndim != 1:
        raise ValueError(
            f"arrays differ in form: {original.dtype} {original.shape}, {decoded.dtype} {decoded.shape}"
        )
    original, decoded = np.ascontiguousarray(original), np.ascontiguousarray(decoded)
    for start in range(0, original.size, BLOCK):
        yield start, original[start : start + BLOCK], decoded[start : start + BLOCK]


def _missed(x: NDArray[Any], y: NDArray[Any], bound: ErrorBound) -> NDArray[np.bool_]:
    """True where `y` misses the bound."""
    differ = np.asarray(patterns(x) != patterns(y))
    if bound.kind == "lossless" or not differ.any():
        return differ
    fulfilled = _integers_hold(x, y, bound) if x.dtype.kind in "iu" else _floats_hold(x, y, bound)
    if np.count_nonzero(x) < x.size:
        fulfilled &= x != 0
    return np.asarray(differ & ~fulfilled)


def _floats_hold(x: NDArray[Any], y: NDArray[Any], bound: ErrorBound) -> NDArray[np.bool_]:
    if bound.kind == "bits":
        rounded = round_mantissa(x, int(bound.value))
        return np.asarray(
            (patterns(rounded) == patterns(y)) & ~non_finite(patterns(y)) & ~non_finite(patterns(x))
        )
    check = within if bound.kind == "abs" else within_share
    return check(x.astype(np.float64), y.astype(np.float64), bound.value)


def _integers_hold(x: NDArray[Any], y: NDArray[Any], bound: ErrorBound) -> NDArray[np.bool_]:
    if bound.kind == "bits":
        rounded, _ = round_integers(magnitudes(x), int(bound.value))
        matches = rounded < 2.0**64
        matches &= np.where(matches, rounded, 0.0).astype(np.uint64) == magnitudes(y)
        return np.asarray(matches & ((x < 0) == (y < 0)))
    error = _distance(x, y)
    if bound.kind == "abs":
        return np.asarray(error <= np.uint64(min(math.floor(bound.value), 2**64 - 1)))
    return np.asarray(error <= whole_share(magnitudes(x), bound.value))


def _distance(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.uint64]:
    """|x - y| of integers, exact."""
    forward = x.astype(np.uint64) - y.astype(np.uint64)
    return np.where(x >= y, forward, np.negative(forward))


def _errors(x: NDArray[Any], y: NDArray[Any], bound: ErrorBound) -> NDArray[np.float64]:
    """Signed errors of the values that have one, float64."""
    wide = x.astype(np.float64)
    if x.dtype.kind == "f":
        error = y.astype(np.float64) - wide
    else:
        error = np.where(y >= x, 1.0, -1.0) * _distance(x, y).astype(np.float64)
    if bound.kind != "abs":
        scale = np.abs(wide)
        if bound.kind == "bits" and x.dtype.kind == "f":
            np.maximum(scale, float(np.finfo(x.dtype).smallest_normal), out=scale, where=scale > 0)
        error /= scale  # 0/0 is NaN, dropped below with Inf - Inf
        if np.count_nonzero(x) < x.size:
            error = error[wide != 0]
    if x.dtype.kind == "f" and not math.isfinite(float(np.sum(error))):
        error = error[np.isfinite(error)]
    return error
