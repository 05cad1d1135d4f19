"""`transformer`: latents from a network in which the columns of a row attend to each other, as Baler's newest has."""

from __future__ import annotations

from typing import ClassVar

from baler_root.codecs.latents import LatentCodec


class TransformerCodec(LatentCodec):
    """See `LatentCodec`."""

    id: ClassVar[str] = "transformer"
    network: ClassVar[str] = "baler_root.training.networks:TransformerAutoencoder"
