"""Layers of an encoder for firmware, for quantisation-aware training (QAT): few bits, pruned weights, rounded
codes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root.format.networks import dense as fixedpoint
from baler_root.format.networks.arithmetic import Operation
from baler_root.training.hardware.encoder_hardware import CODE_WIDTH, Hardware
from baler_root.training.torch.layers import BIAS_LIMIT, Dense, Layer, limits, quantise

RANGE_BITS = 3
"""Activations saturate at `2**RANGE_BITS`."""


OVERFLOW_BITS = 4
"""Latents may exceed their limits by a factor `2**OVERFLOW_BITS` in training, so that there is a gradient."""


FINER_STEPS = 2
"""Powers of two by which the step of weights may be finer than the largest weight needs."""


class QatDense(Dense):
    """Dense layer with weights of few bits, some of them pruned.

    The step of the weights is the power of two with the smallest rounding error; the largest weights may
    saturate.
    """

    keep: Tensor
    """1 for each weight, 0 for those that are pruned."""

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
        """`input_total` is the number of bits of inputs; `bits` and `total` are those of outputs, as in
        `Dense`.

        The outputs of `forward` have `fine` more fraction bits; with any, they do not saturate, to have a
        gradient.
        """
        super().__init__(inputs, outputs, relu=relu, bits=bits, total=total)
        self.limit, self.input_total, self.fine = (1 << (weight_bits - 1)) - 1, input_total, fine
        self.register_buffer("keep", torch.ones(outputs, inputs))

    @torch.no_grad()
    def _weight_bits(self) -> int:
        """See `_Weighted`; the step with the smallest squared error, such that the shift is at least 1."""
        weight = self.weight.detach() * self.keep
        largest = min(max(1e-6, float(weight.abs().max())), 1e6)
        min_bits = self.output_bits - self.bits + 1
        coarsest = max(min_bits, min(12, math.floor(math.log2(self.limit / largest))))
        errors = [
            float((weight - quantise(weight, bits, -self.limit, self.limit)).square().sum())
            for bits in range(coarsest, coarsest + FINER_STEPS + 1)
        ]
        return coarsest + int(np.argmin(errors))

    def _rounded(self) -> tuple[Tensor, Tensor]:
        bits = self._weight_bits()
        weight = quantise(self.weight * self.keep, bits, -self.limit, self.limit)
        return weight, quantise(self.bias, self.bits + bits, -BIAS_LIMIT, BIAS_LIMIT)

    def _output(self, sums: Tensor) -> Tensor:
        if not self.fine:
            return super()._output(sums)
        overflow_limit = self.high + 1 << self.fine + OVERFLOW_BITS
        return quantise(sums, self.output_bits + self.fine, -overflow_limit, overflow_limit)

    def bit_operations(self) -> Tensor:
        """Bits of all weights times the bits of their inputs; a weight has `log2(1 + |weight|)` bits, in
        steps.

        It has a gradient, and estimates LUTs (Sun et al., arXiv:2405.00645).
        """
        steps = (self.weight * self.keep).abs() * 2.0 ** self._weight_bits()
        return torch.log2(1 + steps).sum() * self.input_total

    @torch.no_grad()
    def integers(self, threshold: float = 0.0) -> NDArray[np.int64]:
        """The weights in steps, with those of fewer steps than `threshold` set to 0."""
        bits = self._weight_bits()
        weight = self.weight * self.keep
        weight = weight * (weight.abs() * 2.0**bits >= threshold)
        rounded = quantise(weight, bits, -self.limit, self.limit).double().cpu().numpy() * 2.0**bits
        return np.nan_to_num(rounded).astype(np.int64)

    @torch.no_grad()
    def prune(self, threshold: float) -> None:
        """Set weights of fewer steps than `threshold` to 0 for the rest of the training."""
        self.keep *= (self.weight.abs() * 2.0 ** self._weight_bits() >= threshold).to(self.keep)


class Round(Layer):
    """Rounds the codes of columns to fewer bits; in firmware, the table of the front end does this."""

    def __init__(self, values: int, hardware: Hardware) -> None:
        super().__init__()
        self.values, self.output_bits = values, hardware.input_fraction
        self.low, self.high = limits(hardware.input_bits)

    def connect(self, bits: int) -> int:
        """See `Layer`."""
        self.bits = bits
        return self.output_bits

    def forward(self, values: Tensor) -> Tensor:
        """(rows, values) to the same shape."""
        return quantise(values, self.output_bits, self.low, self.high)

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        identity, zeros = np.eye(self.values, dtype=np.int8), np.zeros(self.values, np.int32)
        return [fixedpoint.Dense(identity, zeros, self.bits - self.output_bits, self.low, self.high)]


def qat_layers(hardware: Hardware, values: int, latents: int, fine: int) -> list[Layer]:
    """Layers of an encoder for firmware; in training, latents have `fine` fraction bits."""
    layers: list[Layer] = [Round(values, hardware)] if hardware.input_bits < CODE_WIDTH else []
    inputs, total = values, hardware.input_bits
    *hidden, last = hardware.weight_bits
    for width, weight_bits, activation_bits in zip(
        hardware.hidden, hidden, hardware.activation_bits, strict=True
    ):
        layers.append(
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
    layers.append(
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
    return layers
