"""The tree `analysis` of the 2025 release: 119 branches, GeV.

Lists are `float[]` with a length, while the real files have `ROOT::VecOps::RVec<float>`; lengths are 32-bit
integers.
"""

from __future__ import annotations

from .schema import Branch, Schema


def _float(name: str, source: str = "") -> Branch:
    return Branch(name, "float32", source or name)


def _flag(name: str, source: str = "") -> Branch:
    return Branch(name, "bool", source or name)


def _int(name: str, source: str = "") -> Branch:
    return Branch(name, "int32", source or name)


_DIRECTION = (_float("pt"), _float("eta"), _float("phi"))
_KINEMATICS = (*_DIRECTION, _float("e", "energy"))
_IDENTIFIED = (
    _flag("isTightID", "tight"),
    _flag("isLooseIso", "isolated_loosely"),
    _flag("isTightIso", "isolated"),
)
_FACTORS = {
    "PILEUP": "PILEUP",
    "ELE": "ELE",
    "MUON": "MUON",
    "PHOTON": "PHOTON",
    "TAU": "TAU",
    "BTAG": "BTAG",
    "FTAG": "BTAG",
    "JVT": "JVT",
    "LepTRIGGER": "LepTRIGGER",
    "MuTRIGGER": "LepTRIGGER",
    "ElTRIGGER": "LepTRIGGER",
    "MLTRIGGER": "LepTRIGGER",
    "TauTRIGGER": "TAU",
    "DiTauTRIGGER": "TAU",
}

SCHEMA_2025 = Schema(
    "2025",
    "analysis",
    scalars=(
        Branch("num_events", "float64", "generated"),
        Branch("sum_of_weights", "float64", "SumWeights"),
        Branch("sum_of_weights_squared", "float64", "weights_squared"),
        Branch("category", "string", "category"),
        Branch("runNumber", "uint32", "runNumber"),
        Branch("channelNumber", "uint32", "channelNumber"),
        Branch("eventNumber", "uint64", "eventNumber"),
        _float("mcWeight"),
        _float("xsec", "XSection"),
        _float("filteff", "one"),
        _float("kfac", "one"),
        _float("TriggerMatch_DILEPTON", "dilepton"),
        *(_float(f"ScaleFactor_{name}", f"SF_{source}") for name, source in _FACTORS.items()),
        _float("met"),
        _float("met_phi"),
        _float("met_mpx", "met_x"),
        _float("met_mpy", "met_y"),
        _float("truth_met", "zero"),
        _float("truth_met_phi", "zero"),
        *(_flag(f"trig{name}") for name in ("P", "E", "M", "T", "DT", "DE", "DM", "ML", "MET")),
    ),
    lists={
        "photon": (
            *_KINEMATICS,
            _float("ptcone20", "pt20"),
            _float("topoetcone40", "et40"),
            _flag("isLooseID", "loose"),
            *_IDENTIFIED,
        ),
        "lep": (
            *_KINEMATICS,
            _float("ptvarcone30", "pt30"),
            _float("topoetcone20", "et20"),
            _float("z0"),
            _float("d0"),
            _float("d0sig"),
            _int("type", "kind"),
            _int("charge"),
            _flag("isLooseID", "loose"),
            _flag("isMediumID", "medium"),
            *_IDENTIFIED,
            _flag("isTrigMatched", "triggered"),
        ),
        "jet": (
            *_KINEMATICS,
            _float("pt_jer1"),
            _float("pt_jer2"),
            _flag("jvt", "passes_jvt"),
            _int("btag_quantile", "quantile"),
        ),
        "largeRJet": (*_KINEMATICS, _float("m", "mass"), _float("D2", "d2")),
        "tau": (
            *_KINEMATICS,
            _float("charge"),
            _float("RNNJetScore", "score"),
            _float("RNNEleScore", "electron_score"),
            _int("nTracks", "tracks"),
            _flag("isTight", "tight"),
        ),
        "truth_jet": (*_DIRECTION, _float("m", "mass")),
        "truth_elec": _DIRECTION,
        "truth_muon": _DIRECTION,
        "truth_tau": _DIRECTION,
        "truth_photon": _DIRECTION,
    },
    plain=("n_sig_ph", _int("sig_ph")),
    run_numbers=(276262, 311481),
)
