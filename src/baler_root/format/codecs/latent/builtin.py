"""Built-in codecs that store latents; they differ in the networks that are trained."""

from __future__ import annotations

from typing import ClassVar

from baler_root.format.codecs.latent.codec import LatentCodec


class AutoencoderCodec(LatentCodec):
    """`autoencoder`: latents from dense layers, for tables, as in Baler (arXiv:2305.02283)."""

    id: ClassVar[str] = "autoencoder"
    network: ClassVar[str] = "baler_root.training.torch.builtin_autoencoders:DenseAutoencoder"
    firmware: ClassVar[bool] = True


class ConvolutionalCodec(LatentCodec):
    """`convolutional`: latents from convolutions, for columns of two-dimensional arrays."""

    id: ClassVar[str] = "convolutional"
    network: ClassVar[str] = "baler_root.training.torch.builtin_autoencoders:ConvolutionalAutoencoder"
    grids: ClassVar[bool] = True


class TransformerCodec(LatentCodec):
    """`transformer`: latents from attention between the columns, for tables."""

    id: ClassVar[str] = "transformer"
    network: ClassVar[str] = "baler_root.training.torch.builtin_autoencoders:TransformerAutoencoder"
