"""Variants of `baler_root.compress` that benchmarks compare: (name, keywords)."""

from __future__ import annotations

from typing import Any

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("classic", {"codec": "classic"}),
    ("fast", {"codec": "conditional", "training": "fast"}),
    ("default", {"codec": "conditional"}),
    ("max", {"codec": "conditional", "training": "max"}),
]
NAMES = tuple(name for name, _ in VARIANTS)
USUAL = "default"
"""Variant that `compress` uses by default."""


def quick() -> list[tuple[str, dict[str, Any]]]:
    """Variants that take less than minutes of training."""
    return [(name, keywords) for name, keywords in VARIANTS if name != "max"]
