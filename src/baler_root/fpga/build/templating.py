"""The texts in `templates/`, with `@name@` replaced."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "templates"


def fill(name: str, **values: object) -> str:
    """A template with all its `@name@` replaced; KeyError for one without a value."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), text)
