"""Composition of samples: pseudo-data of a luminosity, and simulated events with weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from baler_root.errors import ConfigError, nearest

from .generator.processes import PROCESSES

LUMINOSITY = 10.064
"""Integrated luminosity of the 2020 release [fb⁻¹]."""


@dataclass(frozen=True, slots=True)
class Composition:
    """Processes of a sample: pseudo-data first, then simulation up to the number of entries."""

    name: str
    help: str
    simulation: dict[str, float]
    """Shares of the simulated entries by process."""
    counted: tuple[str, ...] = ()
    """Processes with a Poisson-distributed number of pseudo-data events, as the luminosity gives."""
    filling: dict[str, float] = field(default_factory=dict)
    """Shares of the other pseudo-data by process; if empty, the rest of the sample is simulation."""
    filled_share: float = 0.0
    """Share of all entries that are pseudo-data, if `filling` isn't empty."""
    entries_per_fb: float = 0.0
    """Entries of `filling` for each fb⁻¹."""

    def luminosity(self, entries: int, requested: float | None) -> float:
        """Luminosity of the pseudo-data [fb⁻¹]: the requested one, or the one that `entries` represents; 0
        without.

        Raises ConfigError if it is not positive, or if a sample without pseudo-data has one.
        """
        if not self.counted:
            if requested is not None:
                raise ConfigError(
                    f"{self.name} is simulation, which is scaled to any luminosity by its weights; leave out --luminosity"
                )
            return 0.0
        if requested is None:
            return self.filled_share * entries / self.entries_per_fb if self.filling else LUMINOSITY
        if not 0.0 < requested < float("inf"):
            raise ConfigError(f"luminosity {requested:g} fb⁻¹: must be positive")
        return requested


COMPOSITIONS = {
    composition.name: composition
    for composition in (
        Composition(
            "gamgam",
            "pseudo-data (γγ, γ+jet, H→γγ), and simulated H→γγ (10 %) for the shape",
            simulation={"ggH-yy": 0.9, "VBF-yy": 0.1},
            counted=("ggH-yy", "VBF-yy"),
            filling={"yy": 0.78, "yj": 0.22},
            filled_share=0.9,
            entries_per_fb=23_800.0,
        ),
        Composition(
            "4lep",
            "simulated H→4ℓ (45 %), ZZ (45 %), Z+jets (10 %), and pseudo-data of all three",
            simulation={"ggH-4l": 0.45, "ZZ-4l": 0.45, "Zjets": 0.1},
            counted=("ggH-4l", "ZZ-4l", "Zjets"),
        ),
        *(
            Composition(process.name, f"simulated {process.label}", simulation={process.name: 1.0})
            for process in PROCESSES.values()
        ),
    )
}


def composition_of(name: str) -> Composition:
    """The composition of a sample, or of a single process, by name. Raises ConfigError."""
    if name not in COMPOSITIONS:
        close = nearest(name, COMPOSITIONS)
        hint = f"nearest: {', '.join(close)}" if close else f"there are {', '.join(COMPOSITIONS)}"
        raise ConfigError(f"no sample is called {name!r}; {hint}")
    return COMPOSITIONS[name]
