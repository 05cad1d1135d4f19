"""Lookups for the second reader, from `formats/pages.md` alone."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need


class Lookup:
    """The entry of a page directory of a column that is looked up by others."""

    steps = None

    def __init__(self, data: Bytes, dtype: Any) -> None:
        self.dtype = dtype
        count = data.varint()
        need(0 < count < 257 and dtype.kind in "bui", "a lookup")
        self.sources, keys = [], []
        for _ in range(count):
            self.sources.append(data.varint())
            more = data.varint() - 1
            need(0 <= more < 256, "keys of a source")
            gaps = [data.zigzag(), *(data.varint() + 1 for _ in range(more))]
            keys.append(list(itertools.accumulate(gaps)))
            need(keys[-1][-1] < 1 << 63, "keys of 64 bits")
        size = math.prod(map(len, keys))
        need(size <= 256, "combinations")
        table = data.array("u1" if dtype.kind == "b" else dtype, size).tolist()
        need(dtype.kind != "b" or max(table) < 2, "a boolean")
        self.table = dict(zip(itertools.product(*keys), table, strict=True))

    def values(self, sources: list[Any], _: Any) -> Any:
        need(all(source.dtype.kind in "bui" for source in sources), "integers")
        rows = zip(*(source.astype(np.int64).tolist() for source in sources), strict=True)
        return np.array([self.table.get(row, 0) for row in rows], self.dtype)
