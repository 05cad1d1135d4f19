"""Schemas of samples: branches and types are those of the ATLAS Open Data releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import uproot
from baler_root.analyses.samples.making import SampleOptions, make

GENERATORS = ("quick", "pythia")
UPROOT_NAMES = {"i": "int32_t", "I": "uint32_t", "f": "float", "d": "double", "?": "bool", "Q": "uint64_t"}

# Prefix of a list, type and members; without a prefix, numbers of the event.
MINI = """
i runNumber eventNumber channelNumber
f mcWeight scaleFactor_PILEUP scaleFactor_ELE scaleFactor_MUON scaleFactor_PHOTON scaleFactor_TAU scaleFactor_BTAG
f scaleFactor_LepTRIGGER scaleFactor_PhotonTRIGGER met_et met_phi met_et_syst ditau_m XSection SumWeights
? trigE trigM trigP
lep ? truthMatched trigMatched isTightID
lep f pt eta phi E z0 ptcone30 etcone20 trackd0pvunbiased tracksigd0pvunbiased pt_syst
lep i charge
lep I type
jet f pt eta phi E jvt MV2c10 pt_syst
jet i trueflav
jet ? truthMatched
photon ? truthMatched trigMatched isTightID
photon f pt eta phi E ptcone30 etcone20 pt_syst
photon i convType
largeRjet f pt eta phi E m truthMatched D2 tau32 pt_syst
tau f pt eta phi E BDTid pt_syst
tau ? isTightID truthMatched trigMatched
tau i nTracks charge
"""
ANALYSIS = """
d num_events sum_of_weights sum_of_weights_squared
I runNumber channelNumber
Q eventNumber
f mcWeight xsec filteff kfac TriggerMatch_DILEPTON met met_phi met_mpx met_mpy truth_met truth_met_phi
f ScaleFactor_PILEUP ScaleFactor_ELE ScaleFactor_MUON ScaleFactor_PHOTON ScaleFactor_TAU ScaleFactor_BTAG
f ScaleFactor_FTAG ScaleFactor_JVT ScaleFactor_LepTRIGGER ScaleFactor_MuTRIGGER ScaleFactor_ElTRIGGER
f ScaleFactor_MLTRIGGER ScaleFactor_TauTRIGGER ScaleFactor_DiTauTRIGGER
? trigP trigE trigM trigT trigDT trigDE trigDM trigML trigMET
photon f pt eta phi e ptcone20 topoetcone40
photon ? isLooseID isTightID isLooseIso isTightIso
lep f pt eta phi e ptvarcone30 topoetcone20 z0 d0 d0sig
lep i type charge
lep ? isLooseID isMediumID isTightID isLooseIso isTightIso isTrigMatched
jet f pt eta phi e pt_jer1 pt_jer2
jet ? jvt
jet i btag_quantile
largeRJet f pt eta phi e m D2
tau f pt eta phi e charge RNNJetScore RNNEleScore
tau i nTracks
tau ? isTight
truth_jet f pt eta phi m
truth_elec f pt eta phi
truth_muon f pt eta phi
truth_tau f pt eta phi
truth_photon f pt eta phi
"""


def expected(text: str) -> dict[str, str]:
    """Branch and type, as uproot names it, with one length for each prefix."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        words = line.split()
        if words and words[0] in UPROOT_NAMES:
            found.update(dict.fromkeys(words[1:], UPROOT_NAMES[words[0]]))
        elif words:
            prefix, kind, *members = words
            found[f"{prefix}_n"] = "int32_t"
            found.update({f"{prefix}_{member}": f"{UPROOT_NAMES[kind]}[]" for member in members})
    return found


EXPECTED = {
    "2020": ("mini", expected(MINI), 81),
    "2025": (
        "analysis",
        expected(ANALYSIS) | {"category": "char*", "n_sig_ph": "int32_t", "sig_ph": "int32_t[]"},
        119,
    ),
}


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("schema", sorted(EXPECTED))
@pytest.mark.parametrize("what", ["ggH-yy", "ggH-4l"])
def test_branches_and_types_are_those_of_the_release(
    tmp_path: Path, schema: str, generator: str, what: str
) -> None:
    if generator == "pythia":
        pytest.importorskip("pythia8mc", reason="no Pythia (extra samples)")
    tree, branches, number = EXPECTED[schema]
    make(tmp_path / "s.root", what, 40, SampleOptions(schema=schema, generator=generator))
    with uproot.open(tmp_path / "s.root") as file:
        assert file.keys(cycle=False) == [tree]
        assert {branch.name: branch.typename for branch in file[tree].branches} == branches
        assert len(branches) == number
        assert file[tree].num_entries == 40


def test_schema_is_that_of_a_real_file(data_file: Any) -> None:
    with uproot.open(data_file("real", "atlas_4lep_data_A.root")) as file:
        real = {branch.name: branch.typename for branch in file["mini"].branches}
    lists = {name: kind.replace("std::vector<", "").replace(">", "[]") for name, kind in real.items()}
    assert {name: "int32_t" if name.endswith("_n") else kind for name, kind in lists.items()} == EXPECTED[
        "2020"
    ][1]
