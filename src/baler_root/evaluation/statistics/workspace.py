"""Counts in bins with systematic uncertainties: a pyhf workspace and its discovery test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.selection import Floats
from baler_root.extras import needed

FLOOR = 1e-4
"""Lower limit of the expected counts of a bin, since pyhf takes their logarithm."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Expected counts of one process, with their uncertainties (a "sample" of pyhf)."""

    name: str
    histogram: Histogram
    is_signal: bool = False
    normalisations: Mapping[str, float] = field(default_factory=dict)
    """Relative uncertainty of the rate by its source; a source shared by several samples is correlated."""
    shapes: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)
    """(Counts one standard deviation up, counts one down) by the source of the uncertainty."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """Significance and signal strength."""

    expected: float
    """Median Z for a signal of strength 1: that of the Asimov data set."""
    observed: float
    """Z = √q0 of the data; 0 for a deficit."""
    strength: float
    strength_error: float


def build(
    channel: str, samples: Sequence[Sample], observed: Floats, *, statistical: bool = True
) -> dict[str, Any]:
    """A workspace by pyhf's schema 1.0.0, as a JSON document: one channel, and the signal strength `mu`.

    With `statistical`, each bin has a factor for the limited number of simulated events (`staterror`).
    """
    return {
        "channels": [
            {"name": channel, "samples": [_sample(sample, channel, statistical) for sample in samples]}
        ],
        "observations": [{"name": channel, "data": observed.tolist()}],
        "measurements": [{"name": "discovery", "config": {"poi": "mu", "parameters": [_STRENGTH]}}],
        "version": "1.0.0",
    }


_STRENGTH = {"name": "mu", "inits": [1.0], "bounds": [[0.0, 50.0]]}


def _sample(sample: Sample, channel: str, statistical: bool) -> dict[str, Any]:
    modifiers: list[dict[str, Any]] = []
    if sample.is_signal:
        modifiers.append({"name": "mu", "type": "normfactor", "data": None})
    for name, size in sample.normalisations.items():
        modifiers.append({"name": name, "type": "normsys", "data": {"hi": 1.0 + size, "lo": 1.0 - size}})
    for name, (up, down) in sample.shapes.items():
        data = {"hi_data": _counts(up), "lo_data": _counts(down)}
        modifiers.append({"name": name, "type": "histosys", "data": data})
    if statistical:
        errors = np.sqrt(sample.histogram.variances).tolist()
        modifiers.append({"name": f"statistics_{channel}", "type": "staterror", "data": errors})
    return {"name": sample.name, "data": _counts(sample.histogram.counts), "modifiers": modifiers}


def _counts(counts: Floats) -> list[float]:
    return [float(count) for count in np.maximum(counts, FLOOR)]


def discover(document: Mapping[str, Any], *, with_error: bool = False) -> Discovery:
    """The expected and observed Z of a workspace. Raises FitError.

    With `with_error`, the error of the signal strength is found too, which takes longer.
    """
    pyhf = needed("pyhf")
    with _backend("minuit" if with_error else "scipy"):
        # pyhf.Workspace checks schemas even with validate=False, which takes most of the time of a bootstrap
        config = document["measurements"][0]["config"]
        spec = {"channels": document["channels"], "parameters": config["parameters"]}
        model = pyhf.Model(spec, poi_name=config["poi"], validate=False)
        truth = np.asarray(model.config.suggested_init(), np.float64)
        truth[model.config.poi_index] = 1.0
        asimov = np.asarray(model.expected_data(truth))
        counts = document["observations"][0]["data"]
        observed = np.asarray([*counts, *model.config.auxdata], np.float64)
        with _failing(pyhf):
            best, least = pyhf.infer.mle.fit(
                observed, model, return_fitted_val=True, return_uncertainties=with_error
            )
        best = np.asarray(best)
        strength, error = (
            best[model.config.poi_index] if with_error else (best[model.config.poi_index], np.nan)
        )
        # the best fit to the Asimov data is known: it is the truth
        expected = _z(pyhf, asimov, model, -2.0 * float(model.logpdf(truth, asimov)[0]))
        z = _z(pyhf, observed, model, float(least))
    return Discovery(expected, z, float(strength), float(error))


def _z(pyhf: Any, data: Floats, model: Any, least: float) -> float:
    """√q0, where `least` is −2 ln of the likelihood with signal."""
    with _failing(pyhf):
        _, without = pyhf.infer.mle.fixed_poi_fit(0.0, data, model, return_fitted_val=True)
    return float(np.sqrt(max(float(without) - least, 0.0)))


@contextlib.contextmanager
def _failing(pyhf: Any) -> Iterator[None]:
    try:
        yield
    except pyhf.exceptions.FailedMinimization as error:
        raise FitError(f"the fit of the workspace did not converge ({error})") from error


@contextlib.contextmanager
def _backend(optimizer: str) -> Iterator[None]:
    """Sets pyhf to NumPy and this optimiser; the backend is global, so the previous one is restored."""
    pyhf = needed("pyhf")
    tensors, before = pyhf.get_backend()
    pyhf.set_backend("numpy", optimizer)
    try:
        yield
    finally:
        pyhf.set_backend(tensors, before)
