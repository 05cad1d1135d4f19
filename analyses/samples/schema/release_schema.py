"""The two releases of ATLAS Open Data at 13 TeV with common names and units (GeV).

2020: 10 fb⁻¹, tree `mini`, MeV (ATL-OREACH-PUB-2020-001). 2025: 36 fb⁻¹, tree `analysis`, GeV. Both are for
education; the 2020 release states that it is not suited for scientific publications.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np

from baler_root.errors import SourceError
from baler_root.evaluation.analysis.selection import Floats

ENERGIES = ("pt", "energy", "pt_syst", "track_cone", "calorimeter_cone")
"""Members of photons and leptons that are energies, in the unit of the file."""


@dataclass(frozen=True, slots=True)
class Release:
    """Names, units and luminosity of one release."""

    name: str
    tree: str
    unit: float
    """Factor from the unit of the file to GeV."""
    luminosity: float
    """Integrated luminosity [pb⁻¹]."""
    cross_section: tuple[str, ...]
    """Branches whose product is the cross-section [pb]."""
    sum_of_weights: str
    triggers: Mapping[str, str]
    scale_factors: Mapping[str, str]
    photon: Mapping[str, str]
    lepton: Mapping[str, str]

    def _collection(self, events: ak.Array, members: Mapping[str, str]) -> ak.Array:
        def member(name: str, branch: str) -> ak.Array:
            if name in ENERGIES:
                return ak.values_astype(events[branch], np.float64) * self.unit
            return ak.values_astype(events[branch], np.float64) if name in ("eta", "phi") else events[branch]

        return ak.zip(
            {name: member(name, branch) for name, branch in members.items() if branch in events.fields}
        )

    def photons(self, events: ak.Array) -> ak.Array:
        """Photons of the events, with the members `photon`; energies in GeV."""
        return self._collection(events, self.photon)

    def leptons(self, events: ak.Array) -> ak.Array:
        """Electrons and muons of the events, with the members `lepton`; energies in GeV."""
        return self._collection(events, self.lepton)

    def weights(self, events: ak.Array, factors: Iterable[str]) -> tuple[Floats, np.ndarray]:
        """(Weight of each event, number of its process).

        Data have weight 1 and number 0. Simulation has luminosity × cross-section × generator weight × scale
        factors / sum of weights, with its sign, and `channelNumber`.
        """
        number = ak.to_numpy(events.channelNumber).astype(np.int64)
        generator = ak.to_numpy(events.mcWeight).astype(np.float64)
        sums = ak.to_numpy(events[self.sum_of_weights]).astype(np.float64)
        data = (generator == 0) | (number == ak.to_numpy(events.runNumber).astype(np.int64))
        weights = self.luminosity * generator / np.where(sums == 0, 1.0, sums)
        for branch in (*self.cross_section, *(self.scale_factors[name] for name in factors)):
            weights = weights * ak.to_numpy(events[branch]).astype(np.float64)
        return np.where(data, 1.0, weights), np.where(data, 0, number)

    def event_branches(self, factors: Iterable[str], triggers: Iterable[str]) -> list[str]:
        """Branches that `weights` and these triggers read."""
        return [
            "runNumber", "channelNumber", "mcWeight", self.sum_of_weights, *self.cross_section,
            *(self.scale_factors[name] for name in factors), *(self.triggers[name] for name in triggers),
        ]  # fmt: skip


_TRIGGERS = {"photon": "trigP", "electron": "trigE", "muon": "trigM"}
_COMMON_PHOTON = {
    "pt": "photon_pt", "eta": "photon_eta", "phi": "photon_phi", "is_tight": "photon_isTightID",
}  # fmt: skip
_COMMON_LEPTON = {
    "pt": "lep_pt", "eta": "lep_eta", "phi": "lep_phi", "charge": "lep_charge", "flavour": "lep_type", "z0": "lep_z0",
}  # fmt: skip

RELEASES = (
    Release(
        "2020", "mini", 1e-3, 10_064.0, ("XSection",), "SumWeights", _TRIGGERS,
        {
            "pileup": "scaleFactor_PILEUP", "photon": "scaleFactor_PHOTON", "electron": "scaleFactor_ELE",
            "muon": "scaleFactor_MUON", "photon_trigger": "scaleFactor_PhotonTRIGGER",
            "lepton_trigger": "scaleFactor_LepTRIGGER",
        },
        {
            **_COMMON_PHOTON, "energy": "photon_E", "track_cone": "photon_ptcone30",
            "calorimeter_cone": "photon_etcone20",
        },
        {
            **_COMMON_LEPTON, "energy": "lep_E", "track_cone": "lep_ptcone30", "calorimeter_cone": "lep_etcone20",
            # |d0|/σ(d0) already; published code divides |d0| by it, which cuts nothing in real data
            "d0_significance": "lep_tracksigd0pvunbiased", "pt_syst": "lep_pt_syst",
        },
    ),
    Release(
        # notebooks have both 36.1 and 36.6 fb⁻¹; the second is for all data of 2015 and 2016
        "2025", "analysis", 1.0, 36_600.0, ("xsec", "filteff", "kfac"), "sum_of_weights", _TRIGGERS,
        {
            "pileup": "ScaleFactor_PILEUP", "photon": "ScaleFactor_PHOTON", "electron": "ScaleFactor_ELE",
            "muon": "ScaleFactor_MUON", "lepton_trigger": "ScaleFactor_LepTRIGGER",
        },
        {
            **_COMMON_PHOTON, "energy": "photon_e", "track_cone": "photon_ptcone20",
            "calorimeter_cone": "photon_topoetcone40",
        },
        {
            **_COMMON_LEPTON, "energy": "lep_e", "is_loose": "lep_isLooseID", "is_medium": "lep_isMediumID",
            "is_isolated": "lep_isLooseIso", "is_trigger_matched": "lep_isTrigMatched",
        },
    ),
)  # fmt: skip


def release_of(names: Sequence[str]) -> Release:
    """The release with these branches, identified by its sum of weights. Raises SourceError."""
    matches = [release for release in RELEASES if release.sum_of_weights in names]
    if len(matches) != 1:
        schemas = "; ".join(
            f"{r.name}: tree {r.tree}, {r.sum_of_weights}, {r.photon['energy']}, {r.lepton['energy']}, ..."
            for r in RELEASES
        )
        raise SourceError(
            f"not the schema of an ATLAS Open Data release ({schemas}); it has {', '.join(names[:8])}"
        )
    return matches[0]


def require(
    release: Release, names: Sequence[str], required: Iterable[str], optional: Iterable[str] = ()
) -> list[str]:
    """The required branches, and those of the optional ones that are in `names`.

    Raises SourceError, with their names, if required branches are missing.
    """
    required = list(required)
    missing = [branch for branch in required if branch not in names]
    if missing:
        raise SourceError(
            f"missing branches: {', '.join(missing)}; from the {release.name} release (tree {release.tree!r}, energies "
            f"in {'GeV' if release.unit == 1 else 'MeV'}) the analysis reads {', '.join(required)}"
        )
    return required + [branch for branch in optional if branch in names]
