"""Levels `fast`, `default` and `max`, and the effort that one compression spends on learning.

A level is a promise about time, not about a method: `fast` and `default` need no torch and train no network
that predicts columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

from baler_root.errors import ConfigError
from baler_root.extras import install_command
from baler_root.training.options import LatentOptions, TrainingOptions
from baler_root.training.settings import NetworkSettings

if TYPE_CHECKING:
    from baler_root.format.container.manifest import Json
    from baler_root.training.pair_masses import PairMass


MIN_TRAINING_ROWS = 2000
"""Rows of a table below which no model saves as many bytes as it takes."""


def can_train() -> bool:
    """Whether torch is installed."""
    return find_spec("torch") is not None


@dataclass(frozen=True, slots=True)
class TrainingLevel:
    """Kinds of models that are learned, and their size."""

    name: str
    training: NetworkSettings | None
    """Settings for networks; None for histograms only, which need no torch."""
    widths: tuple[tuple[int, int], ...] = ()
    """(rows, width): networks of tables with fewer rows are narrower, since their bytes weigh more than their
    gain."""
    parents: int = 12
    """Most columns that one column may depend on."""
    candidates: int = 24
    """Columns with which a network begins; training drops those that help least."""
    epochs: int = 100
    """Most times that a row of the sample is seen; small tables take less time."""
    derived: bool = True
    """Whether columns are predicted by formulas of others, such as masses of pairs."""
    below: str | None = None
    """Level whose networks are trained as well: a column takes a smaller one if the larger does not pay."""
    mixing: int | None = 0
    """Most symbols of a table in one cluster that adaptive mixing codes, since it decodes slowly; None for
    all."""
    xz_models: int = 1
    """Settings of xz that are tried for carried objects."""
    latents_only: bool = False
    """Networks are trained only where the codec asks for them: for latents."""

    @property
    def networks(self) -> bool:
        """Whether networks predict columns, which needs torch."""
        return self.training is not None and not self.latents_only


MIXED_SYMBOLS = 1_500_000
"""Most symbols of a table in one cluster that level `default` codes by adaptive mixing: they take about half
a second to read."""


LEVELS = {
    level.name: level
    for level in (
        TrainingLevel("fast", None, derived=False, xz_models=0),
        TrainingLevel(
            "default",
            NetworkSettings(),
            ((20_000, 12), (60_000, 16)),
            mixing=MIXED_SYMBOLS,
            latents_only=True,
        ),
        TrainingLevel(
            "max",
            NetworkSettings(width=64, components=8, steps=6000),
            ((20_000, 16), (60_000, 32)),
            parents=20,
            candidates=32,
            epochs=300,
            below="default",
            mixing=None,
            xz_models=2,
        ),
    )
}
"""Training levels by name."""


def get_level(name: str) -> TrainingLevel:
    """The level of this name; raises ConfigError."""
    if name not in LEVELS:
        raise ConfigError(f"no level {name!r}; there are {', '.join(LEVELS)}")
    return LEVELS[name]


@dataclass(frozen=True, slots=True)
class TrainingEffort:
    """Effort that one compression spends on learning: a level, a time limit, and the codec's options."""

    level: TrainingLevel
    seed: int = 0
    seconds: float | None = None
    """Longest training per tree, in seconds."""
    latents: LatentOptions | None = None
    """Options of a codec that stores latents; None for other codecs."""
    masses: tuple[PairMass, ...] = ()
    """Masses of pairs that latents are trained to preserve, as well as the columns."""
    replaced: str | None = None
    """Level that the user asked for, if it needs torch, which is missing."""

    @classmethod
    def of(
        cls, options: TrainingOptions, latents: LatentOptions | None, masses: tuple[PairMass, ...] = ()
    ) -> Self:
        """The effort for the options of a user; without torch, that of level `default` instead of `max`."""
        level, replaced = get_level(options.level), None
        if level.networks and latents is None and not can_train():
            level, replaced = get_level("default"), level.name
        return cls(level, options.seed, options.seconds, latents, masses, replaced)

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user."""
        if self.replaced is None:
            return ()
        missing = f"which is not installed ({install_command('train')})"
        return (f"level {self.replaced} needs torch, {missing}; level {self.level.name} was used",)

    @property
    def mixes(self) -> bool:
        """Whether adaptive mixing may code columns."""
        return self.latents is None and self.level.mixing != 0

    def for_models(self) -> TrainingEffort:
        """The effort for models that other files will use: nothing is left to adaptive mixing."""
        return replace(self, level=replace(self.level, mixing=0))

    def check_level(self) -> None:
        """Raise ConfigError for a codec with latents at a level that trains no networks."""
        if self.latents is not None and self.level.training is None:
            raise ConfigError(
                f"the codec {self.latents.codec} trains a network; level {self.level.name} trains none"
            )

    def check(self) -> None:
        """Raise ConfigError if the level does not fit the codec, or latents need torch, which is missing."""
        self.check_level()
        if self.latents is not None and not can_train():
            raise ConfigError(
                f"training needs torch, which is not installed: {install_command('train')}; "
                "the codec conditional does without"
            )

    def for_piece(self, pieces: int) -> TrainingEffort:
        """The effort for one of the `pieces` of a table that have a model each: all share the table's outlier
        rows."""
        if self.latents is None or pieces == 1:
            return self
        return replace(self, latents=replace(self.latents, outliers=self.latents.outliers / pieces))

    def to_json(self) -> Json:
        """The effort as plain values, for the provenance of a file."""
        document: Json = {"level": self.level.name, "seed": self.seed}
        if self.latents is not None:
            document |= self.latents.to_json()
        return document if self.seconds is None else {**document, "train_seconds": self.seconds}
