"""The simulated processes: numbers, cross-sections and settings of Pythia."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Skim = Literal["GamGam", "4lep"]


@dataclass(frozen=True, slots=True)
class Process:
    """One simulated process."""

    name: str
    label: str
    number: int
    """`channelNumber`, the dataset number of a similar ATLAS sample."""
    cross_section: float
    """Cross-section × branching fractions × efficiency of the cuts at generation [pb]."""
    skim: Skim
    pythia: tuple[str, ...]
    fakes: Literal["", "photon", "leptons"] = ""
    """Misidentified jets: one photon, or two leptons; `cross_section` counts only events with them."""
    negative: float = 0.0
    """Share of events with negative weight."""


_HIGGS_YY = ("25:m0 = 125.", "25:onMode = off", "25:onIfMatch = 22 22")
_HIGGS_4L = (
    "25:m0 = 125.",
    "25:onMode = off",
    "25:onIfMatch = 23 23",
    "23:onMode = off",
    "23:onIfAny = 11 13",
)

PROCESSES = {
    process.name: process
    for process in (
        # γγ and γ+jet: Pythia has 29.6 pb and 23 nb; both are scaled so that the signal region holds as many
        # events as in the 2020 release, 75 973 for 10.064 fb⁻¹, with 22 % of the preselected ones from γ+jet.
        # ZZ: Pythia's 0.122 pb × 1.6 for higher orders.
        # Z+jets: scaled to 832 preselected events in total, as in the release.
        # Higgs: metadata of the 2020 release. For H→ZZ*→4ℓ they cover decays to e and μ (48.6 pb × 1.24e-4),
        # which are the ones generated here.
        Process("ggH-yy", "gg→H→γγ", 343981, 0.102, "GamGam", ("HiggsSM:gg2H = on", *_HIGGS_YY)),
        Process(
            "VBF-yy",
            "qq→Hqq→γγ",
            345041,
            0.008518764,
            "GamGam",
            ("HiggsSM:ff2Hff(t:WW) = on", "HiggsSM:ff2Hff(t:ZZ) = on", *_HIGGS_YY),
        ),
        Process(
            "yy",
            "γγ",
            364352,
            87.0,
            "GamGam",
            (
                "PromptPhoton:ffbar2gammagamma = on",
                "PromptPhoton:gg2gammagamma = on",
                "PhaseSpace:pTHatMin = 22.",
                "PhaseSpace:mHatMin = 88.",
            ),
            negative=0.05,
        ),
        Process(
            "yj",
            "γ+jet, with the jet misidentified as a photon",
            364541,
            32.0,
            "GamGam",
            (
                "PromptPhoton:qg2qgamma = on",
                "PromptPhoton:qqbar2ggamma = on",
                "PhaseSpace:pTHatMin = 27.",
                "PhaseSpace:mHatMin = 88.",
            ),
            fakes="photon",
            negative=0.05,
        ),
        Process("ggH-4l", "gg→H→ZZ*→4ℓ", 345060, 0.0060239, "4lep", ("HiggsSM:gg2H = on", *_HIGGS_4L)),
        Process(
            "ZZ-4l",
            "qq→ZZ→4ℓ",
            363490,
            0.19,
            "4lep",
            ("WeakDoubleBoson:ffbar2gmZgmZ = on", "23:onMode = off", "23:onIfAny = 11 13", "23:mMin = 5."),
            negative=0.05,
        ),
        Process(
            "Zjets",
            "Z+jets, two leptons from jets",
            361106,
            0.27,
            "4lep",
            (
                "WeakSingleBoson:ffbar2gmZ = on",
                "23:onMode = off",
                "23:onIfAny = 11 13",
                "PhaseSpace:mHatMin = 40.",
            ),
            fakes="leptons",
            negative=0.1,
        ),
    )
}
