"""A model must pay for its own bytes: it is part of the file, and must save more than it takes
(docs/design/decisions/0006-models-pay-for-themselves.md)."""

from __future__ import annotations

MARGIN = 1.25
"""A model must save at least this many times its own bytes, since the saving is an estimate."""


def pays_for_itself(saved: float, size: int) -> bool:
    """Whether a model of `size` bytes is worth storing in a file that it makes smaller by `saved` bytes.

    `saved` is an estimate for the whole file, without the model.
    """
    return saved >= MARGIN * size
