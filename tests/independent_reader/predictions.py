"""Predicted columns for the second reader, from `formats/pages.md` alone: Python numbers, value by value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need
from tests.independent_reader.formulas import Formula
from tests.independent_reader.quantiser import powers


class Prediction(Formula):
    """The entry of a page directory of a predicted column."""

    def __init__(self, data: Bytes, dtype: Any) -> None:
        self.read(data, dtype)
        self.grid = data.unpack("B")[0]
        floats = dtype.kind == "f"
        need(0 < self.grid < 4 and (floats or (dtype.kind in "iu" and self.grid == 2)), "a grid")
        self.size = data.unpack("d")[0] if floats and self.grid == 2 else data.varint()
        if self.grid == 1:
            need(self.size <= np.finfo(dtype).nmant, "bits dropped")
        elif floats and self.grid == 2:
            need(0 < self.size < math.inf, "size of a step")
        else:
            need(0 < self.size <= (1 << 22 if floats else 1 << 32), "size of a step")
        self.drop = self.size
        (width,), self.limit, count = data.unpack("B"), data.varint(), data.varint()
        need(width in (1, 2, 4, 8) and count <= 64, "size of a symbol, or special values")
        need(self.limit < 1 << 14 and (self.grid < 3 or self.limit <= 1022 * self.size), "a limit")
        self.special = data.array(dtype, count)
        self.steps = np.dtype(f"i{width}")

    def values(self, sources: list[Any], steps: Any) -> Any:
        steps, found = steps.tolist(), self.results(sources)
        need(len(steps) == len(found), "predictions")
        need(all(-self.limit <= k <= self.limit + len(self.special) for k in steps), "a symbol out of range")
        with np.errstate(all="ignore"):
            out = [self.near(p, k if k <= self.limit else 0) for p, k in zip(found, steps, strict=True)]
            made = np.array(out, self.dtype)
        for at, k in enumerate(steps):
            if k > self.limit:
                made[at] = self.special[k - self.limit - 1]
        return made

    def near(self, p: float, k: int) -> Any:
        if self.dtype.kind != "f":
            whole = 0 if math.isnan(p) else round(max(-(2.0**53), min(2.0**53, p)))
            limits = np.iinfo(self.dtype)
            return max(limits.min, min(limits.max, 2**63 - 1, whole + k * self.size))
        if self.grid == 1:
            return self.moved(np.array(p).astype(self.dtype)[()], k)
        if self.grid == 2:
            return math.nan if math.isnan(p) else p + k * self.size
        octave, within = divmod(k, self.size)
        factor = powers(self.size, 256)[within // 256] * powers(self.size, 1)[within % 256]
        value = p * float(factor * np.float64(2.0) ** octave)
        return math.nan if math.isnan(value) else value
