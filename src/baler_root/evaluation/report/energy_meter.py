"""Wall time, processor time and energy of computing; the energy is measured if there are counters for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

POWERCAP = Path("/sys/class/powercap")
"""Folder of Linux with the energy counters of the processor (RAPL)."""

WATTS = 10.0
"""Power of one busy core, for estimates: between that of a laptop and that of a server."""


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """Time and energy of a task."""

    wall: float
    """Wall time [s]."""
    cpu: float
    """Processor time of all threads of this process [s]."""
    joules: float
    """Energy of the processor packages [J]; if measured, that of other programs is included."""
    source: str
    """Whether the energy was measured or estimated, and how."""


@dataclass(slots=True)
class Meter:
    """Context manager that measures time and energy of its blocks, and adds them up."""

    folder: Path = POWERCAP
    wall: float = 0.0
    cpu: float = 0.0
    measured: float | None = None
    """Energy [J]; None if the machine has no counters."""
    _started: tuple[float, float, dict[Path, int]] = (0.0, 0.0, {})

    def __enter__(self) -> Self:
        self._started = time.perf_counter(), time.process_time(), counters(self.folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall, cpu, before = self._started
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        after = counters(self.folder)
        if after and before.keys() == after.keys():
            used = sum(_difference(path, before[path], after[path]) for path in after)
            self.measured = (self.measured or 0.0) + used * 1e-6

    def total(self) -> ResourceUse:
        """Time and energy of all blocks so far."""
        if self.measured is not None:
            return ResourceUse(
                self.wall, self.cpu, self.measured, "measured (RAPL, all programs of the machine)"
            )
        return ResourceUse(
            self.wall, self.cpu, self.cpu * WATTS,
            f"estimated: {WATTS:g} W for each second of processor time, since this machine has no readable counters",
        )  # fmt: skip


def counters(folder: Path) -> dict[Path, int]:
    """Energy counter of each processor package [µJ]; empty if they cannot be read."""
    values = {}
    for path in sorted(folder.glob("*/energy_uj")):
        if path.parent.name.count(":") != 1:
            continue  # a part of a package, whose counter includes it
        try:
            values[path] = int(path.read_text())
        except (OSError, ValueError):
            continue
    return values


def _difference(path: Path, before: int, after: int) -> int:
    """Counts between two readings; a full counter starts again at 0."""
    if after >= before:
        return after - before
    try:
        return after - before + int((path.parent / "max_energy_range_uj").read_text())
    except (OSError, ValueError):
        return 0
