"""What an autoencoder is made of: two networks, which become programs of integers.

One's own is a subclass whose `__init__` gets a `AutoencoderShape` and gives `super().__init__` an encoder and a decoder, and a
subclass of `LatentCodec` that names it (docs/guide/latent-codecs.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from baler_root.format.codecs.latent.model import LATENT_LIMIT
from baler_root.format.entropy.tables import OUTPUT_BITS
from baler_root.format.networks.program import Program
from baler_root.training.hardware.limits import Hardware
from baler_root.training.torch.layers import Dense
from baler_root.training.torch.network import CODE_TOTAL, Network
from baler_root.training.torch.qat_layers import qat_layers

LATENT_BITS = 2
"""Decoders get latents in steps of 1/4: steps of 1 would be large beside the other activations."""


FINE_BITS = 6
"""In training latents have so many fraction bits: steps of 1 have no gradient."""


SPREAD = 8.0
"""Latents begin so many steps wide: what is not worth its bits becomes narrower."""


@dataclass(frozen=True, slots=True)
class AutoencoderShape:
    """What an autoencoder must take and give, and how large it should be."""

    values: int
    """Inputs of the encoder: for each value of a row its code on the axis of its column, about standard logistic."""
    latents: int
    components: int
    """For each value the decoder gives `3 × components` numbers; see `formats/codecs.md#symbols`."""
    width: int
    """Of hidden layers."""
    entry: tuple[int, ...] = ()
    """Shape of a row that is one fixed-size array."""
    hardware: Hardware | None = None
    """Of an encoder that is to be firmware; `width` is that of the decoder then."""

    @property
    def outputs(self) -> int:
        """Of the decoder for each row."""
        return 3 * self.components * self.values


class Autoencoder(nn.Module):
    """An encoder of rows and a decoder of latents."""

    def __init__(self, shape: AutoencoderShape, encoder: nn.Module, decoder: nn.Module) -> None:
        """`encoder` takes (rows, values), ends with `latents_from`; `decoder` takes (rows, latents), ends with `mixture_from`.

        Raises what `Network` raises for layers that do not fit.
        """
        super().__init__()
        self.latents = shape.latents
        limit = LATENT_LIMIT if shape.hardware is None else 1 << (shape.hardware.latent_bits - 1)
        self.latent_limits = -limit, limit - 1
        self.raw_bits = 0 if shape.hardware is None else shape.values * shape.hardware.input_bits
        """What a row costs on a wire of which a latent saturates: it is sent as it is (formats/wire.md)."""
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
        """(rows, values) to (rows, latents), which become integers when they are rounded."""
        out: Tensor = self.encoder(codes)
        return out

    def decode(self, latents: Tensor) -> Tensor:
        """(rows, latents) to (rows, outputs); latents that are not rounded are taken as they are."""
        out: Tensor = nn.Sequential.forward(self.decoder, latents * 2.0**-LATENT_BITS)  # type: ignore[no-untyped-call]
        return out

    def programs(self) -> tuple[Program, Program]:
        """Encoder and decoder in integers; raises what `Network.program` raises."""
        last = [layer for layer in self.encoder.modules() if isinstance(layer, Dense)][-1]
        fine = last.output_bits, last.low, last.high
        last.output_bits, (last.low, last.high) = 0, self.latent_limits
        try:
            return self.encoder.program(), self.decoder.program()
        finally:
            last.output_bits, last.low, last.high = fine


def latents_from(inputs: int, shape: AutoencoderShape) -> Dense:
    """The last layer of an encoder."""
    layer = Dense(inputs, shape.latents, bits=FINE_BITS, total=CODE_TOTAL + FINE_BITS)
    with torch.no_grad():
        layer.weight.mul_(SPREAD)
    return layer


def firmware_encoder(shape: AutoencoderShape, hardware: Hardware) -> nn.Sequential:
    """An encoder that is to be firmware."""
    out = nn.Sequential(*qat_layers(hardware, shape.values, shape.latents, FINE_BITS))
    with torch.no_grad():
        list(out.parameters())[-2].mul_(SPREAD)
    return out


def mixture_from(inputs: int, components: int, values: int = 1) -> Dense:
    """The last layer of a decoder: of each of so many values what the coder should expect."""
    layer = Dense(inputs, 3 * components * values, bits=OUTPUT_BITS, total=16)
    with torch.no_grad():
        layer.weight.mul_(0.3)
        layer.bias.view(values, 3, components)[:, 1] = torch.linspace(-2.0, 2.0, components)
    return layer
