"""Masses of pairs in the training of latents: as a rules file names them, and as columns of a table."""

from __future__ import annotations

from dataclasses import dataclass

from baler_root.errors import ConfigError

EXAMPLE = 'mass = ["mu_pt", "mu_eta", "mu_phi", "tau_pt", "tau_eta", "tau_phi"]'


@dataclass(frozen=True, slots=True)
class PairMass:
    """Invariant mass of two objects, named by the branches of pt, eta, phi (and mass) of each."""

    branches: tuple[str, ...]
    """Six names, or eight with masses; without masses both objects are massless."""

    def __post_init__(self) -> None:
        if len(self.branches) not in (6, 8):
            raise ConfigError(
                f"a mass of {len(self.branches)} branches; name pt, eta, phi of both objects, or pt, eta, phi, mass, "
                f"such as {EXAMPLE}"
            )

    def __str__(self) -> str:
        return f"mass of {', '.join(self.branches)}"


@dataclass(frozen=True, slots=True)
class Leg:
    """One object of a pair, as numbers of columns in their table."""

    pt: int
    eta: int
    phi: int
    mass: int | float = 0.0
    """Number of the column (int), or the mass itself if it is constant (float)."""

    @property
    def columns(self) -> list[int]:
        """Numbers of all its columns."""
        return [number for number in (self.pt, self.eta, self.phi, self.mass) if isinstance(number, int)]


@dataclass(frozen=True, slots=True)
class Pair:
    """Invariant mass of two objects of one table."""

    mass: PairMass
    """The mass as the rules file names it."""
    first: Leg
    second: Leg

    @property
    def columns(self) -> list[int]:
        """Numbers of all its columns."""
        return self.first.columns + self.second.columns
