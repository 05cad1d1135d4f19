"""Autoencoders: two networks, which become programs of integers.

To add your own, write a function that takes an `AutoencoderShape` and returns an `Autoencoder`, and a
subclass of `LatentCodec` that names the function (docs/guide/latent-codecs.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from baler_root.format.codecs.latent.model import LATENT_LIMIT
from baler_root.format.entropy.probability_tables import OUTPUT_BITS
from baler_root.format.networks.program import Program
from baler_root.training.hardware.encoder_hardware import Hardware
from baler_root.training.torch.layers import Dense
from baler_root.training.torch.network import CODE_TOTAL, Network
from baler_root.training.torch.qat_layers import qat_layers

LATENT_BITS = 2
"""Fraction bits of the input of decoders: latents in steps of 1 would be large beside the other activations.
"""


FINE_BITS = 6
"""Fraction bits of latents in training: steps of 1 have no gradient."""


SPREAD = 8.0
"""Initial width of latents, in steps; those that are not worth their bits become narrower in training."""


@dataclass(frozen=True, slots=True)
class AutoencoderShape:
    """Inputs, outputs and size of an autoencoder."""

    values: int
    """Inputs of the encoder: the code of each value of a row on the axis of its column, about standard
    logistic.
    """
    latents: int
    """Outputs of the encoder, and inputs of the decoder."""
    components: int
    """Components of a mixture: the decoder has `3 × components` outputs for each value
    (formats/codecs.md#symbols).
    """
    width: int
    """Width of hidden layers."""
    entry: tuple[int, ...] = ()
    """Shape of a row that is one fixed-size array; empty for tables of numbers."""
    hardware: Hardware | None = None
    """Layers and bits of an encoder for firmware, whose hidden layers ignore `width`; None for any other."""

    @property
    def outputs(self) -> int:
        """Outputs of the decoder for each row."""
        return 3 * self.components * self.values


class Autoencoder(nn.Module):
    """An encoder of rows and a decoder of latents."""

    def __init__(self, shape: AutoencoderShape, encoder: nn.Module, decoder: nn.Module) -> None:
        """`encoder` takes (rows, values), ends with `latents_from`; `decoder` takes (rows, latents), ends
        with `mixture_from`.

        Raises the errors of `Network` for layers that do not fit.
        """
        super().__init__()
        self.latents = shape.latents
        limit = LATENT_LIMIT if shape.hardware is None else 1 << (shape.hardware.latent_bits - 1)
        self.latent_limits = -limit, limit - 1
        self.raw_bits = 0 if shape.hardware is None else shape.values * shape.hardware.input_bits
        """Bits of a row on the wire if a latent saturates: the row is sent raw then (formats/wire.md)."""
        self.encoder = Network(encoder, inputs=shape.values)
        self.decoder = Network(decoder, inputs=shape.latents, bits=LATENT_BITS, total=CODE_TOTAL)

    @property
    def products(self) -> int:
        """Multiplications for each row."""
        return self.encoder.products + self.decoder.products

    @property
    def numbers(self) -> int:
        """Numbers in all values of a row."""
        return self.encoder.numbers + self.decoder.numbers

    def encode(self, codes: Tensor) -> Tensor:
        """(rows, values) to (rows, latents), which rounding turns into integers."""
        latents: Tensor = self.encoder(codes)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """(rows, latents) to (rows, outputs); latents are not rounded first."""
        outputs: Tensor = nn.Sequential.forward(self.decoder, latents * 2.0**-LATENT_BITS)  # type: ignore[no-untyped-call]
        return outputs

    def programs(self) -> tuple[Program, Program]:
        """Encoder and decoder in integers; raises the errors of `Network.program`."""
        last = [layer for layer in self.encoder.modules() if isinstance(layer, Dense)][-1]
        fine = last.output_bits, last.low, last.high
        last.output_bits, (last.low, last.high) = 0, self.latent_limits
        try:
            return self.encoder.program(), self.decoder.program()
        finally:
            last.output_bits, last.low, last.high = fine


def latents_from(inputs: int, shape: AutoencoderShape) -> Dense:
    """Last layer of an encoder."""
    layer = Dense(inputs, shape.latents, bits=FINE_BITS, total=CODE_TOTAL + FINE_BITS)
    with torch.no_grad():
        layer.weight.mul_(SPREAD)
    return layer


def firmware_encoder(shape: AutoencoderShape, hardware: Hardware) -> nn.Sequential:
    """Encoder for firmware: layers of few bits (quantisation-aware training)."""
    layers = nn.Sequential(*qat_layers(hardware, shape.values, shape.latents, FINE_BITS))
    with torch.no_grad():
        list(layers.parameters())[-2].mul_(SPREAD)
    return layers


def mixture_from(inputs: int, components: int, values: int = 1) -> Dense:
    """Last layer of a decoder: the mixture of each of `values` values (formats/codecs.md#symbols)."""
    layer = Dense(inputs, 3 * components * values, bits=OUTPUT_BITS, total=16)
    with torch.no_grad():
        layer.weight.mul_(0.3)
        layer.bias.view(values, 3, components)[:, 1] = torch.linspace(-2.0, 2.0, components)
    return layer
