"""Results as plain values: every number of a report, for JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """The value in what JSON knows; dataclasses with their properties, and numbers that are not finite as None.

    >>> plain({"Z": float("nan"), 3: np.float32(0.5)})
    {'Z': None, '3': 0.5}
    """
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if not field.name.startswith("_")]
        names += [name for name, found in vars(type(value)).items() if isinstance(found, property)]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def dumped(value: Any) -> str:
    """JSON text of it, a page for people and machines."""
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=False, indent=1) + "\n"
