"""Generated events before the detector, in one form for Pythia and for the quick generator."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak

from ..jagged import Floats


@dataclass(frozen=True, slots=True)
class Truth:
    """A batch of generated events [GeV]. Objects have pt, eta, phi and further fields, in any order."""

    photons: ak.Array
    """Photons, with the transverse momentum around each: `et20`, `et40` (all particles within ΔR < 0.2, 0.4),
    `pt20`, `pt30` (charged particles with pt > 1 GeV within ΔR < 0.2, 0.3)."""
    leptons: ak.Array
    """Electrons and muons, with the same cones, `kind` (11 or 13) and `charge`."""
    jets: ak.Array
    """Jets of radius 0.4 without the photons and leptons above, with `mass` and `flavour` (0, 4, 5)."""
    fat_jets: ak.Array
    """Jets of radius 1.0 with pt > 200 GeV, with `mass`."""
    boost: Floats
    """Transverse momentum of the sum of all photons and leptons, (events,)."""

    def __len__(self) -> int:
        return len(self.boost)
