"""Types that many modules share: arrays, progress and log functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
"""Values or symbols of a column, in a flat array."""


Ints = NDArray[np.int64]
"""Integers in an array."""


Progress = Callable[[int, int], None]
"""Called with (done, total) as work goes on; the caller's documentation says what is counted."""


Log = Callable[[str], object]
"""Called with a line of text whenever a new step begins."""
