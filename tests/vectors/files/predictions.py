"""Golden file of predicted columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from baler_root.format.encodings.formula import Formula
from tests.vectors.source import Made, Source, write_trees

ROWS = 24
"""Few rows and short decimals: the file has every function, and is small."""


Columns = dict[str, NDArray[Any]]


def derived(target: Path) -> Made:
    """Columns predicted by others, with every function and grid that only these have: angles, masses and
    momenta of sums, differences, tracks, integers, reductions of lists; with chains, special values and
    outliers.
    """
    # Predictions are larger than these few values by themselves.
    with mock.patch(
        "baler_root.compression.column_encoder.page_size", lambda column: not column.encoding.sources
    ):
        return write_trees(target, _events(), _lists())


def _events() -> Source:
    rng = np.random.default_rng(40)
    columns: Columns = {}
    for n in "12":
        columns[f"pt{n}"] = (rng.exponential(20, ROWS) + 5).round(1)
        columns[f"eta{n}"] = rng.uniform(-2.5, 2.5, ROWS).round(2)
        columns[f"phi{n}"] = rng.uniform(-3.14, 3.14, ROWS).round(2)
        columns[f"m{n}"] = rng.choice([0.1, 1.8], ROWS)
    columns["hits"], columns["time"] = (rng.integers(0, 900, ROWS).astype("i4") for _ in range(2))
    columns["phi2"][7], columns["pt1"][7], columns["eta2"][7] = 1e7, np.inf, np.nan
    bounds = dict.fromkeys(columns, "lossless") | {"pt1": "rel=1e-3", "pt2": "rel=0.01", "time": "abs=1"}
    predictions = {}
    for name, formula, dtype, bound in (
        ("dR", Formula("delta_r", (1, 2, 5, 6)), "f4", "rel=0.1"),
        ("mT", Formula("transverse_mass", (0, 2, 4, 6), 1000.0), "f8", "rel=1e-3"),
        ("pt", Formula("sum_pt", (0, 2, 4, 6)), "f8", "bits=9"),
        ("phi", Formula("sum_phi", (0, 2, 4, 6)), "f8", "abs=1e-3"),
        ("eta", Formula("sum_eta", (0, 1, 2, 4, 5, 6)), "f8", "abs=0.01"),
        ("m", Formula("mass", (0, 1, 2, 4, 5, 6)), "f8", "rel=1e-3"),
        ("m_muons", Formula("mass_const", (0, 1, 2, 4, 5, 6), constant=0.10566), "f8", "rel=1e-3"),
        ("m_columns", Formula("mass_columns", (0, 1, 2, 3, 4, 5, 6, 7)), "f8", "rel=0.01"),
        ("deta", Formula("distance", (1, 5)), "f8", "rel=1e-3"),
        ("dphi", Formula("delta_phi", (2, 6)), "f8", "abs=0.01"),
        ("angle", Formula("angle", (2, 6), -57.3, 1.0), "f8", "rel=1e-3"),
        ("ratio", Formula("ratio", (15, 13)), "f8", "rel=0.5"),
        ("difference", Formula("difference", (21, 4)), "f2", "rel=0.01"),
        ("product", Formula("product", (22, 14)), "f8", "rel=1e-3"),
        ("inverse", Formula("inverse", (10,)), "f8", "rel=1e-3"),
        ("total", Formula("total", (0, 4, 12)), "f8", "rel=1e-3"),
        ("remainder", Formula("remainder", (25, 0, 4)), "f8", "rel=1e-3"),
        ("energy", Formula("energy_remainder", (0, 1, 3, 7, 18), 0.5), "f8", "rel=1e-3"),
        ("track_pt", Formula("track_pt", (0, 2, 5), 1000.0), "f8", "rel=1e-3"),
        ("docaz", Formula("track_distance", (0, 4, 1, 2)), "f8", "rel=1e-3"),
        ("ip", Formula("impact_parameter", (0, 4, 1, 2)), "f8", "rel=1e-3"),
        ("sum", Formula("total", (8, 8, 9)), "i8", "abs=2"),
        ("short", Formula("linear", (9,), 100.0, -300.25), "u2", "lossless"),
    ):
        sources = list(columns.values())
        values = formula.doubles([sources[number] for number in formula.sources])
        with np.errstate(all="ignore"):
            if dtype[0] == "f":
                values = (values * (1 + 2e-3 * rng.standard_normal(ROWS))).round(3)
                values[[2, 11, 17, 20]], values[7] = -9.0, 5.5
            else:
                values = np.clip(np.nan_to_num(values), 0, 2**16 - 1).round() + rng.integers(0, 3, ROWS)
                values[5] = 60000
            columns[name] = values.astype(dtype)
        predictions[len(columns) - 1] = formula
        bounds[name] = bound
    branches = {name: ak.Array(values) for name, values in columns.items()}
    return Source("Events", branches, bounds, groups=(8, len(columns) - 8), predictions=predictions)


def _lists() -> Source:
    rng = np.random.default_rng(42)
    counts = rng.integers(0, 4, ROWS)
    pt, eta = (
        ak.unflatten(values.round(1), counts)
        for values in (rng.exponential(30, counts.sum()) + 15, rng.uniform(-2.5, 2.5, counts.sum()))
    )
    above = pt > 30
    branches = {
        "pt": pt,
        "eta": eta,
        "HT": ak.sum(pt, axis=1),
        "leading": ak.fill_none(ak.max(pt, axis=1), -1.0),
        "smallest": ak.fill_none(ak.min(eta, axis=1), 99.0),
        "second": ak.fill_none(ak.pad_none(pt, 2)[:, 1], 0.0),
        "good": ak.values_astype(ak.sum(above, axis=1), "int32"),
        "good_HT": ak.sum(pt[above], axis=1),
    }
    # Columns are: lengths, pt, lengths, η, and the reductions.
    predictions = {
        4: Formula("list_sum", (0, 1)),
        5: Formula("list_max", (0, 1)),
        6: Formula("list_min", (2, 3)),
        7: Formula("list_item", (0, 1), constant=1.5),
        8: Formula("list_count", (2, 1), constant=30.0),
        9: Formula("list_sum_above", (0, 1), constant=30.0),
    }
    bounds = dict.fromkeys(branches, "rel=0.01") | {
        "good": "lossless",
        "eta": "abs=0.1",
        "smallest": "abs=0.01",
    }
    return Source("Lists", branches, bounds, groups=(2, 8), predictions=predictions)
