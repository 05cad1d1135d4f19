"""The networks of the built-in codecs that store latents."""

from __future__ import annotations

from torch import nn

from baler_root.training import layers
from baler_root.training.autoencoder import Autoencoder, Shape, latents_from, told_by
from baler_root.training.layers import Attention, Dense, Norm, Offset
from baler_root.training.network import Residual

BLOCKS = 3
"""Layers of a transformer, in the encoder and in the decoder."""

TOKEN = 16
"""Width of its tokens, at most."""

HEADS = 2


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


class TransformerAutoencoder(Autoencoder):
    """A token for each value, three layers of a transformer, three dense ones to the latents, and the same back.

    Tokens are told apart by what is added to each (Vaswani et al., arXiv:1706.03762); norms stand before what they
    are for (Xiong et al., arXiv:2002.04745).
    """

    def __init__(self, shape: Shape) -> None:
        width, token = shape.width, min(TOKEN, max(HEADS, shape.width // 4))
        tokens, flat = shape.values, shape.values * token
        super().__init__(
            shape,
            nn.Sequential(
                layers.Shape(tokens, 1),
                Dense(1, token),
                Offset(tokens, token),
                *(Block(token) for _ in range(BLOCKS)),
                Norm(),
                layers.Shape(flat),
                Dense(flat, width, relu=True),
                Dense(width, width, relu=True),
                latents_from(width, shape),
            ),
            nn.Sequential(
                Dense(shape.latents, width, relu=True),
                Dense(width, width, relu=True),
                Dense(width, flat),
                layers.Shape(tokens, token),
                *(Block(token) for _ in range(BLOCKS)),
                Norm(),
                told_by(token, shape.components),
                layers.Shape(shape.outputs),
            ),
        )


class Block(nn.Sequential):
    """A layer of a transformer: (rows, tokens, width) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__(
            Residual(Norm(), Dense(width, 3 * width), Attention(width, HEADS), Dense(width, width)),
            Residual(Norm(), Dense(width, 2 * width, relu=True), Dense(2 * width, width)),
        )
