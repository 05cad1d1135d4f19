"""JSON of manifests and models, within limits that bound a reader's time and memory."""

from __future__ import annotations

import json
import math
from typing import Any

from baler_root.errors import CorruptFileError
from baler_root.format.limits import MAX_JSON_DEPTH, MAX_JSON_ITEMS

MARKS = "[{,:"
"""Characters without which JSON has no second value."""


def load_json(data: bytes | memoryview) -> Any:
    """The value of this UTF-8 JSON.

    Raises CorruptFileError beyond the limits of the format (formats/container.md#limits), for a key that
    appears twice and for numbers that JSON readers understand differently; raises ValueError if it is not
    JSON.
    """
    text = str(data, "utf-8")
    check_items(text)
    value = json.loads(
        text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite
    )
    check_depth(value)
    return value


def integer(value: Any, low: int | None = None, high: int | None = None) -> int:
    """The value, which must be an integer from `low` to `high`; without limits, one of 64 bits.

    Raises CorruptFileError.
    """
    smallest, largest = -(1 << 63) + 1 if low is None else low, (1 << 63) - 1 if high is None else high
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= largest:
        limits = "" if low is None and high is None else f" from {smallest} to {largest}"
        raise CorruptFileError(f"an integer{limits} expected, not {value!r}")
    return value


def check_items(text: str) -> None:
    """Raise CorruptFileError if JSON has more values than a reader must accept."""
    if (items := sum(map(text.count, MARKS))) > MAX_JSON_ITEMS:
        raise CorruptFileError(
            f"JSON with {items} brackets, commas and colons; at most {MAX_JSON_ITEMS} are allowed"
        )


def check_depth(value: Any) -> None:
    """Raise CorruptFileError if lists and objects are nested too deeply."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_JSON_DEPTH:
            raise CorruptFileError(f"JSON nested more than {MAX_JSON_DEPTH} levels deep")
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise CorruptFileError("a key appears twice")
    return document


def _refuse_constant(name: str) -> Any:
    raise CorruptFileError(f"{name} is not allowed")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise CorruptFileError(f"the number {text:.40} is too large")
    return value
