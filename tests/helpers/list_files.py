"""Files whose list items are coded with a context of other columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from baler_root.compression.plan import GroupModel, Plan
from tests.helpers.models import list_model
from tests.vectors.source import Made, Source, flat, write_trees

MET, N, PT, TRACKS, VERTICES = 0, 1, 3, 5, 6
"""Columns: pt and tracks have a column of lengths before them."""


BOUNDS = {"met": "rel=0.01", "pt": "rel=0.01"}


def events(counts: NDArray[np.int64], seed: int) -> dict[str, ak.Array]:
    rng = np.random.default_rng(seed)
    met = (rng.exponential(30, len(counts)) + 1).astype("f4")
    pt = (np.repeat(met, counts) * rng.uniform(0.5, 1.5, counts.sum()) + 1).astype("f4")
    return {
        "met": flat(met, "f4"),
        "n": flat(counts, "i4"),
        "pt": ak.unflatten(pt, counts),
        "tracks": ak.unflatten(rng.poisson(9, counts.sum()).astype("u2"), counts),
        "vertices": flat(rng.poisson(20, len(counts)), "u1"),
    }


def write(
    target: Path, arrays: dict[str, ak.Array], items: dict[int, tuple[int, ...]], cuts: tuple[int, ...] = ()
) -> Made:
    """A file of three pages: met and n, the lists with a random model, vertices."""

    def model(plan: Plan, originals: Sequence[Any]) -> tuple[GroupModel, bytes]:
        return list_model(plan, originals, group=1, lists=2, entries=(MET, VERTICES), items=items)

    return write_trees(target, Source("Events", arrays, BOUNDS, cuts=cuts, groups=(3, 3, 1), made=(model,)))
