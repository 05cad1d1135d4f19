"""Events from Pythia 8: hard process, radiation and hadrons, without multiparton interactions.

Multiparton interactions would take ten times as long. The detector adds their effect on isolation at random
instead.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from baler_root.errors import BalerError, MissingExtraError

from ..jagged import Floats, flat, keep, lengths, near, records, with_fields
from .processes import Process
from .truth import Truth

INSTALL = 'pip install "baler-root[samples]"'
COMMON = ("Print:quiet = on", "Beams:eCM = 13000.", "Random:setSeed = on", "PartonLevel:MPI = off")
LARGEST_SEED = 900_000_000
NEUTRINOS = (12, 14, 16)
NEUTRAL = (22, 111, 130, 310, 311, 2112, 3122, 3212, 3322)


@dataclass(slots=True)
class PythiaGenerator:
    """Generator of events of one process with Pythia; the same seed gives the same events."""

    process: Process
    seed: int
    _pythia: Any = None

    def generate(self, n: int) -> Truth:
        """The next `n` events. The first call raises MissingExtraError if Pythia or FastJet is missing."""
        if self._pythia is None:
            self._pythia = started(self.process, self.seed)
        events = self._pythia.nextBatch(n)
        if len(events) != n:
            raise BalerError(f"Pythia gave {len(events)} of {n} events of {self.process.name}")
        return truth_of(events.prt)


def require() -> None:
    """Raises MissingExtraError if Pythia or FastJet is missing."""
    try:
        import fastjet
        import pythia8mc
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name} is not installed; {INSTALL}, or make the sample with --generator quick"
        ) from None
    del fastjet, pythia8mc


def started(process: Process, seed: int) -> Any:
    """An initialised Pythia for the process."""
    require()
    import pythia8mc

    _without_banner()
    pythia = pythia8mc.Pythia("", False)
    for setting in (*COMMON, f"Random:seed = {seed % LARGEST_SEED + 1}", *process.pythia):
        if not pythia.readString(setting):
            raise BalerError(f"Pythia refuses the setting {setting!r} of {process.name}")
    if not pythia.init():
        raise BalerError(f"Pythia cannot start {process.name}")
    return pythia


def _without_banner() -> None:
    """Makes FastJet print its banner into nothing, so that it is not in the standard output of a command."""
    import fastjet

    sys.stdout.flush()
    stdout = os.dup(1)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - not a path
        os.dup2(nowhere.fileno(), 1)
        try:
            fastjet.ClusterSequence(
                [fastjet.PseudoJet(1.0, 0.0, 0.0, 1.0)], fastjet.JetDefinition(fastjet.antikt_algorithm, 0.4)
            )
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)


def truth_of(particles: ak.Array) -> Truth:
    """The input of the detector from Pythia's particles."""
    heavy = _heavy_hadrons(particles)
    particles = particles[particles.status > 0]
    three = particles.p
    pt = np.hypot(flat(three.px), flat(three.py))
    kind = np.abs(flat(particles.id))
    everything = records(
        lengths(particles), pt=pt, eta=np.arcsinh(flat(three.pz) / np.maximum(pt, 1e-9)),
        phi=np.arctan2(flat(three.py), flat(three.px)), energy=flat(three.e), kind=kind, charge=-np.sign(flat(particles.id)),
    )  # fmt: skip
    eta = np.abs(flat(everything.eta))
    prompt = flat(particles.status) < 80  # neither from hadrons nor from their decays
    is_photon = prompt & (kind == 22) & (pt > 18.0)
    is_lepton = prompt & np.isin(kind, (11, 13))
    rest = keep(everything, ~is_photon & ~is_lepton & ~np.isin(kind, NEUTRINOS) & (eta < 4.5) & (pt > 0.3))
    photons = keep(everything, is_photon & (eta < 2.5))[["pt", "eta", "phi"]]
    leptons = _dressed(keep(everything, is_lepton & (eta < 2.8) & (pt > 3.0)), rest)
    jets = clustered(rest, 0.4, 12.0)
    return Truth(
        with_fields(photons, **_cones(photons, rest)),
        with_fields(leptons, **_cones(leptons, rest)),
        _flavoured(jets, heavy),
        clustered(rest, 1.0, 200.0),
        _boost(photons, leptons),
    )


def _dressed(leptons: ak.Array, rest: ak.Array) -> ak.Array:
    """The leptons; electrons include photons that they radiated, which the calorimeter cannot separate."""
    light = rest[rest.kind == 22]
    close = near(leptons, light, 0.1)
    radiated = flat(ak.sum(ak.where(close, light.pt[:, None, :], 0.0), axis=2))
    pt = flat(leptons.pt) + np.where(flat(leptons.kind) == 11, radiated, 0.0)
    return with_fields(leptons[["pt", "eta", "phi", "kind", "charge"]], pt=pt)


def _cones(objects: ak.Array, rest: ak.Array) -> dict[str, Floats]:
    """Transverse momentum of hadrons around each object, in cones; photons radiated by it are not counted."""
    central = rest[abs(rest.eta) < 3.2]
    kinds = flat(central.kind)
    tracks = keep(
        central, ~np.isin(kinds, NEUTRAL) & (flat(central.pt) > 1.0) & (np.abs(flat(central.eta)) < 2.5)
    )
    central = keep(central, kinds != 22)

    def cone(others: ak.Array, radius: float) -> Floats:
        within = near(objects, others, radius)
        return np.asarray(flat(ak.sum(ak.where(within, others.pt[:, None, :], 0.0), axis=2)), np.float64)

    return {
        "et20": cone(central, 0.2), "et40": cone(central, 0.4), "pt20": cone(tracks, 0.2), "pt30": cone(tracks, 0.3)
    }  # fmt: skip


def clustered(particles: ak.Array, radius: float, lowest: float) -> ak.Array:
    """Anti-kt jets with pt above `lowest` [GeV]; fields pt, eta, phi and mass."""
    import fastjet

    momenta = ak.zip(
        {
            "px": particles.pt * np.cos(particles.phi),
            "py": particles.pt * np.sin(particles.phi),
            "pz": particles.pt * np.sinh(particles.eta),
            "E": particles.energy,
        },
        with_name="Momentum4D",
    )
    jets = fastjet.ClusterSequence(
        momenta, fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    ).inclusive_jets(lowest)
    x, y, z, energy = (flat(jets[name]) for name in ("px", "py", "pz", "E"))
    pt = np.hypot(x, y)
    mass = np.sqrt(np.maximum(energy**2 - pt**2 - z**2, 0.0))
    return records(lengths(jets), pt=pt, eta=np.arcsinh(z / pt), phi=np.arctan2(y, x), mass=mass)


def _heavy_hadrons(particles: ak.Array) -> ak.Array:
    """Hadrons with a b or c quark; the field `flavour` is 5 or 4."""
    kind = np.abs(flat(particles.id))
    pt = np.hypot(flat(particles.p.px), flat(particles.p.py))
    digits = kind // 100 % 10, kind // 1000 % 10
    bottom, charm = (np.logical_or(*(digit == quark for digit in digits)) for quark in (5, 4))
    everything = records(
        lengths(particles), pt=pt, eta=np.arcsinh(flat(particles.p.pz) / np.maximum(pt, 1e-9)),
        phi=np.arctan2(flat(particles.p.py), flat(particles.p.px)), flavour=np.where(bottom, 5, 4),
    )  # fmt: skip
    return keep(everything, (bottom | charm) & (pt > 5.0))


def _flavoured(jets: ak.Array, heavy: ak.Array) -> ak.Array:
    """The jets with the flavour of the heaviest quark among the hadrons within ΔR < 0.3."""
    close = near(jets, heavy, 0.3)
    flavour = ak.max(ak.where(close, heavy.flavour[:, None, :], 0), axis=2)
    return with_fields(jets, flavour=np.asarray(flat(ak.fill_none(flavour, 0, axis=1)), np.int64))


def _boost(photons: ak.Array, leptons: ak.Array) -> Floats:
    x, y = (
        np.asarray(
            sum(ak.sum(objects.pt * angle(objects.phi), axis=1) for objects in (photons, leptons)), np.float64
        )
        for angle in (np.cos, np.sin)
    )
    return np.asarray(np.hypot(x, y))
