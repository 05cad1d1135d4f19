"""Models that many files share, trained shortly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from baler_root.training import effort
from baler_root.training.effort import TrainingLevel
from baler_root.training.settings import NetworkSettings


@contextmanager
def quick_level() -> Iterator[None]:
    """Train small networks for few steps, in one thread, at the default level."""
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")
    torch.set_num_threads(1)
    level = TrainingLevel("default", NetworkSettings(width=8, components=2, steps=300, batch=512))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(effort.LEVELS, "default", level)
        yield
