"""What `classic` might do on grids, as an estimate: predict from what is decoded already, and then quantise.

`classic` quantises first and takes differences of symbols. On smooth grids that loses twice: each symbol carries
half a step of rounding, which differences add up, and a prediction better than the bound cannot be used. Here
values lie on a lattice `FINE + 1` times finer than the bound's; coarse points predict those half-way between them,
axis by axis and level by level, by a cubic through four of them; what is left is divided by `FINE` and rounded.
All of it is in integers, so that every reader gets the same bits, and vectorised: a few passes for each level.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.packers import stored

Ints = NDArray[np.int64]

FINE = 63
"""Lattice points that one symbol stands for; odd, so that it has a middle."""


def lattice(tolerance: float) -> float:
    """Distance of lattice points: rounding to it and then to a symbol makes an error of at most `tolerance`."""
    return 2 * tolerance / (FINE + 1)


def passes(grid: Ints) -> Iterator[tuple[Ints, Ints]]:
    """(known, wanted) points along the first axis, coarse to fine: views, wanted ones half-way between known ones.

    Entries come last in each level: neighbours in time predict best, and most points are wanted there.
    """
    axes = (*range(1, grid.ndim), 0)
    stride = 1 << max(0, max(grid.shape) - 1).bit_length()
    while stride:
        for place, axis in enumerate(axes):
            if stride >= grid.shape[axis]:
                continue
            steps = {other: stride if other in axes[:place] else 2 * stride for other in axes}
            steps[axis] = 1
            view = np.moveaxis(grid[tuple(slice(None, None, steps[at]) for at in range(grid.ndim))], axis, 0)
            yield view[:: 2 * stride], view[stride :: 2 * stride]
        stride //= 2


def predicted(known: Ints, length: int) -> Ints:
    """The first `length` points half-way between known ones: cubic, linear near the ends, constant at the last."""
    out = known[:length].copy()
    right = known[1 : length + 1]
    between = len(right)
    out[:between] = (out[:between] + right + 1) >> 1
    if between >= 3:
        a, b, c, d = (known[at : between - 2 + at] for at in range(4))
        out[1 : between - 1] = (9 * (b + c) - a - d + 8) >> 4
    return out


def encode(values: NDArray[np.float64], tolerance: float) -> list[Ints]:
    """Symbols of each pass, the corner first."""
    wanted = np.rint(values / lattice(tolerance)).astype(np.int64)
    done = np.zeros_like(wanted)
    corner = (0,) * values.ndim
    first = rounded(wanted[corner].reshape(1))
    done[corner] = first[0] * FINE
    out = [first]
    for (known, target), (_, exact) in zip(passes(done), passes(wanted), strict=True):
        guess = predicted(known, len(target))
        symbols = rounded(exact - guess)
        target[...] = guess + FINE * symbols
        out.append(symbols.reshape(-1))
    return out


def decode(symbols: list[Ints], shape: tuple[int, ...], tolerance: float) -> NDArray[np.float64]:
    """The values, each within the tolerance (but for the last digit of a float64)."""
    done = np.zeros(shape, np.int64)
    done[(0,) * len(shape)] = symbols[0][0] * FINE
    for (known, target), found in zip(passes(done), symbols[1:], strict=True):
        target[...] = predicted(known, len(target)) + FINE * found.reshape(target.shape)
    return np.asarray(done * lattice(tolerance), dtype=np.float64)


def rounded(differences: Ints) -> Ints:
    """Differences in symbols, to the nearest."""
    return np.asarray(np.sign(differences) * ((np.abs(differences) + FINE // 2) // FINE))


def size(symbols: list[Ints]) -> int:
    """Bytes of the passes together."""
    return stored(np.concatenate(symbols))
