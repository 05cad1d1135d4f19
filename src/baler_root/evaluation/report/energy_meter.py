"""What computing takes: wall time, processor time, and the energy of the processor, measured where the machine tells."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the energy counters of the processor (RAPL)."""


WATTS = 10.0
"""Of one busy core, where nothing is measured: between a laptop's and a server's."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What something took."""

    wall: float
    """[s]"""
    cpu: float
    """[s] of all threads of this process."""
    joules: float
    """Of the processor packages; that of other programs at the same time is in it where it is measured."""
    source: str
    """How the energy is known."""


@dataclass(slots=True)
class Meter:
    """Measures what happens between `with` and its end, any number of times, and adds up."""

    folder: Path = POWERCAP
    wall: float = 0.0
    cpu: float = 0.0
    measured: float | None = None
    """[J]; None where the machine does not tell."""
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

    def effort(self) -> Effort:
        """All of it."""
        if self.measured is not None:
            return Effort(self.wall, self.cpu, self.measured, "measured (RAPL, all programs of the machine)")
        return Effort(
            self.wall, self.cpu, self.cpu * WATTS,
            f"estimated: {WATTS:g} W for each second of processor time; this machine does not tell",
        )  # fmt: skip


def counters(folder: Path) -> dict[Path, int]:
    """Microjoules that each processor package has counted; empty where they cannot be read."""
    found = {}
    for path in sorted(folder.glob("*/energy_uj")):
        if path.parent.name.count(":") != 1:
            continue  # a part of a package, counted there
        try:
            found[path] = int(path.read_text())
        except (OSError, ValueError):
            continue
    return found


def _difference(path: Path, before: int, after: int) -> int:
    """Counters begin again at 0 once they are full."""
    if after >= before:
        return after - before
    try:
        return after - before + int((path.parent / "max_energy_range_uj").read_text())
    except (OSError, ValueError):
        return 0
