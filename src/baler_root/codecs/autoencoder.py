"""`autoencoder`: latents from a network of dense layers, as Baler has (arXiv:2305.02283)."""

from __future__ import annotations

from typing import ClassVar

from baler_root.codecs.latents import LatentCodec


class AutoencoderCodec(LatentCodec):
    """See `LatentCodec`."""

    id: ClassVar[str] = "autoencoder"
    network: ClassVar[str] = "baler_root.training.networks:DenseAutoencoder"
    firmware: ClassVar[bool] = True
