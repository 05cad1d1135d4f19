"""`ColumnNetworks`: the networks of all columns of a table, trained at once as the integers that they will
be.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from baler_root.format.codecs.axis import CODE_BITS, CODE_LIMIT
from baler_root.format.entropy import probability_tables
from baler_root.format.networks.arithmetic import INT_LIMIT
from baler_root.format.networks.dense import Dense, FixedPointNet
from baler_root.training.settings import NetworkSettings
from baler_root.training.torch.layers import WEIGHT_LIMIT, quantise, straight_through

HIDDEN_BITS, HIDDEN_HIGH = 7, (1 << 10) - 1
"""Activations have 10 bits: steps of 1/128 up to 8."""


OUTPUT_LIMIT = 1 << 15
"""Outputs have 16 bits: codes from minus this to below this."""


MIN_SCALE_BITS, MAX_SCALE_BITS = 4, 10
"""Fraction bits of weights: fewer would need a shift to the left, more add nothing to small weights."""


class ColumnNetworks(torch.nn.Module):
    """One fixed-point network for each column; a layer of all of them is one batch of matrix products."""

    def __init__(self, columns: int, inputs: int, settings: NetworkSettings) -> None:
        super().__init__()
        sizes = (inputs, settings.width, settings.width, 3 * settings.components)
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for number, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            last = number == len(sizes) - 2
            spread = (0.3 if last else 1.0) / math.sqrt(fan_in) / (1.0 if number else 3.0)
            self.weights.append(torch.nn.Parameter(torch.randn(columns, fan_out, fan_in) * spread))
            self.biases.append(torch.nn.Parameter(torch.zeros(columns, fan_out)))
        with torch.no_grad():
            k = settings.components
            self.biases[-1][:, k : 2 * k] = torch.linspace(-2.0, 2.0, k)

    def forward(self, values: Tensor) -> Tensor:
        """(columns, rows, inputs) to (columns, rows, outputs), each value a multiple of its fixed-point
        step.
        """
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            scale = _scale(weight)[:, None, None]
            rounded = straight_through(weight, _codes(weight, scale) / scale)
            values = torch.baddbmm(bias[:, None], values, rounded.transpose(1, 2))
            values = quantise(values, *_output_format(number == last))
        return values

    @torch.no_grad()
    def keep_inputs(self, indices: Tensor) -> None:
        """Drop all inputs but those at these indices, (columns, inputs)."""
        first = self.weights[0]
        index = indices[:, None, :].expand(-1, first.shape[1], -1)
        self.weights[0] = torch.nn.Parameter(torch.gather(first, 2, index))

    @torch.no_grad()
    def net(self, column: int, inputs: int) -> FixedPointNet | None:
        """Network of one column in integers, of its first `inputs` inputs; None if a bias does not fit 32
        bits.
        """
        layers, input_bits, last = [], CODE_BITS, len(self.weights) - 1
        for number, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            weight = weights[column : column + 1]
            scale = _scale(weight)
            codes = _codes(weight[0, :, : inputs if number == 0 else None], scale)
            output_bits, low, high = _output_format(number == last)
            sum_bits = input_bits + round(math.log2(float(scale)))
            bias = np.round(biases[column].double().numpy() * 2.0**sum_bits)
            if not np.all(np.abs(bias) < INT_LIMIT):
                return None
            layers.append(
                Dense(codes.numpy().astype(np.int8), bias.astype(np.int32), sum_bits - output_bits, low, high)
            )
            input_bits = output_bits
        return FixedPointNet(layers, -CODE_LIMIT, CODE_LIMIT - 1)


def _output_format(last: bool) -> tuple[int, int, int]:
    """Fraction bits, lowest and highest code of the outputs of a layer."""
    if last:
        return probability_tables.OUTPUT_BITS, -OUTPUT_LIMIT, OUTPUT_LIMIT - 1
    return HIDDEN_BITS, 0, HIDDEN_HIGH


def _codes(weight: Tensor, scale: Tensor) -> Tensor:
    """Weights in units of 1 / scale, rounded to 8 bits."""
    return torch.floor(weight * scale + 0.5).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT)


def _scale(weight: Tensor) -> Tensor:
    """Power of two for the weights of each column with which the largest one just fits 8 bits."""
    largest = weight.detach().abs().amax(dim=(1, 2)).clamp_min(1e-6)
    return torch.exp2(torch.floor(torch.log2(WEIGHT_LIMIT / largest)).clamp(MIN_SCALE_BITS, MAX_SCALE_BITS))
