"""All golden files by name, and how one is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.vectors.bad import BAD
from tests.vectors.files import GOOD
from tests.vectors.sidecar import sidecar

FOLDER = Path(__file__).parents[2] / "formats" / "vectors"


def names() -> list[str]:
    """Names of all golden files."""
    return [*GOOD, *BAD]


def path_of(name: str, folder: Path = FOLDER) -> Path:
    """Path of a golden file; its sidecar is `.json` beside it."""
    return folder / f"{name}{BAD[name].suffix if name in BAD else '.baler'}"


def expected(name: str) -> dict[str, Any]:
    """The sidecar of a golden file."""
    document: dict[str, Any] = json.loads(path_of(name).with_suffix(".json").read_text(encoding="utf-8"))
    return document


def write(name: str, folder: Path) -> Path:
    """Write one golden file and its sidecar; FileExistsError if either is there."""
    target = path_of(name, folder)
    beside = target.with_suffix(".json")
    for path in (target, beside, target.with_suffix(".balermodel")):
        if path.exists():
            raise FileExistsError(f"{path} exists; golden files are never overwritten")
    target.parent.mkdir(parents=True, exist_ok=True)
    if name in GOOD:
        made = GOOD[name](target)
        document = sidecar(GOOD[name], made, target)
    else:
        bad = BAD[name]
        target.write_bytes(bad.build())
        document = {"about": bad.about, "error": bad.error, "message": bad.message}
    lines = json.dumps(document, ensure_ascii=False, allow_nan=False)
    beside.write_text(lines + "\n", encoding="utf-8")
    return target
