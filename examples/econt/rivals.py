"""Alternatives to latents: fewer bits of all cells, or the largest cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from examples.econt.geometry import CELLS
from examples.econt.sample import UNIT, code_of, mips_of

Codes = NDArray[np.int64]

CODE_BITS, ADDRESS_BITS = 7, 6


def sums(codes: Codes) -> NDArray[np.float64]:
    """Sum of all cells [MIP], which every method sends, rounded to the 7 bits of a cell."""
    counts = np.round(mips_of(codes).sum(axis=1) / UNIT).astype(np.int64)
    return mips_of(code_of(counts))


def scaled(mips: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cells [MIP] scaled to a given sum; rows without energy stay empty."""
    sums = mips.sum(axis=1)
    return np.asarray(mips * np.where(sums > 0, total / np.maximum(sums, 1e-9), 0.0)[:, None])


def truncated(codes: Codes, bits: int) -> NDArray[np.float64]:
    """All cells [MIP] with as many upper bits as fit.

    Each value is the mean of the cells with the same upper bits.
    """
    width = min(CODE_BITS, bits // CELLS)
    upper_bits = codes >> (CODE_BITS - width)
    mips = mips_of(codes)
    counts = np.bincount(upper_bits.ravel(), minlength=1 << width)
    means = np.bincount(upper_bits.ravel(), mips.ravel(), minlength=1 << width) / np.maximum(counts, 1)
    return np.asarray(means[upper_bits])


def best_choice(codes: Codes, bits: int, threshold: float = 1.0) -> NDArray[np.float64]:
    """The largest cells [MIP], as many as fit with their addresses, if above the threshold [MIP]."""
    count = bits // (CODE_BITS + ADDRESS_BITS)
    order = np.argsort(-codes, axis=1, kind="stable")[:, :count]
    largest = np.zeros(codes.shape)
    mips = mips_of(codes)
    rows = np.arange(len(codes))[:, None]
    largest[rows, order] = mips[rows, order]
    return np.where(largest < threshold, 0.0, largest)
