"""Optional libraries, or a message that says how to install them."""

from __future__ import annotations

import importlib
from types import ModuleType

from baler_root.errors import MissingExtraError

INSTALL = 'pip install "baler-root[report]"'
"""Command that installs the libraries, for messages."""


def needed(name: str) -> ModuleType:
    """The module of this name; raises MissingExtraError if the extra `[report]` is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"analyses need {error.name or name}: {INSTALL}") from error
