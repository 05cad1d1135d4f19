"""Carried out of levels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baler_root.compression.rules.rules import DEFAULT
from baler_root.errors import ConfigError
from baler_root.format.bounds import LOSSLESS
from baler_root.format.codecs.latent.codec import LatentCodec
from baler_root.format.codecs.registry import get_codec
from baler_root.training.effort import Autoencoding
from baler_root.training.hardware.limits import HardwareLimits

if TYPE_CHECKING:
    from baler_root.compression.rules.rules import Rules
    from baler_root.training.pair_masses import PairMass


def parse_share(share: float | str) -> float:
    """A share of all rows: a number from 0 to 1, or a percentage such as `"1%"`; raises ConfigError."""
    try:
        text = str(share).strip()
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ConfigError(f"{share!r} is no share of rows: write 0.01 or 1%") from None


def autoencoding_of(
    codec: str | None,
    latents: int | None,
    residual: str | None,
    outliers: float | str | None,
    clusters: int | None,
    masses: tuple[PairMass, ...] = (),
    hardware: HardwareLimits | None = None,
) -> Autoencoding | None:
    """What is asked of a codec that stores latents; None for another codec, of which nothing may be asked but `masses`.

    Raises ConfigError, or UnknownCodecError.
    """
    if codec is not None and isinstance(get_codec(codec), LatentCodec):
        share = 0.0 if outliers is None else parse_share(outliers)
        groups = 1 if clusters is None else clusters
        return Autoencoding(codec, latents, residual or "bounded", share, groups, masses, hardware)
    if hardware is not None:
        raise ConfigError("bits and budgets of firmware are for the codec autoencoder: --codec autoencoder")
    given = {"latents": latents, "residual": residual, "outliers": outliers, "clusters": clusters}
    if asked := [f"--{name}" for name, value in given.items() if value is not None]:
        raise ConfigError(
            f"{', '.join(asked)}: for codecs that store latents; ask for one with --codec autoencoder, say"
        )
    return None


def idle_masses(rules: Rules, asked: Autoencoding | None) -> list[str]:
    """What to say where the masses of a rules file are no part of a training, since no latents are asked for."""
    if not rules.masses or asked is not None:
        return []
    return ["[[physics]] of the rules is for codecs that store latents (--codec autoencoder, say): not used"]


def with_residual(rules: Rules, bound: str | None, asked: Autoencoding | None) -> Rules:
    """The rules, with all branches lossless that no rule names where the residual is; raises ConfigError.

    `bound` is what was asked for by itself, which then makes no sense.
    """
    if asked is None or asked.residual != "lossless":
        return rules
    if bound is not None or rules.default not in (DEFAULT, LOSSLESS):
        raise ConfigError("a lossless residual keeps every bit: leave the bound out")
    return replace(rules, default=LOSSLESS)
