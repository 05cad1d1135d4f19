"""Fixtures of reports: files of H → γγ, and a small report of them."""

from __future__ import annotations

import pytest
from baler_root.analyses.samples.toys import photon_pairs, write_tree

import baler_root

Pairs = list[tuple[str, str]]


@pytest.fixture(scope="package")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    """Data and simulated signal of H → γγ, each as a ROOT file and a `.baler` file."""
    folder = tmp_path_factory.mktemp("pairs")
    data = write_tree(folder / "data.root", "mini", photon_pairs("2020", 8000, signal=300))
    signal = write_tree(
        folder / "mc.root",
        "mini",
        photon_pairs("2020", 0, signal=2000, process=343981, cross_section=0.03, seed=2),
    )
    paths = []
    for source in (data, signal):
        target = source.with_suffix(".baler")
        baler_root.compress(source, target, bound="rel=1e-3", training="fast")
        paths.append((str(source), str(target)))
    return paths
