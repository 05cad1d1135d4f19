"""Results as JSON values: what `--json` prints and what reports store."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def to_json(value: Any, *, properties: bool = False) -> Any:
    """The value as dictionaries, lists, strings, numbers and None.

    Dataclasses become dictionaries of their public fields, with `properties` also of their properties.
    Numbers that JSON lacks (NaN, ±∞) become None.

    >>> to_json({"Z": float("nan"), 3: np.float32(0.5)})
    {'Z': None, '3': 0.5}
    """
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if not field.name.startswith("_")]
        if properties:
            names += [name for name, member in vars(type(value)).items() if isinstance(member, property)]
        return {name: to_json(getattr(value, name), properties=properties) for name in names}
    if isinstance(value, Mapping):
        return {str(key): to_json(item, properties=properties) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return to_json(value.tolist())
    if isinstance(value, list | tuple):
        return [to_json(item, properties=properties) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(value: Any, *, properties: bool = False, indent: int | None = None) -> str:
    """JSON text of `to_json(value)`, without a newline at the end; `indent` as in `json.dumps`.

    Characters that cannot be printed are written as escapes.
    """
    text = json.dumps(
        to_json(value, properties=properties), allow_nan=False, ensure_ascii=False, indent=indent
    )
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
