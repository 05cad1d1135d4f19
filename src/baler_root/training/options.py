"""Options of `compress` and `train`: how much is learned, and what codecs with latents store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baler_root.errors import ConfigError
from baler_root.format.codecs.latent.model import MAX_LATENTS, ResidualMode
from baler_root.format.codecs.latent.outlier_rows import MAX_CENTRES
from baler_root.format.codecs.registry import latent_codec
from baler_root.training.hardware.limits import HardwareLimits

if TYPE_CHECKING:
    from baler_root.format.container.manifest import Json

LEVEL_NAMES = ("fast", "default", "max")
"""Levels: `fast` counts, `default` also adapts while it codes, `max` also trains networks."""


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """Level, time limit and seed of the training before compression."""

    level: str = "default"
    """`"fast"` fills histograms; `"default"` also codes tables that are small enough by adaptive mixing;
    `"max"` also trains networks, with torch."""
    seconds: float | None = None
    """Longest training per tree, in seconds. With a limit, the same input may give other bytes."""
    seed: int = 0
    """Random seed of the training; the same input and seed give the same bytes."""

    def __post_init__(self) -> None:
        """Raise ConfigError for values that are not valid."""
        if self.level not in LEVEL_NAMES:
            raise ConfigError(f"no level {self.level!r}; there are {', '.join(LEVEL_NAMES)}")
        if self.seconds is not None and not self.seconds > 0:
            raise ConfigError(f"training for {self.seconds} seconds: more than 0 are needed")
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed!r}: an integer from 0 is needed")


@dataclass(frozen=True, slots=True)
class LatentOptions:
    """A codec that stores latents, and the data stored besides them.

    Such a codec stores a few integers (latents) per row of a table; a decoder predicts the columns from them.
    All error bounds hold whatever the latents miss.
    """

    codec: str
    """`"autoencoder"` or `"transformer"` for tables, `"convolutional"` for grids, or an installed one."""
    latents: int | None = None
    """Latents per row. None for half the columns, 8 at most; for `convolutional`, half the values of a row,
    at most 32."""
    residual: str = "bounded"
    """`"bounded"` stores columns given the latents, within the error bounds; `"lossless"` keeps every bit of
    branches that no rule names; `"none"` stores only the rows that latents do not reproduce."""
    outliers: float = 0.0
    """Share of rows, from 0 to 1, that is stored exactly because their latents are far from all clusters."""
    clusters: int = 1
    """Clusters of latents; only rows far from all of them count as `outliers`."""
    hardware: HardwareLimits | None = None
    """Limits of an encoder that is to become firmware (codec `autoencoder` only)."""

    def __post_init__(self) -> None:
        """Raise ConfigError for values that are not valid, UnknownCodecError for an unknown codec."""
        codec = latent_codec(self.codec)
        if self.latents is not None and not 1 <= self.latents <= MAX_LATENTS:
            raise ConfigError(f"{self.latents} latents; from 1 to {MAX_LATENTS} are possible")
        if self.residual not in list(ResidualMode):
            raise ConfigError(f"no residual {self.residual!r}; there are {', '.join(ResidualMode)}")
        if not _is_share(self.outliers):
            raise ConfigError(f"outliers {self.outliers!r}: a share from 0 to 1 (100%) is needed")
        if not 1 <= self.clusters <= MAX_CENTRES:
            raise ConfigError(f"{self.clusters} clusters of latents; from 1 to {MAX_CENTRES} are possible")
        if self.hardware is not None and not codec.firmware:
            raise ConfigError(
                f"encoders of the codec {self.codec!r} cannot be firmware; those of 'autoencoder' can"
            )

    def to_json(self) -> Json:
        """The options as plain values, for the provenance of a file."""
        return {
            "latents": self.latents,
            "residual": self.residual,
            "outliers": self.outliers,
            "clusters": self.clusters,
            **({} if self.hardware is None else {"circuit": self.hardware.to_json()}),
        }


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1
