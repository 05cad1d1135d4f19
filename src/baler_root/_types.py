"""Carried out of batch."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, total) as work goes on; the unit is entries."""


Log = Callable[[str], None]
"""Called with a line of text whenever a new step begins."""
