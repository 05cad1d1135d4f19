"""What a generator knows of its events, before the detector: the same from Pythia and from the quick generator."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak

from ..jagged import Floats


@dataclass(frozen=True, slots=True)
class Truth:
    """A batch of events; energies and momenta in GeV. Lists of objects have pt, eta, phi and more, in any order."""

    photons: ak.Array
    """Also `et20`, `et40`, `pt20`, `pt30`: transverse momentum around it within ΔR < 0.2, 0.4 (all particles), 0.2 and
    0.3 (charged with pt > 1)."""
    leptons: ak.Array
    """Electrons and muons, with these cones, `kind` (11 or 13) and `charge`."""
    jets: ak.Array
    """Of radius 0.4, with `mass` and `flavour` (0, 4, 5), without the photons and leptons above."""
    fat_jets: ak.Array
    """Of radius 1.0 with pt > 200, with `mass`."""
    boost: Floats
    """Transverse momentum of all photons and leptons together."""

    def __len__(self) -> int:
        return len(self.boost)
