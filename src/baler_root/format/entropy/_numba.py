"""numba's compiler, with a type and the options that all coders use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Decorator that compiles a function with numba; its result is cached on disk, and it runs without the
    GIL.
    """
    decorator: Callable[[Any], Any] = njit(cache=True, nogil=True, **options)
    return decorator
