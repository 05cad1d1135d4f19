"""Options that `compress` and `train` share, and the objects of the library that they become."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from baler_root.errors import ConfigError

if TYPE_CHECKING:
    from baler_root.compression.rules.rules import Rules
    from baler_root.training.hardware.limits import HardwareLimits
    from baler_root.training.options import LatentOptions, TrainingOptions

CODECS = "|".join(sorted({point.name for point in entry_points(group="baler_root.codecs")}))
"""Ids of all installed codecs; none of them is imported."""


Bound = Annotated[
    str | None,
    typer.Option(
        help="Bound of floating-point branches: rel=1e-3, abs=1e-4, bits=10 (mantissa bits) or lossless.",
        show_default="rel=1e-3",
    ),
]


Branches = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN=BOUND", help="Bound of some branches; repeatable; the last match wins."),
]


Independent = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Branches never recomputed from others (such as E from pt and eta); repeatable; '*' for all.",
    ),
]


Config = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Rules in a TOML file; --bound and --branch override it."),
]


Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="lossless, nanoaod, physlite or atlas-opendata; see `baler-root presets`."
    ),
]


Trees = Annotated[
    list[str] | None, typer.Option(metavar="PATH", help="Only this TTree or RNTuple; repeatable.")
]


LevelName = Annotated[
    str,
    typer.Option(
        metavar="[fast|default|max]",
        help="How much is learned. fast: histograms, in about a second; default: also adaptive coding of tables "
        "that are small enough to be read in time; max: also networks, with torch.",
    ),
]


TrainSeconds = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Time limit of the training of each tree. Without it, the same input and seed give the same bytes.",
    ),
]


Seed = Annotated[
    int, typer.Option(min=0, help="Random seed of the training; the same seed gives the same bytes.")
]


Latents = Annotated[
    int | None,
    typer.Option(
        help="Latents per row (codecs that store latents).",
        show_default="half the columns, at most 8; convolutional: half the values of a row, at most 32",
    ),
]


Residual = Annotated[
    str | None,
    typer.Option(
        metavar="[bounded|lossless|none]",
        help="Corrections stored besides latents: within the bounds, to the last bit, or none but rows beyond a bound.",
        show_default="bounded",
    ),
]


Outliers = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Share of rows to store exactly because their latents are far from all others, such as 1%.",
    ),
]


Clusters = Annotated[
    int | None,
    typer.Option(
        help="Clusters of latents; only rows far from all clusters are --outliers.", show_default="1"
    ),
]


def rules_of(
    bound: str | None,
    branch: Sequence[str] | None,
    independent: Sequence[str] | None = None,
    config: str | None = None,
    preset: str | None = None,
) -> Rules:
    """The rules for --bound, --branch, --independent, --config and --preset. Raises ConfigError."""
    from baler_root.compression.rules.rules import Rules

    return Rules.build(
        None if config is None else Path(config),
        bound=bound,
        bounds=[_branch_bound(text) for text in branch or ()],
        preset=preset,
        independent=independent or (),
    )


def _branch_bound(text: str) -> tuple[str, str]:
    """Pattern and bound of `PATTERN=BOUND`."""
    pattern, equals, bound = text.partition("=")
    if not equals or not pattern.strip():
        raise ConfigError(
            f"branch rule {text!r}: write 'PATTERN=BOUND', such as 'Muon_*=bits=12' or 'Muon_pt=lossless'"
        )
    return pattern, bound


def training_of(level: str, seconds: float | None, seed: int) -> TrainingOptions:
    """The options of training for --level, --train-seconds and --seed. Raises ConfigError."""
    from baler_root.training.options import TrainingOptions

    return TrainingOptions(level, seconds, seed)


def codec_of(
    codec: str | None,
    latents: int | None,
    residual: str | None,
    outliers: str | None,
    clusters: int | None,
    hardware: HardwareLimits | None = None,
) -> str | LatentOptions | None:
    """The codec for --codec, with its options if --latents, --residual, --outliers, --clusters or firmware
    flags are given.

    Raises ConfigError if these flags are given for a codec that stores no latents, UnknownCodecError.
    """
    from baler_root.format.codecs.registry import is_latent_codec
    from baler_root.training.options import LatentOptions

    flags: dict[str, Any] = {
        "latents": latents, "residual": residual, "outliers": outliers, "clusters": clusters,
    }  # fmt: skip
    options = {name: value for name, value in flags.items() if value is not None}
    if codec is None or not is_latent_codec(codec):
        if hardware is not None:
            raise ConfigError("options of firmware are only for the codec autoencoder: --codec autoencoder")
        if options:
            names = ", ".join(f"--{name}" for name in options)
            raise ConfigError(f"{names}: only for codecs that store latents, such as --codec autoencoder")
        return codec
    if not options and hardware is None:
        return codec
    if outliers is not None:
        options["outliers"] = share_of(outliers)
    return LatentOptions(codec, hardware=hardware, **options)


def share_of(text: str) -> float:
    """A share of all rows, written as a number from 0 to 1 or as a percentage such as `1%`; raises
    ConfigError."""
    try:
        text = text.strip()
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ConfigError(f"--outliers {text!r}: not a share of rows; write 0.01 or 1%") from None
