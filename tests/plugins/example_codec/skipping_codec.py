"""A codec that is not part of baler-root: an autoencoder with residual layers (He et al., arXiv:1512.03385).

Reading files needs this module, but no torch: torch is imported only to make the networks, which are stored
as integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from baler_root.format.codecs.latent.codec import LatentCodec

if TYPE_CHECKING:
    from baler_root.training.torch.autoencoder import Autoencoder, AutoencoderShape


class SkippingCodec(LatentCodec):
    """`baler-root compress in.root out.baler --codec skipping`."""

    id: ClassVar[str] = "skipping"
    network: ClassVar[str] = "skipping_codec:make"


def make(shape: AutoencoderShape) -> Autoencoder:
    """The networks of a table of `shape.values` values a row, to be trained."""
    from torch import nn

    from baler_root.training.torch.autoencoder import Autoencoder, latents_from, mixture_from
    from baler_root.training.torch.layers import Dense
    from baler_root.training.torch.network import Residual

    width = shape.width

    def skipping() -> Residual:
        return Residual(Dense(width, width, relu=True), Dense(width, width))

    encoder = nn.Sequential(Dense(shape.values, width), skipping(), skipping(), latents_from(width, shape))
    decoder = nn.Sequential(
        Dense(shape.latents, width),
        skipping(),
        skipping(),
        mixture_from(width, shape.components, shape.values),
    )
    return Autoencoder(shape, encoder, decoder)
