"""Formulas for the second reader, from `formats/pages.md` alone: Python numbers, one value at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need

ARITIES = (1, 2, 2, 2, 2, 2, 3, 2, 2, 3, 1, 2, 2, 3)
MORE = (1, 10, 12)  # may have more sources
WITH_CONSTANT = (10, 11)
WITH_TABLE = (12, 13)
C = [1 / math.factorial(k) for k in range(18)]
D = [1 / (2 * k + 1) for k in range(23)]
EIGHTH = float.fromhex("0x1.a827999fcef34p-2")
QUARTER = float.fromhex("0x1.921fb54442d18p+0")


def poly(x: float, coefficients: list[float]) -> float:
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def exp(x: float) -> float:
    if math.isnan(x):
        return x
    x = max(-700.0, min(700.0, x))
    n = round(x / float.fromhex("0x1.62e42fefa39efp-1"))
    r = (x - n * float.fromhex("0x1.62e42feep-1")) - n * float.fromhex("0x1.a39ef35793c76p-33")
    return math.ldexp(poly(r, C[:16]), n)


def cosh(x: float) -> float:
    e = exp(x)
    return (e + 1 / e) * 0.5


def sinh(x: float) -> float:
    e = exp(x)
    return x * poly(x * x, C[1:18:2]) if abs(x) < 1 else (e - 1 / e) * 0.5


def circular(x: float, more: int) -> float:
    if not abs(x) <= 1 << 20:
        return math.nan
    n = round(x / float.fromhex("0x1.921fb54442d18p+0"))
    r = (x - n * float.fromhex("0x1.921fb544p+0")) - n * float.fromhex("0x1.0b4611a626331p-34")
    s, n = -(r * r), n + more
    value = poly(s, C[0:17:2]) if n & 1 else r * poly(s, C[1:18:2])
    return -value if n & 2 else value


def norm(*x: float) -> float:
    total = x[0] * x[0]
    for value in x[1:]:
        total = total + value * value
    return math.sqrt(total) if not math.isnan(total) else total


def over(x: float, y: float) -> float:
    """x / y, also by zero."""
    return float(np.divide(x, y))


def arcsinh(x: float) -> float:
    a = abs(x)
    b = a * a
    if not b < math.inf:
        return math.nan
    u, n = a + b / (1 + math.sqrt(1 + b)), 0
    s = u / (2 + u)
    if u > EIGHTH:
        m, n = math.frexp(1 + u)
        if m < float.fromhex("0x1.6a09e667f3bcdp-1"):
            m, n = 2 * m, n - 1
        s = (m - 1) / (m + 1)
    p = s * poly(s * s, D[:11])
    tail = n * float.fromhex("0x1.a39ef35793c76p-33") + (p + p)
    return math.copysign(n * float.fromhex("0x1.62e42feep-1") + tail, x)


def arctan2(y: float, x: float) -> float:
    a, b = abs(y), abs(x)
    if math.isnan(a) or math.isnan(b) or (math.isinf(a) and math.isinf(b)):
        return math.nan
    q = min(a, b) / max(a, b) if max(a, b) else 0.0
    replaced = q > EIGHTH
    q = (q - 1) / (q + 1) if replaced else q
    v = q * poly(-(q * q), D)
    v = v + QUARTER / 2 if replaced else v
    v = QUARTER - v if a > b else v
    v = 2 * QUARTER - v if math.copysign(1, x) < 0 else v
    return math.copysign(v, y)


OF = (
    lambda x: x,
    norm,
    lambda x, y: x * cosh(y),
    lambda x, y: x * sinh(y),
    lambda x, y: x * circular(y, 1),
    lambda x, y: x * circular(y, 0),
    lambda x, y, z: norm(x * cosh(y), z),
    arctan2,
    lambda x, y: arcsinh(over(x, y)),
    lambda x, y, z: arcsinh(over(x, norm(y, z))),
    norm,
    lambda x, y, c: norm(x * cosh(y), c),
    norm,
    lambda x, y, c: norm(x * cosh(y), c),
)


class Formula:
    """The entry of a page directory of a column that is a formula."""

    def __init__(self, data: Bytes, dtype: Any) -> None:
        self.dtype = dtype
        self.function, self.scale, self.offset = data.unpack("Bdd")
        need(self.function < len(OF), "a function")
        self.constant = data.unpack("d") if self.function in WITH_CONSTANT else ()
        need(all(map(math.isfinite, (self.scale, self.offset, *self.constant))), "finite numbers")
        self.table = {}
        if self.function in WITH_TABLE:
            keys = data.varint()
            need(0 < keys < 257, "keys")
            entries = [data.unpack("dd") for _ in range(keys)]
            self.table = dict(entries)
            need(all(map(math.isfinite, sum(entries, ()))), "finite numbers in a table")
            need(list(self.table) == sorted(self.table) and len(self.table) == keys, "increasing keys")
        count, least = data.varint(), ARITIES[self.function]
        need(count == least or (self.function in MORE and least < count < 17), "sources")
        self.sources = [data.varint() for _ in range(count)]
        self.drop = data.unpack("B")[0] - 1
        self.steps = None
        if self.drop >= 0:
            need(dtype.kind == "f" and self.drop <= np.finfo(dtype).nmant, "bits dropped")
            size = data.unpack("B")[0]
            need(size in (1, 2, 4, 8), "size of a step")
            self.steps = np.dtype(f"i{size}")

    def values(self, sources: list[Any], steps: Any) -> Any:
        columns = [values.astype(np.float64).tolist() for values in sources]
        if self.table:
            columns[-1] = [self.table.get(key, math.nan) for key in columns[-1]]
        rows = zip(*columns, strict=True)
        with np.errstate(all="ignore"):
            found = [OF[self.function](*row, *self.constant) * self.scale + self.offset for row in rows]
            found = [math.nan if math.isnan(x) else x for x in found]
            if self.dtype.kind != "f":
                limits = np.iinfo("u1" if self.dtype.kind == "b" else self.dtype)
                low, high = max(limits.min, -(2**62)), min(limits.max, 2**62)
                whole = [0 if math.isnan(x) else round(max(-1e300, min(1e300, x))) for x in found]
                return np.array([max(low, min(high, x)) for x in whole], object).astype(self.dtype)
            out = np.array(found, np.float64).astype(self.dtype)
        return out if steps is None else np.array(list(map(self.moved, out, steps.tolist())), self.dtype)

    def moved(self, value: Any, step: int) -> Any:
        width = 8 * value.itemsize - 1
        raw = int(value.view(f"u{value.itemsize}"))
        p = (raw & ((1 << width) - 1)) >> self.drop
        q = (-1 - p if raw >> width else p) + step
        q = (q + (1 << 63)) % (1 << 64) - (1 << 63)
        sign, p = (1, -1 - q) if q < 0 else (0, q)
        return np.array([(p << self.drop) & ((1 << width) - 1) | sign << width], f"u{value.itemsize}").view(
            value.dtype
        )[0]
