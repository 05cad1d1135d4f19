"""Whole trees of files, read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import awkward as ak
import uproot

import baler_root


def read_baler(path: Path, tree: str = "Events") -> ak.Array:
    """All arrays of a tree of a `.baler` file."""
    with baler_root.open(path) as file:
        return file[tree].arrays()


def read_root(path: Path, tree: str = "Events") -> ak.Array:
    """All arrays of a tree of a ROOT file."""
    with uproot.open(path) as file:
        return file[tree].arrays()


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
