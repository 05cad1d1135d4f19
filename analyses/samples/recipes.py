"""What a sample is made of: pseudo-data of a luminosity, and simulated events with weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from baler_root.errors import ConfigError, nearest

from .generator.processes import PROCESSES

LUMINOSITY = 10.064
"""Of the 2020 release [fb⁻¹]."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Pseudo-data come first, simulation fills the rest."""

    name: str
    help: str
    simulation: dict[str, float]
    """Shares of the simulated entries by process."""
    counted: tuple[str, ...] = ()
    """Processes of which the pseudo-data have what the luminosity gives: a Poisson number."""
    filling: dict[str, float] = field(default_factory=dict)
    """Shares of the pseudo-data that are neither; where there are none, the rest of the sample is simulation."""
    filled_share: float = 0.0
    """Of all entries: pseudo-data, where `filling` has something."""
    entries_per_fb: float = 0.0
    """Entries of `filling` that stand for 1 fb⁻¹."""

    def luminosity(self, entries: int, wanted: float | None) -> float:
        """The luminosity [fb⁻¹] of the pseudo-data: as wanted, or what the number of entries stands for."""
        if not self.counted:
            if wanted is not None:
                raise ConfigError(
                    f"{self.name} is simulation, which is scaled to any luminosity by its weights; leave --luminosity out"
                )
            return 0.0
        if wanted is None:
            return self.filled_share * entries / self.entries_per_fb if self.filling else LUMINOSITY
        if not 0.0 < wanted < float("inf"):
            raise ConfigError(f"luminosity {wanted:g} fb⁻¹: must be positive")
        return wanted


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "gamgam",
            "pseudo-data (γγ, γ+jet, H→γγ) and, for the shape, simulated H→γγ (10 %)",
            simulation={"ggH-yy": 0.9, "VBF-yy": 0.1},
            counted=("ggH-yy", "VBF-yy"),
            filling={"yy": 0.78, "yj": 0.22},
            filled_share=0.9,
            entries_per_fb=23_800.0,
        ),
        Recipe(
            "4lep",
            "simulated H→4ℓ (45 %), ZZ (45 %), Z+jets (10 %), and pseudo-data of all three",
            simulation={"ggH-4l": 0.45, "ZZ-4l": 0.45, "Zjets": 0.1},
            counted=("ggH-4l", "ZZ-4l", "Zjets"),
        ),
        *(
            Recipe(process.name, f"simulated {process.label}", simulation={process.name: 1.0})
            for process in PROCESSES.values()
        ),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe or process of that name; raises ConfigError."""
    if name not in RECIPES:
        close = nearest(name, RECIPES)
        hint = f"nearest: {', '.join(close)}" if close else f"there are {', '.join(RECIPES)}"
        raise ConfigError(f"no sample is called {name!r}; {hint}")
    return RECIPES[name]
