"""Options of `compress` and `train` together: short forms, and combinations that make no sense."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

from baler_root.compression.rules.rules import DEFAULT, BoundOptions, Rules
from baler_root.errors import ConfigError, nearest
from baler_root.format.bounds import LOSSLESS
from baler_root.format.codecs.latent.model import ResidualMode
from baler_root.format.codecs.registry import is_latent_codec
from baler_root.training.effort import TrainingEffort
from baler_root.training.options import LatentOptions, TrainingOptions


@dataclass(frozen=True, slots=True)
class ModelReuse:
    """Models that `train` made from similar files, used instead of training."""

    path: str | PathLike[str]
    """A `.balermodel` file."""
    detach: bool = False
    """Leave the models in their file, so that many files share them. It is then needed to read the output:
    `open` looks beside the output, at the path of the model file as seen from there, and in the folders of
    the environment variable BALER_ROOT_MODELS."""
    always: bool = False
    """Use the models even if they make the output larger, for their latents or to measure them."""

    def __post_init__(self) -> None:
        """Raises ConfigError for something else than a path."""
        if not isinstance(self.path, str | PathLike):
            raise ConfigError(f"model {self.path!r}: write the path of a .balermodel file")


_HINTS = {
    "level": 'the level of training is training="fast"',
    "seconds": "the time of training is training=TrainingOptions(seconds=...)",
    "train_seconds": "the time of training is training=TrainingOptions(seconds=...)",
    "seed": "the seed is training=TrainingOptions(seed=...)",
    "config": 'a rules file is rules="rules.toml"',
    "branch": 'bounds of branches are bounds={"Muon_*": "bits=12"}',
    "branches": 'bounds of branches are bounds={"Muon_*": "bits=12"}',
    "rel": 'a relative error is bound="rel=1e-3"',
    "abs": 'an absolute error is bound="abs=1e-3"',
    "bits": 'mantissa bits are bound="bits=10"',
    "lossless": 'no error at all is bound="lossless"',
}
"""Hints for keywords that do not exist but are tried, such as the names of the command line's options."""


def tree_names(trees: str | Sequence[str] | None) -> Sequence[str] | None:
    """The paths of trees that a caller named; one path may stand alone."""
    return [trees] if isinstance(trees, str) else trees


def one_file(path: object) -> str:
    """The path or URL of the only input; raises ConfigError for anything else, such as a list of paths."""
    if isinstance(path, str | os.PathLike):
        return os.fspath(path)
    raise ConfigError(
        f"{type(path).__name__} as input: name one ROOT file by its path or URL; for several, call it once "
        "for each, or use the command line"
    )


def rules_from(verb: str, options: BoundOptions) -> Rules:
    """The rules for the keywords of `compress` or `train` that are about error bounds.

    Raises ConfigError, or TypeError for a keyword that does not exist.
    """
    for name in options:
        if name not in BoundOptions.__optional_keys__:
            near = nearest(name, BoundOptions.__optional_keys__, 1)
            hint = _HINTS.get(name, f"did you mean {near[0]!r}?" if near else "")
            hint = f"; {hint}" if hint else ""
            raise TypeError(f"{verb}() got an unexpected keyword argument {name!r}{hint}")
    return Rules.build(**options)


def training_options(training: TrainingOptions | str) -> TrainingOptions:
    """The options of training for their short form, the name of a level."""
    return training if isinstance(training, TrainingOptions) else TrainingOptions(training)


def latent_options(codec: LatentOptions | str | None) -> LatentOptions | None:
    """The options of a codec that stores latents, also if only its name is given; None for other codecs.

    Raises UnknownCodecError.
    """
    if codec is None or isinstance(codec, LatentOptions):
        return codec
    return LatentOptions(codec) if is_latent_codec(codec) else None


def with_residual(rules: Rules, bound_given: bool, latents: LatentOptions | None) -> Rules:
    """The rules, with lossless as default if a lossless residual is asked for.

    Raises ConfigError if the user gave another default bound besides.
    """
    if latents is None or latents.residual != ResidualMode.LOSSLESS:
        return rules
    if bound_given or rules.default not in (DEFAULT, LOSSLESS):
        raise ConfigError("a lossless residual keeps every bit: leave the bound out")
    return replace(rules, default=LOSSLESS)


def note_on_masses(rules: Rules, effort: TrainingEffort) -> list[str]:
    """A note if the rules name masses, but no codec with latents is asked for."""
    if not rules.masses or effort.latents is not None:
        return []
    return [
        "[[physics]] of the rules is for codecs that store latents (such as --codec autoencoder): not used"
    ]
