"""The bare sum: each column quantised by itself, its symbols through pcodec at level 12, no metadata at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

from baler_root.batch import columns_of, plain_form, take_apart
from baler_root.bounds import LOSSLESS, ErrorBound
from baler_root.quantiser import quantise
from benchmarks.sources import Tree

CONFIG = ChunkConfig(compression_level=12, enable_8_bit=True)


def size(trees: list[Tree], bound_of: Callable[[str, str], str]) -> int:
    """Bytes of all columns; list lengths shared by several branches count once, outliers as they are."""
    total = 0
    for tree in trees:
        seen: set[bytes] = set()
        for path, array in tree.branches:
            bound = ErrorBound.parse(bound_of(tree.name, path))
            form = plain_form(array)
            columns = columns_of([(0, form)])
            for column, buffer in zip(columns, take_apart(array, form, columns), strict=True):
                if column.role == "counts":
                    digest = hashlib.sha256(buffer.tobytes()).digest()
                    if digest in seen:
                        continue
                    seen.add(digest)
                total += column_size(buffer, bound if column.role == "data" else LOSSLESS)
    return total


def column_size(values: NDArray[Any], bound: ErrorBound) -> int:
    """Bytes of one column."""
    quantised = quantise(values, bound)
    symbols = quantised.symbols
    symbols = symbols.view(np.uint8) if symbols.dtype == np.bool_ else symbols
    packed = len(standalone.simple_compress(symbols, CONFIG)) if symbols.size else 0
    return packed + quantised.positions.size * 4 + quantised.outliers.nbytes
