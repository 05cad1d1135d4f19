"""Optional libraries, or a message that says how to install them."""

from __future__ import annotations

import importlib
from types import ModuleType

from baler_root.errors import MissingExtraError


def install_command(extra: str) -> str:
    """Command that installs the libraries of an extra of the package, for messages.

    >>> install_command("train")
    'pip install "baler-root[train]"'
    """
    return f'pip install "baler-root[{extra}]"'


def needed(name: str, extra: str = "report") -> ModuleType:
    """The module of this name; raises MissingExtraError if it or a library that it needs is not installed.

    `extra` is the extra of the package that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = (error.name or name).partition(".")[0]
        raise MissingExtraError(f"{library} is not installed: {install_command(extra)}") from error
