"""Toy events for the demonstration, tests and documentation: four generators without extra packages.

Each generator takes the number of entries and a seed, and returns one array for each branch (`Columns`); the
same arguments give the same values. `write_tree` stores them as a TTree.

    nanoaod(entries, seed)          CMS NanoAOD: Z → μμ with jets, missing momentum, trigger bits, weights
    photon_pairs(release, entries)  ATLAS Open Data: a narrow peak in m(γγ) on a falling background
    four_leptons(release, entries)  ATLAS Open Data: a peak or a flat spectrum of m(4ℓ)
    correlated_jets(entries, seed)  a small table whose columns depend on each other, with NaN and −999

Events with a detector simulation and cross-sections come from `baler-root sample` (`samples/making.py`).
"""

from .jets import correlated_jets
from .nanoaod import nanoaod
from .open_data import four_leptons, photon_pairs
from .tree import Columns, write_tree

__all__ = ["Columns", "correlated_jets", "four_leptons", "nanoaod", "photon_pairs", "write_tree"]
