"""The networks of the built-in codecs that store latents."""

from __future__ import annotations

from torch import nn

from baler_root.training.autoencoder import Autoencoder, Shape, latents_from, told_by
from baler_root.training.layers import Dense


class DenseAutoencoder(Autoencoder):
    """Two hidden layers each, as wide as asked."""

    def __init__(self, shape: Shape) -> None:
        width = shape.width
        super().__init__(
            shape,
            nn.Sequential(
                Dense(shape.values, width, relu=True),
                Dense(width, width, relu=True),
                latents_from(width, shape),
            ),
            nn.Sequential(
                Dense(shape.latents, width, relu=True),
                Dense(width, width, relu=True),
                told_by(width, shape.components, shape.values),
            ),
        )
