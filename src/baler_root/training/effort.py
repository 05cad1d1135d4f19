"""How much effort goes into learning: `fast`, `default`, `max`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from baler_root.errors import ConfigError
from baler_root.format.codecs.latent.model import MAX_LATENTS
from baler_root.format.codecs.latent.outlier_rows import MAX_CENTRES
from baler_root.format.codecs.registry import latent_codec
from baler_root.training.hardware.limits import HardwareLimits
from baler_root.training.settings import NetworkSettings

if TYPE_CHECKING:
    from baler_root.format.container.manifest import Json
    from baler_root.training.pair_masses import PairMass


INSTALL = 'pip install "baler-root[train]"'


MIN_ROWS = 2000
"""Rows of a table below which no model pays for itself."""


def can_train() -> bool:
    """Whether torch is installed."""
    return find_spec("torch") is not None


@dataclass(frozen=True, slots=True)
class Level:
    """What is learned, and how much of it."""

    name: str
    training: NetworkSettings | None
    """Of networks; None for histograms alone, which need no torch."""
    widths: tuple[tuple[int, int], ...] = ()
    """Rows of a table below which its networks are narrower: their bytes weigh more than what they would add."""
    parents: int = 12
    """Columns on which one may depend."""
    candidates: int = 24
    """Columns with which its network begins; those that help least are dropped in training."""
    epochs: int = 100
    """How often a row of the sample is seen at most: small tables are learned sooner."""
    below: str | None = None
    """A level whose networks are trained, too: a column takes the smaller ones where the larger do not pay."""


LEVELS = {
    level.name: level
    for level in (
        Level("fast", None),
        Level("default", NetworkSettings(), ((20_000, 12), (60_000, 16))),
        Level(
            "max",
            NetworkSettings(width=64, components=8, steps=6000),
            ((20_000, 16), (60_000, 32)),
            parents=20,
            candidates=32,
            epochs=300,
            below="default",
        ),
    )
}


def get_level(name: str) -> Level:
    """The level of this name; raises ConfigError."""
    if name not in LEVELS:
        raise ConfigError(f"no level {name!r}; there are {', '.join(LEVELS)}")
    return LEVELS[name]


RESIDUALS = ("bounded", "lossless", "none")
"""What a file holds besides latents: what these miss within the bounds, or to the last bit, or only rows they fail."""


@dataclass(frozen=True, slots=True)
class Autoencoding:
    """What a user wants of a codec that stores latents."""

    codec: str
    latents: int | None = None
    """For each row; None leaves it to the table."""
    residual: str = "bounded"
    """One of `RESIDUALS`."""
    outliers: float = 0.0
    """Share of the rows that are stored exactly because they are unlike the others."""
    clusters: int = 1
    """Groups of rows of which one must be near for a row not to be unlike the others."""
    masses: tuple[PairMass, ...] = ()
    """Of pairs, which latents are to tell as well as the columns."""
    hardware: HardwareLimits | None = None
    """What is asked of an encoder that is to be firmware."""

    def check(self, level: Level) -> None:
        """Raise ConfigError for what cannot be."""
        if level.training is None:
            raise ConfigError(f"the codec {self.codec} trains a network; level {level.name} trains none")
        if self.latents is not None and not 1 <= self.latents <= MAX_LATENTS:
            raise ConfigError(f"{self.latents} latents; from 1 to {MAX_LATENTS} are possible")
        if self.residual not in RESIDUALS:
            raise ConfigError(f"no residual {self.residual!r}; there are {', '.join(RESIDUALS)}")
        if not 0 <= self.outliers <= 1:
            raise ConfigError(
                f"outliers: {self.outliers:.3g} of all rows; a share from 0 to 1 (100%) is needed"
            )
        if not 1 <= self.clusters <= MAX_CENTRES:
            raise ConfigError(f"{self.clusters} clusters of latents; from 1 to {MAX_CENTRES} are possible")
        if self.hardware is not None and not latent_codec(self.codec).firmware:
            raise ConfigError(
                f"encoders of the codec {self.codec!r} cannot be firmware; those of 'autoencoder' can"
            )

    def to_json(self) -> Json:
        """For the provenance of a file."""
        return {
            "latents": self.latents,
            "residual": self.residual,
            "outliers": self.outliers,
            "clusters": self.clusters,
            **({} if self.hardware is None else {"circuit": self.hardware.to_json()}),
        }


@dataclass(frozen=True, slots=True)
class TrainingEffort:
    """What a user wants spent on learning."""

    level: Level
    seed: int = 0
    seconds: float | None = None
    """Of training, for each tree, at most."""
    autoencoding: Autoencoding | None = None
    """Set where the codec stores latents."""

    @property
    def codec(self) -> str:
        """The codec where none is asked for."""
        return "classic" if self.level.training is not None and not can_train() else "conditional"

    def check(self) -> None:
        """Raise ConfigError where torch is needed and not installed."""
        if self.autoencoding is not None:
            self.autoencoding.check(self.level)
        if self.level.training is not None and not can_train():
            otherwise = "level fast" if self.autoencoding is None else "the codec conditional at level fast"
            raise ConfigError(
                f"training needs torch, which is not installed: {INSTALL}; {otherwise} does without"
            )

    def of_one(self, pieces: int) -> TrainingEffort:
        """What is wanted of one of the `pieces` of a table that have models of their own: all share its outliers."""
        asked = self.autoencoding
        if asked is None or pieces == 1:
            return self
        return replace(self, autoencoding=replace(asked, outliers=asked.outliers / pieces))

    def missing(self, work: Iterable[Any]) -> list[str]:
        """What to say where nothing is learned for want of torch."""
        if all(job.plan.schema.num_entries < MIN_ROWS for job in work):
            return []
        why = f"nothing was learned, because torch is not installed: {INSTALL} for smaller files"
        return [f"{why}; level fast (--level fast) learns without it"]

    def to_json(self) -> Json:
        """For the provenance of a file."""
        out: Json = {"level": self.level.name, "seed": self.seed}
        if self.autoencoding is not None:
            out |= self.autoencoding.to_json()
        return out if self.seconds is None else {**out, "train_seconds": self.seconds}
