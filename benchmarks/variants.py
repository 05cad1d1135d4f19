"""The ways of `baler_root.compress` that are compared: (name, keywords)."""

from __future__ import annotations

from typing import Any

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("classic", {"codec": "classic"}),
    ("conditional", {"codec": "conditional"}),
]
NAMES = tuple(name for name, _ in VARIANTS)
