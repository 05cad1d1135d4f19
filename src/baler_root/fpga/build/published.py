"""Published results of networks in front ends and triggers, which the report shows for comparison."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """One result from the literature."""

    work: str
    figures: str
    source: str
    latency: float | None = None
    """Latency [ns]."""
    luts: int | None = None


PUBLISHED_RESULTS = (
    PublishedResult(
        "ECON-T autoencoder, ASIC for HGCAL",
        "65 nm; 48 trigger cells in; 3.6 mm², 95 mW, 2.4 nJ per inference",
        "arXiv:2105.01683; 25 ns: arXiv:2103.05579",
        latency=25.0,
    ),
    PublishedResult(
        "hls4ml codesign, jet classifier, VU9P at 200 MHz",
        "6 bits: 45 ns, 38 DSP, 63 251 LUT, 4 394 FF",
        "arXiv:2103.05579",
        latency=45.0,
        luts=63_251,
    ),
    PublishedResult(
        "anomaly detection at 40 MHz, autoencoder, VU9P",
        "80 ns; below 3 % of the logic",
        "arXiv:2108.03986",
        latency=80.0,
    ),
    PublishedResult(
        "LHCb PicoCal autoencoder, PolarFire",
        "32 samples to 2 latents; 10-bit weights; 25 ns",
        "arXiv:2602.15751",
        latency=25.0,
    ),
    PublishedResult("autoencoder of decision trees", "25 ns", "arXiv:2304.03836", latency=25.0),
    PublishedResult(
        "da4ml", "up to a third fewer resources than hls4ml's latency strategy, no DSP", "arXiv:2507.04535"
    ),
)
