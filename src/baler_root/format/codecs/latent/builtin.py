"""`autoencoder`: latents from a network of dense layers, as Baler has (arXiv:2305.02283)."""

from __future__ import annotations

from typing import ClassVar

from baler_root.format.codecs.latent.codec import LatentCodec


class AutoencoderCodec(LatentCodec):
    """See `LatentCodec`."""

    id: ClassVar[str] = "autoencoder"
    network: ClassVar[str] = "baler_root.training.torch.networks:DenseAutoencoder"
    firmware: ClassVar[bool] = True


class ConvolutionalCodec(LatentCodec):
    """See `LatentCodec`."""

    id: ClassVar[str] = "convolutional"
    network: ClassVar[str] = "baler_root.training.torch.networks:ConvolutionalAutoencoder"
    grids: ClassVar[bool] = True


class TransformerCodec(LatentCodec):
    """See `LatentCodec`."""

    id: ClassVar[str] = "transformer"
    network: ClassVar[str] = "baler_root.training.torch.networks:TransformerAutoencoder"
