"""Codecs by id: the built-in ones and those of installed packages (entry-point group `baler_root.codecs`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from baler_root.errors import ConfigError, UnknownCodecError, nearest
from baler_root.format.codecs.base import Codec, ModelCodec
from baler_root.format.codecs.latent.codec import LatentCodec

GROUP = "baler_root.codecs"


def _entry_points() -> dict[str, EntryPoint]:
    """Entry points by codec id; raises ConfigError if two packages claim the same id."""
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        existing = points.setdefault(point.name, point)
        if existing.value != point.value:
            raise ConfigError(
                f"codec id {point.name!r} is claimed by {existing.value} and by {point.value}; uninstall one of them"
            )
    return points


def codec_ids() -> list[str]:
    """Ids of all installed codecs, sorted."""
    return sorted(_entry_points())


@cache
def get_codec(codec_id: str) -> Codec:
    """The codec of this id; raises UnknownCodecError, with the most similar id, if it is not installed."""
    points = _entry_points()
    if codec_id not in points:
        hint = nearest(codec_id, points)
        raise UnknownCodecError(
            f"no installed package provides the codec {codec_id!r}; installed: {', '.join(sorted(points))}"
            + (f" (did you mean {hint[0]!r}?)" if hint else "")
        )
    codec = points[codec_id].load()()
    if not isinstance(codec, Codec):
        raise ConfigError(f"{points[codec_id].value} is not a codec: it lacks id, encode or decode")
    if codec.id != codec_id:
        raise ConfigError(
            f"{points[codec_id].value} calls itself {codec.id!r}, not {codec_id!r}; its package must agree"
        )
    return codec


def latent_codec(codec_id: str) -> LatentCodec:
    """The codec of this id; raises ConfigError if it stores no latents."""
    codec = get_codec(codec_id)
    if not isinstance(codec, LatentCodec):
        raise ConfigError(f"the codec {codec_id!r} stores no latents")
    return codec


def is_latent_codec(codec_id: str) -> bool:
    """Whether the codec of this id stores latents; raises UnknownCodecError."""
    return isinstance(get_codec(codec_id), LatentCodec)


def latent_codec_ids() -> list[str]:
    """Ids of the installed codecs that store latents, sorted."""
    return [name for name in codec_ids() if is_latent_codec(name)]


def codec_with(codec_id: str, models: Callable[[], Mapping[bytes, bytes]]) -> Codec:
    """The codec of this id; if it needs models, with those that `models` returns."""
    codec = get_codec(codec_id)
    return codec.with_models(models()) if isinstance(codec, ModelCodec) else codec
