"""Formulas for the second reader, from `formats/pages.md` alone: Python numbers, one value at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need

ARITIES = (
    1,
    2,
    2,
    2,
    2,
    2,
    3,
    2,
    2,
    3,
    1,
    2,
    2,
    3,
    2,
    2,
    2,
    2,
    2,
    2,
    4,
    4,
    4,
    4,
    6,
    6,
    6,
    8,
    1,
    2,
    3,
    4,
    3,
    4,
    4,
)
ARITIES += (2,) * 6
MORE = (1, 10, 12, 22, 23, 24, 25, 26, 27, 29, 30, 31)  # may have more sources
WITH_CONSTANT = (10, 11, 26, 38, 39, 40)
WITH_TABLE = (12, 13)
PARTICLES = {20: 2, 21: 2, 22: 2, 23: 2, 24: 3, 25: 3, 26: 3, 27: 4}  # columns of each
LISTS = range(35, 41)
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


def wrap(x: float) -> float:
    if not abs(x) <= 1 << 20:
        return math.nan
    n = 4 * round(x / float.fromhex("0x1.921fb54442d18p+2"))
    return (x - n * float.fromhex("0x1.921fb544p+0")) - n * float.fromhex("0x1.0b4611a626331p-34")


def root(x: float) -> float:
    return math.sqrt(x) if x >= 0 else math.nan


def less(first: float, *others: float) -> float:
    for x in others:
        first = first - x
    return first


def transverse(values: Any) -> tuple[float, float]:
    """X and Y of particles of p and φ."""
    x = y = 0.0
    for p, phi in zip(values[::2], values[1::2], strict=True):
        x, y = x + p * circular(phi, 1), y + p * circular(phi, 0)
    return x, y


def eta(*values: float) -> float:
    x, y = transverse([v for i, v in enumerate(values) if i % 3 != 1])
    z = 0.0
    for p, h in zip(values[::3], values[1::3], strict=True):
        z = z + p * sinh(h)
    return arcsinh(over(z, norm(x, y)))


def mass(particles: list[tuple[float, ...]]) -> float:
    e = z = 0.0
    for p, h, _, m in particles:
        e, z = e + norm(p * cosh(h), m), z + p * sinh(h)
    x, y = transverse([v for p, _, phi, _ in particles for v in (p, phi)])
    return root(e * e - x * x - y * y - z * z)


def by(values: Any, size: int) -> list[tuple[float, ...]]:
    return [tuple(values[i : i + size]) for i in range(0, len(values), size)]


def distance(x: float, y: float, t: float, u: float) -> float:
    return over(abs(x * u - y * t), norm(t, u))


def impact(x: float, y: float, t: float, u: float) -> float:
    a = x * t + y * u
    return root(x * x + y * y - over(a * a, 1 + t * t + u * u))


def of_list(function: int, items: list[float], k: float) -> float:
    if function == 38:
        return items[int(k)] if 0 <= k < len(items) else math.nan
    if function in (36, 37):
        choose = max if function == 36 else min
        return math.nan if not items or any(map(math.isnan, items)) else choose(items) + 0.0
    total = 0.0
    for x in items:
        above = x > k
        total = total + (x if function == 35 else above if function == 39 else x if above else 0.0)
    return total


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
    less,
    lambda x, y: abs(x - y),
    lambda x, y: x * y,
    over,
    lambda x, y: wrap(x - y),
    lambda x, y: abs(wrap(x - y)),
    lambda a, b, c, d: norm(a - c, wrap(b - d)),
    lambda a, b, c, d: 2 * root(a * c) * abs(circular(0.5 * (b - d), 0)),
    lambda *v: norm(*transverse(v)),
    lambda *v: arctan2(*transverse(v)[::-1]),
    eta,
    lambda *v: mass([(*p, 0.0) for p in by(v, 3)]),
    lambda *v: mass([(*p, v[-1]) for p in by(v[:-1], 3)]),
    lambda *v: mass(by(v, 4)),
    lambda x: over(1, abs(x)),
    lambda x, *v: less(x, *(-y for y in v)),
    less,
    lambda x, y, z, *v: less(norm(x * cosh(y), z), *v),
    lambda q, t, u: over(root(over(t * t + u * u, 1 + (t * t + u * u))), abs(q)),
    distance,
    impact,
)


class Formula:
    """The entry of a page directory of a column that is a formula."""

    def __init__(self, data: Bytes, dtype: Any) -> None:
        self.read(data, dtype)
        self.drop = data.unpack("B")[0] - 1
        self.steps = None
        if self.drop >= 0:
            need(dtype.kind == "f" and self.drop <= np.finfo(dtype).nmant, "bits dropped")
            size = data.unpack("B")[0]
            need(size in (1, 2, 4, 8), "size of a step")
            self.steps = np.dtype(f"i{size}")

    def read(self, data: Bytes, dtype: Any) -> None:
        """The function and its sources."""
        self.dtype = dtype
        self.function, self.scale, self.offset = data.unpack("Bdd")
        need(self.function < len(ARITIES), "a function")
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
        need(count % PARTICLES.get(self.function, 1) == 0, "particles")
        self.sources = [data.varint() for _ in range(count)]

    def results(self, sources: list[Any]) -> list[float]:
        columns = [values.astype(np.float64).tolist() for values in sources]
        if self.table:
            columns[-1] = [self.table.get(key, math.nan) for key in columns[-1]]
        k = self.constant[0] if self.constant else 0.0
        with np.errstate(all="ignore"):
            if self.function in LISTS:
                counts, items = columns
                need(all(n >= 0 for n in counts) and sum(counts) == len(items), "lengths of lists")
                ends = np.cumsum(counts, dtype=np.int64).tolist()
                parts = [items[end - int(n) : end] for n, end in zip(counts, ends, strict=True)]
                found = [of_list(self.function, part, k) for part in parts]
            else:
                found = [OF[self.function](*row, *self.constant) for row in zip(*columns, strict=True)]
        found = [x * self.scale + self.offset for x in found]
        return [math.nan if math.isnan(x) else x for x in found]

    def values(self, sources: list[Any], steps: Any) -> Any:
        found = self.results(sources)
        with np.errstate(all="ignore"):
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
