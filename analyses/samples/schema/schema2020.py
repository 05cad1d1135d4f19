"""The tree `mini` of the 2020 release: 81 branches, MeV.

Names and types are those of a real file, except for types that uproot cannot write: lists are `float[]` with
a length, not `std::vector<float>`, and the length is signed. (`largeRjet_truthMatched` is float in the files,
unlike in the headers.)
"""

from __future__ import annotations

from .schema import Branch, Schema

MEV = 1000.0


def _mev(name: str, source: str) -> Branch:
    return Branch(name, "float32", source, MEV)


def _float(name: str, source: str = "") -> Branch:
    return Branch(name, "float32", source or name)


def _flag(name: str, source: str = "") -> Branch:
    return Branch(name, "bool", source or name)


_KINEMATICS = (_mev("pt", "pt"), _float("eta"), _float("phi"), _mev("E", "energy"))
_SYST = _mev("pt_syst", "pt_syst")
_MATCHED = (_flag("truthMatched", "matched"), _flag("trigMatched", "triggered"))

SCHEMA_2020 = Schema(
    "2020",
    "mini",
    scalars=(
        *(Branch(name, "int32", name) for name in ("runNumber", "eventNumber", "channelNumber")),
        _float("mcWeight"),
        *(
            _float(f"scaleFactor_{name}", f"SF_{name}")
            for name in ("PILEUP", "ELE", "MUON", "PHOTON", "TAU", "BTAG", "LepTRIGGER", "PhotonTRIGGER")
        ),
        *(_flag(name) for name in ("trigE", "trigM", "trigP")),
        _mev("met_et", "met"),
        _float("met_phi"),
        _mev("ditau_m", "ditau_m"),
        _mev("met_et_syst", "met_syst"),
        _float("XSection"),
        _float("SumWeights"),
    ),
    lists={
        "lep": (
            *_MATCHED,
            *_KINEMATICS,
            _float("z0"),
            Branch("charge", "int32", "charge"),
            Branch("type", "uint32", "kind"),
            _flag("isTightID", "tight"),
            _mev("ptcone30", "pt30"),
            _mev("etcone20", "et20"),
            _float("trackd0pvunbiased", "d0"),
            _float("tracksigd0pvunbiased", "d0sig_size"),
            _SYST,
        ),
        "jet": (
            *_KINEMATICS,
            _float("jvt"),
            Branch("trueflav", "int32", "flavour"),
            _flag("truthMatched", "matched"),
            _float("MV2c10", "mv2c10"),
            _SYST,
        ),
        "photon": (
            *_MATCHED,
            *_KINEMATICS,
            _flag("isTightID", "tight"),
            _mev("ptcone30", "pt30"),
            _mev("etcone20", "et20"),
            Branch("convType", "int32", "conv"),
            _SYST,
        ),
        "tau": (
            *_KINEMATICS,
            _flag("isTightID", "tight"),
            *_MATCHED,
            Branch("nTracks", "int32", "tracks"),
            _float("BDTid", "score"),
            _SYST,
            Branch("charge", "int32", "charge"),
        ),
        "largeRjet": (
            *_KINEMATICS,
            _mev("m", "mass"),
            _float("truthMatched", "matched"),
            _float("D2", "d2"),
            _float("tau32"),
            _SYST,
        ),
    },
    run_numbers=(297730, 303892),
)
