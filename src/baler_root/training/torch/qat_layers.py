"""Layers of an encoder that is to be firmware: few bits, weights that are pruned, codes of columns that are rounded."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root.format.networks import dense as fixedpoint
from baler_root.format.networks.arithmetic import Operation
from baler_root.training.hardware.limits import CODE_WIDTH, Hardware
from baler_root.training.torch.layers import BIAS_LIMIT, Dense, Layer, limits, quantise

RANGE_BITS = 3
"""Activations saturate at `2**RANGE_BITS`."""


BEYOND = 4
"""Latents may in training be `2**BEYOND` times as large as they can be."""


FINER = 2
"""Steps of weights are tried this many powers of two finer than the one that the largest weight needs."""


class QatDense(Dense):
    """A dense layer with weights of few bits, of which some are 0 for good.

    The step of the weights is the power of two that is least wrong: the largest weights may saturate.
    """

    keep: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        weight_bits: int,
        input_total: int,
        bits: int,
        total: int,
        relu: bool = False,
        fine: int = 0,
    ) -> None:
        """`input_total` are the bits that inputs have, `bits` and `total` those of the outputs, as in `Dense`.

        With `fine` those of `forward` have so many fraction bits more, and do not saturate: that must have a gradient.
        """
        super().__init__(inputs, outputs, relu=relu, bits=bits, total=total)
        self.limit, self.input_total, self.fine = (1 << (weight_bits - 1)) - 1, input_total, fine
        self.register_buffer("keep", torch.ones(outputs, inputs))

    @torch.no_grad()
    def _weight_bits(self) -> int:
        """See `_Weighted`; the shift must be at least 1."""
        weight = self.weight.detach() * self.keep
        largest = min(max(1e-6, float(weight.abs().max())), 1e6)
        least = self.output_bits - self.bits + 1
        coarsest = max(least, min(12, math.floor(math.log2(self.limit / largest))))
        wrong = [
            float((weight - quantise(weight, bits, -self.limit, self.limit)).square().sum())
            for bits in range(coarsest, coarsest + FINER + 1)
        ]
        return coarsest + int(np.argmin(wrong))

    def _rounded(self) -> tuple[Tensor, Tensor]:
        bits = self._weight_bits()
        weight = quantise(self.weight * self.keep, bits, -self.limit, self.limit)
        return weight, quantise(self.bias, self.bits + bits, -BIAS_LIMIT, BIAS_LIMIT)

    def _output(self, sums: Tensor) -> Tensor:
        if not self.fine:
            return super()._output(sums)
        most = self.high + 1 << self.fine + BEYOND
        return quantise(sums, self.output_bits + self.fine, -most, most)

    def bit_operations(self) -> Tensor:
        """Bits of all weights times those of what they multiply: `log2(1 + |weight|)` in steps, so that it has a gradient.

        After Sun et al., arXiv:2405.00645, where it is an estimate of LUTs.
        """
        steps = (self.weight * self.keep).abs() * 2.0 ** self._weight_bits()
        return torch.log2(1 + steps).sum() * self.input_total

    @torch.no_grad()
    def integers(self, above: float = 0.0) -> NDArray[np.int64]:
        """The weights in steps, if those of fewer steps than `above` were 0."""
        bits = self._weight_bits()
        weight = self.weight * self.keep
        weight = weight * (weight.abs() * 2.0**bits >= above)
        rounded = quantise(weight, bits, -self.limit, self.limit).double().cpu().numpy() * 2.0**bits
        return np.nan_to_num(rounded).astype(np.int64)

    @torch.no_grad()
    def prune(self, above: float) -> None:
        """Weights of fewer steps than `above` become 0 for good."""
        self.keep *= (self.weight.abs() * 2.0 ** self._weight_bits() >= above).to(self.keep)


class Round(Layer):
    """The codes of columns with fewer bits: each by itself, which a front end's table does."""

    def __init__(self, values: int, hardware: Hardware) -> None:
        super().__init__()
        self.values, self.output_bits = values, hardware.input_fraction
        self.low, self.high = limits(hardware.input_bits)

    def connect(self, bits: int) -> int:
        """See `Layer`."""
        self.bits = bits
        return self.output_bits

    def forward(self, values: Tensor) -> Tensor:
        """(rows, values) to the same."""
        return quantise(values, self.output_bits, self.low, self.high)

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        once, none = np.eye(self.values, dtype=np.int8), np.zeros(self.values, np.int32)
        return [fixedpoint.Dense(once, none, self.bits - self.output_bits, self.low, self.high)]


def qat_layers(hardware: Hardware, values: int, latents: int, fine: int) -> list[Layer]:
    """An encoder's layers; in training latents have `fine` fraction bits."""
    out: list[Layer] = [Round(values, hardware)] if hardware.input_bits < CODE_WIDTH else []
    inputs, total = values, hardware.input_bits
    *hidden, last = hardware.weight_bits
    for width, weight_bits, activation_bits in zip(
        hardware.hidden, hidden, hardware.activation_bits, strict=True
    ):
        out.append(
            QatDense(
                inputs,
                width,
                weight_bits=weight_bits,
                input_total=total,
                bits=activation_bits - RANGE_BITS,
                total=activation_bits,
                relu=True,
            )
        )
        inputs, total = width, activation_bits
    out.append(
        QatDense(
            inputs,
            latents,
            weight_bits=last,
            input_total=total,
            bits=0,
            total=hardware.latent_bits,
            fine=fine,
        )
    )
    return out
