"""The ways of `baler_root.compress` that are compared: (name, keywords)."""

from __future__ import annotations

from typing import Any

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("classic", {"codec": "classic"}),
    ("fast", {"codec": "conditional", "level": "fast"}),
    ("default", {"codec": "conditional"}),
    ("max", {"codec": "conditional", "level": "max"}),
]
NAMES = tuple(name for name, _ in VARIANTS)
USUAL = "default"
"""The one that a user gets who says nothing."""


def quick() -> list[tuple[str, dict[str, Any]]]:
    """All but those that train for minutes."""
    return [(name, keywords) for name, keywords in VARIANTS if name != "max"]
