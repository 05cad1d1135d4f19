"""Stored results: a CSV of numbers, and in `runs/` a JSON with machine, versions and command."""

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

FOLDER = Path(__file__).parents[1] / "results"
RUNS = FOLDER / "runs"
PACKAGES = (
    "awkward", "baler-root", "numpy", "pcodec", "pysz", "torch", "uproot", "xxhash", "zfpy", "zstandard",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """Command, processor, system and versions of a measurement."""
    return {
        "command": " ".join(sys.argv),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := installed(name))},
    }


def cpu() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def installed(package: str) -> str:
    """Version of a package; empty if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def store(name: str, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    """Write `<name>.csv` and `runs/<name>.json` of one run; all rows have the keys of the first."""
    _write(name, rows, {**machine(), "summary": summary})


def update(name: str, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    """Write `<name>.csv` of rows measured in several runs, which `runs/<name>.json` lists.

    A run without arguments measures everything, and starts a new list.
    """
    run = machine()
    before = about(name).get("runs", []) if len(sys.argv) > 1 else []
    runs = [*(stored for stored in before if stored != run), run]
    _write(name, rows, {"runs": runs, "summary": summary})


def merged(name: str, new: Sequence[Mapping[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """Stored rows and new rows; new ones replace those with equal `keys`, and define the columns."""
    columns = list(new[0]) if new else []
    replaced = {tuple(row[key] for key in keys) for row in new}
    unchanged = [row for row in rows(name) if tuple(row.get(key) for key in keys) not in replaced]
    return [{column: row.get(column) for column in columns} for row in (*unchanged, *new)]


def _write(name: str, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    RUNS.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (RUNS / f"{name}.json").write_text(json.dumps(about, indent=2) + "\n")


def rows(name: str) -> list[dict[str, Any]]:
    """Stored rows, with numbers as numbers and empty fields as None; no rows if nothing is stored."""
    path = FOLDER / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{key: value_of(text) for key, text in row.items()} for row in csv.DictReader(file)]


def value_of(text: str) -> int | float | str | None:
    """Value of a field of a CSV file: int, float, text, or None if it is empty."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def about(name: str) -> dict[str, Any]:
    """Stored JSON; empty if nothing is stored."""
    path = RUNS / f"{name}.json"
    stored: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return stored


def ratio(size: int | None, reference: int | None) -> float | None:
    """`size / reference` to three digits; None if either is missing or 0."""
    return round(size / reference, 3) if size and reference else None


def show(title: str, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    """Print the rows as a table, then the summary."""
    console = Console() if sys.stdout.isatty() else Console(width=160)
    table = Table(title=title)
    for index, column in enumerate(rows[0] if rows else []):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    if rows:
        console.print(table)
    for key, value in summary.items():
        console.print(f"{key}: {value}")
