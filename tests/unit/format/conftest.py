"""A small file of lists, and its forger."""

from __future__ import annotations

from pathlib import Path

import pytest

import baler_root
from tests.helpers.forge import Forger


@pytest.fixture
def baler(jagged_root: Path, tmp_path: Path) -> Path:
    """A small file of three clusters."""
    path = tmp_path / "in.baler"
    baler_root.compress(jagged_root, path, cluster_size=400)
    return path


@pytest.fixture
def forger(baler: Path) -> Forger:
    return Forger(baler)
