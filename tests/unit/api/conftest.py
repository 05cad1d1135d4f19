"""A ROOT file with a bit of everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import fixed_columns, flat_columns, jagged_columns
from tests.helpers.root_files import Make


@pytest.fixture
def rich_root(make_root: Make) -> Path:
    """Flat, jagged and fixed-size columns, a second tree in a folder."""
    columns = {**flat_columns(500), **jagged_columns(500), **fixed_columns(500)}
    return make_root("rich.root", **{"Events": columns, "runs/Summary": {"lumi": np.arange(3.0)}})
