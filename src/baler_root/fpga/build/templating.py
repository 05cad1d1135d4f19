"""Fills the templates in `templates/`."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "templates"


def fill(name: str, **values: object) -> str:
    """A template with every `@name@` replaced by its value; raises KeyError for a name without a value."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return re.sub(r"@(\w+)@", lambda match: str(values[match[1]]), text)
