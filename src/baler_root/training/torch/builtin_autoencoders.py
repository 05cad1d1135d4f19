"""The networks of the built-in codecs that store latents."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn

from baler_root.training.torch import layers
from baler_root.training.torch.autoencoder import (
    Autoencoder,
    AutoencoderShape,
    firmware_encoder,
    latents_from,
    mixture_from,
)
from baler_root.training.torch.layers import Attention, Conv, Dense, Norm, Offset, Upsample
from baler_root.training.torch.network import Residual

BLOCKS = 3
"""Transformer blocks in the encoder, and in the decoder."""


HEADS = 2
"""Attention heads of a block."""


TOKEN_FEATURES = 4
"""Features of a token at the border between transformer and dense layers."""


CHANNELS = 8
"""Most channels of the convolutions on the full grid; coarser grids have twice as many."""


COARSEST = 8
"""Length of the longer side at which a grid is not made coarser."""


class DenseAutoencoder(Autoencoder):
    """Two hidden layers in encoder and decoder; an encoder for firmware has the layers of its hardware."""

    def __init__(self, shape: AutoencoderShape) -> None:
        width = shape.width
        super().__init__(
            shape,
            nn.Sequential(
                Dense(shape.values, width, relu=True),
                Dense(width, width, relu=True),
                latents_from(width, shape),
            )
            if shape.hardware is None
            else firmware_encoder(shape, shape.hardware),
            nn.Sequential(
                Dense(shape.latents, width, relu=True),
                Dense(width, width, relu=True),
                mixture_from(width, shape.components, shape.values),
            ),
        )


class TransformerAutoencoder(Autoencoder):
    """A token for each value, three transformer blocks, three dense layers to the latents, and the reverse.

    Each token gets an embedding of its position (Vaswani et al., arXiv:1706.03762); norms come first in each
    residual branch (Xiong et al., arXiv:2002.04745).
    """

    def __init__(self, shape: AutoencoderShape) -> None:
        tokens, width = shape.values, shape.width
        token = HEADS * max(1, width // 8 // HEADS)
        flat = TOKEN_FEATURES * tokens
        super().__init__(
            shape,
            nn.Sequential(
                layers.Reshape(tokens, 1),
                Dense(1, token),
                Offset(tokens, token),
                *(Block(token) for _ in range(BLOCKS)),
                Norm(),
                Dense(token, TOKEN_FEATURES),
                layers.Reshape(flat),
                Dense(flat, width, relu=True),
                Dense(width, width, relu=True),
                latents_from(width, shape),
            ),
            nn.Sequential(
                Dense(shape.latents, width, relu=True),
                Dense(width, width, relu=True),
                Dense(width, flat),
                layers.Reshape(tokens, TOKEN_FEATURES),
                Dense(TOKEN_FEATURES, token),
                Offset(tokens, token),
                *(Block(token) for _ in range(BLOCKS)),
                Norm(),
                mixture_from(token, shape.components),
                layers.Reshape(shape.outputs),
            ),
        )


class Block(nn.Sequential):
    """Block of a transformer, (rows, tokens, width) to the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__(
            Residual(Norm(), Dense(width, 3 * width), Attention(width, HEADS), Dense(width, width)),
            Residual(Norm(), Dense(width, 2 * width, relu=True), Dense(2 * width, width)),
        )


class ConvolutionalAutoencoder(Autoencoder):
    """Convolutions that halve a grid until it is small, a dense layer to the latents, and the reverse."""

    def __init__(self, shape: AutoencoderShape) -> None:
        channels = min(CHANNELS, max(2, shape.width // 8))
        sides = [(shape.entry[0], shape.entry[1])]
        while max(sides[-1]) > COARSEST:
            sides.append((-(-sides[-1][0] // 2), -(-sides[-1][1] // 2)))
        depths = [channels, channels, *[2 * channels] * len(sides)][: len(sides)]
        down, up = [1, *depths[1:]], depths[::-1]
        num_positions = math.prod(sides[-1])
        super().__init__(
            shape,
            nn.Sequential(
                layers.Reshape(*sides[0], 1),
                *(Conv(fine, coarse, stride=2, relu=True) for fine, coarse in pairwise(down)),
                layers.Reshape(num_positions * down[-1]),
                latents_from(num_positions * down[-1], shape),
            ),
            nn.Sequential(
                Dense(shape.latents, num_positions * up[0], relu=True),
                layers.Reshape(*sides[-1], up[0]),
                *(
                    nn.Sequential(Upsample(*side), Conv(coarse, fine, relu=True))
                    for side, (coarse, fine) in zip(sides[-2::-1], pairwise(up), strict=True)
                ),
                mixture_from(channels, shape.components),
                layers.Reshape(shape.outputs),
            ),
        )
