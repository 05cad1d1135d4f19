"""What is sent instead of latents: fewer bits of all cells, or the largest cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from examples.econt.geometry import CELLS
from examples.econt.sample import UNIT, code_of, mips_of

Codes = NDArray[np.int64]

CODE_BITS, ADDRESS_BITS = 7, 6


def sums(codes: Codes) -> NDArray[np.float64]:
    """[MIP] The sum of all cells as it is sent beside whatever else is: with 7 bits, as a cell has them."""
    counts = np.round(mips_of(codes).sum(axis=1) / UNIT).astype(np.int64)
    return mips_of(code_of(counts))


def scaled(mips: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """[MIP] The same cells with the sum that they must have; none stay none."""
    own = mips.sum(axis=1)
    return np.asarray(mips * np.where(own > 0, total / np.maximum(own, 1e-9), 0.0)[:, None])


def truncated(codes: Codes, bits: int) -> NDArray[np.float64]:
    """[MIP] All cells with as many of their upper bits as fit; below them the mean code of that kind is assumed."""
    each = min(CODE_BITS, bits // CELLS)
    kept = codes >> (CODE_BITS - each)
    mips = mips_of(codes)
    counts = np.bincount(kept.ravel(), minlength=1 << each)
    means = np.bincount(kept.ravel(), mips.ravel(), minlength=1 << each) / np.maximum(counts, 1)
    return np.asarray(means[kept])


def best_choice(codes: Codes, bits: int, threshold: float = 1.0) -> NDArray[np.float64]:
    """[MIP] As many of the largest cells as fit with their addresses, if they are above the threshold [MIP]."""
    count = bits // (CODE_BITS + ADDRESS_BITS)
    order = np.argsort(-codes, axis=1, kind="stable")[:, :count]
    out = np.zeros(codes.shape)
    mips = mips_of(codes)
    rows = np.arange(len(codes))[:, None]
    out[rows, order] = mips[rows, order]
    return np.where(out < threshold, 0.0, out)
