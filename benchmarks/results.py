"""Results as data: a CSV of numbers, and beside it a JSON with machine, versions and command."""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent / "results"
PACKAGES = ("awkward", "baler-root", "numpy", "pcodec", "uproot", "xxhash", "zstandard")


def machine() -> dict[str, Any]:
    """What the numbers were taken with."""
    return {
        "command": f"python -m {(sys.modules['__main__'].__spec__ or sys).name} {' '.join(sys.argv[1:])}".strip(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }


def cpu() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def store(name: str, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    """Write `results/<name>.csv` and `.json`; all rows have the keys of the first."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    text = json.dumps({**machine(), "summary": summary}, indent=2)
    (FOLDER / f"{name}.json").write_text(text + "\n")


def load(name: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """The rows and the JSON of stored results."""
    with (FOLDER / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    about: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return rows, about


def show(title: str, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    """Print the rows as a table, then the summary."""
    console = Console() if sys.stdout.isatty() else Console(width=160)
    table = Table(title=title)
    for index, column in enumerate(rows[0]):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)
    for key, value in summary.items():
        console.print(f"{key}: {value}")
