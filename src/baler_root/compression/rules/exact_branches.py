"""Branches that are exact by default although they are floating-point: identifiers and weights, by name.

The names are those of CMS NanoAOD, ATLAS PHYSLITE and ATLAS Open Data, Delphes and common private ntuples. A
rounded identifier is a wrong one; a rounded weight or cross-section biases every yield computed with it.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

IDENTIFIERS = (
    # run, luminosity block and event, with the one-letter prefix of some ntuples (f_run)
    "run", "?_run", "*runnumber*", "*run_number*", "runno",
    "lumi", "?_lumi", "ls", "*lumiblock*", "*lumi_block*", "*lumisec*", "*luminosityblock*",
    "event", "?_event", "evt", "*eventnumber*", "*event_number*", "*evtnumber*", "eventno",
    # beam crossing, and the sample
    "bx", "bcid", "*bunchcrossing*", "*orbitnumber*", "*channelnumber*", "dsid",
)  # fmt: skip
"""Globs of identifiers, matched without regard to case against the last part of the branch's path."""


WEIGHTS = (
    "*weight*", "*wgt*", "*sumw", "*sumw2", "*sumofw*",
    "*scalefactor*", "sf", "sf_*", "*_sf", "*_sf_*", "*effsf*",
    # factors and divisors of weights in a yield
    "xsec*", "*xsection*", "*crosssection*", "kfac*", "filteff*", "*filtereff*", "*prescale*",
    "num_events",
)  # fmt: skip
"""Globs of weights and of the normalisations they are used with (`mcWeight`, `XSection`, `SumWeights`,
...)."""


NOT_WEIGHTS = (
    "*weighted*",  # averages
    "*maxweightttva*",  # PHYSLITE: isolation sums over the tracks of one vertex association
)
"""Globs of names that only sound like weights."""


def exact_by_name(name: str) -> str:
    """The reason why a branch of this path or name is exact: `"identifier"`, `"weight"`, or `""` if it is
    not.

    >>> exact_by_name("EventInfoAuxDyn.mcEventWeights")
    'weight'
    """
    last = re.split(r"[/.:]", name.rstrip("/.:"))[-1].lower()
    if _any(last, IDENTIFIERS):
        return "identifier"
    return "weight" if _any(last, WEIGHTS) and not _any(last, NOT_WEIGHTS) else ""


def _any(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
