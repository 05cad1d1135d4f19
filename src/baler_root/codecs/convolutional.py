"""`convolutional`: latents of grids, such as frames of a fluid, from a network of convolutions."""

from __future__ import annotations

from typing import ClassVar

from baler_root.codecs.latents import LatentCodec


class ConvolutionalCodec(LatentCodec):
    """See `LatentCodec`."""

    id: ClassVar[str] = "convolutional"
    network: ClassVar[str] = "baler_root.training.networks:ConvolutionalAutoencoder"
    grids: ClassVar[bool] = True
