"""Masses of pairs that a training of latents looks after: what a rules file asks for, and what a table has of it."""

from __future__ import annotations

from dataclasses import dataclass

from baler_root.errors import ConfigError

EXAMPLE = 'mass = ["mu_pt", "mu_eta", "mu_phi", "tau_pt", "tau_eta", "tau_phi"]'


@dataclass(frozen=True, slots=True)
class PairMass:
    """The invariant mass of two objects, from the branches of pt, eta, phi, or pt, eta, phi, mass of each."""

    branches: tuple[str, ...]
    """Six, or eight. Without masses both objects are massless."""

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
    """One object: the numbers of its columns in their table, and of its mass, or the mass if that is always the same."""

    pt: int
    eta: int
    phi: int
    mass: int | float = 0.0

    @property
    def columns(self) -> list[int]:
        """Numbers of all its columns."""
        return [at for at in (self.pt, self.eta, self.phi, self.mass) if isinstance(at, int)]


@dataclass(frozen=True, slots=True)
class Pair:
    """A mass of a table."""

    asked: PairMass
    first: Leg
    second: Leg

    @property
    def columns(self) -> list[int]:
        """Numbers of all its columns."""
        return self.first.columns + self.second.columns
