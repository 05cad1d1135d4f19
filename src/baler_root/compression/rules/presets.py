"""Presets: error bounds for well-known kinds of files, with the public sources they are taken from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """A default for floating-point branches and rules (glob, bound), of which the last that applies wins.

    Integers, booleans, strings, identifiers and weights stay exact, as without a preset.
    """

    summary: str
    default: str
    rules: tuple[tuple[str, str], ...]
    why: str
    sources: tuple[str, ...]


PRESETS = {
    "lossless": Preset(
        summary="Every branch bit for bit.",
        default="lossless",
        rules=(),
        why="For archives, and where nobody has yet studied what may be lost.",
        sources=(),
    ),
    "nanoaod": Preset(
        summary="CMS NanoAOD: the precision to which CMS itself rounds, for all floating-point branches.",
        default="bits=10",
        rules=(
            ("*_eta", "bits=12"),
            ("*_phi", "bits=12"),
            ("*_sumEt", "bits=12"),
            ("*_btag*", "bits=12"),
            ("*_bRegCorr", "bits=12"),
            ("GenVtx_t0", "bits=12"),
            ("*_pt", "bits=14"),
            ("*_dz", "bits=14"),
            ("*[mM][vV][aA]*", "bits=14"),
            ("Muon_segmentComp", "bits=14"),
            ("Muon_pnScore_*", "bits=14"),
            ("Generator_*", "bits=14"),
            ("LHEPart_*", "bits=14"),
            ("*_z", "bits=16"),
            ("Muon_eta", "bits=16"),
            ("Muon_phi", "bits=16"),
            ("Muon_VXBS_Cov*", "bits=16"),
        ),
        why=(
            "CMS rounds mass and most variables to 10 mantissa bits, eta and phi to 12, some to 14 or 16, and writes "
            "pt, isolations and a few more in full. What CMS has rounded comes back bit for bit (checked on files of "
            "NanoAOD v5, v9 and v15). What it writes in full is rounded here too: to 14 bits for pt (relative error "
            "3.1e-5), else mostly to 10 (4.9e-4). That second part is our choice."
        ),
        sources=(
            "cms-sw/cmssw PhysicsTools/NanoAOD/python/common_cff.py: pt precision=-1, phi 12, eta 12, mass 10",
            "cms-sw/cmssw PhysicsTools/NanoAOD/python/muons_cff.py: dxy, dz, ip3d 10, mvaTTH and segmentComp 14",
            "cms-sw/cmssw pull request 48033: the NanoAOD of the B-physics group keeps 10 bits by default",
        ),
    ),
    "physlite": Preset(
        summary="ATLAS PHYSLITE: 15 mantissa bits; pt, eta, phi and m exact.",
        default="bits=15",
        rules=tuple((f"*[.:]{name}", "lossless") for name in ("pt", "eta", "phi", "m")),
        why=(
            "The milder of the two lists with which ATLAS tests lossy storage of derivations: 15 mantissa bits "
            "(relative error 1.5e-5) for all float branches of the physics containers except pt, eta, phi and m. "
            "Here it holds for every container. The stronger ATLAS list keeps 7 bits: add --bound bits=7 for that."
        ),
        sources=(
            "ATLAS Athena, derivation framework: options to test low (15) and high (7 bits) lossy floats in DAOD_PHYS",
            "ATLAS Athena, Control/CxxUtils FloatCompressor: rounds to a number of mantissa bits",
        ),
    ),
    "atlas-opendata": Preset(
        summary="ATLAS Open Data ntuples (2020 `mini`, 2025 `analysis`): four-momenta rel=1e-4, the rest rel=1e-3.",
        default="rel=1e-3",
        rules=tuple((f"*_{name}", "rel=1e-4") for name in ("pt", "eta", "phi", "E", "e", "m")),
        why=(
            "Masses are built from the stored energies as well as from pt, eta and phi, and the rounding errors of "
            "the four do not cancel: with independent errors of 1e-3 the expected significance of a simulated "
            "H→4ℓ analysis fell from 2.32 by 0.12 ± 0.02, with 1e-4 by 0.003 ± 0.002 (measured for this preset on "
            "32 149 simulated events). mcWeight, scaleFactor_*, XSection and SumWeights are exact in any case."
        ),
        sources=(
            "atlas-outreach-cpp-framework-13tev, HyyAnalysis and HZZAnalysis: which branches the masses are built from",
            "ATLAS Open Data, 13 TeV documentation: names and units of the branches",
        ),
    ),
}
"""Presets by name."""
