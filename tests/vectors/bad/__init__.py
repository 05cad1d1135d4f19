"""Files that must be refused, each with its error; `python -m tests.vectors` writes them as `bad/NAME`.

Each starts from one good file. Where the point is what stands behind a checksum, every checksum is right.
"""

from __future__ import annotations

from tests.vectors.bad import container, detached, latents, lists, models, pages, predictions, relations  # noqa: F401 - fill BAD
from tests.vectors.bad.files import BAD, Bad

__all__ = ["BAD", "Bad"]
