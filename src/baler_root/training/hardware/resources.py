"""`Resources`: LUTs and adder depth of an integer network in an FPGA, estimated from its weights.

The formula is fitted to the reports of da4ml 0.6.0 (arXiv:2507.04535) on random and trained networks with
layers of 14 to 64 neurons, weights of 4 to 8 bits of which 0 to 80 % are 0, and inputs of 7 to 12 bits.
`ESTIMATE_ERROR` is its error. da4ml itself takes a second per network; `baler_root.fpga.build.rtl.estimate`
runs it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from baler_root.format.networks.arithmetic import Operation
from baler_root.format.networks.dense import Dense

LUTS_PER_BIT, EXTRA_BITS = 0.604, 2.55
"""LUTs of an adder per bit, and bits to count in addition to those of its inputs."""


SHARING_EXPONENT = 0.107
"""Dense matrices share sums: LUTs fall with this power of the digits per weight."""


LUTS_PER_OUTPUT = 18.0
"""LUTs of rounding and saturation, for each output of a layer."""


DEPTH_PER_LAYER = 2
"""Adders in series for bias, rounding and saturation, after the adder tree."""


ESTIMATE_ERROR = 0.1
"""Relative error of the LUTs that nine out of ten networks stay within."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Estimated resources of a network."""

    luts: float
    adder_depth: int
    """Adders in series from the input codes to the latents."""

    @classmethod
    def of(cls, weights: Sequence[NDArray[np.integer]], bits: Sequence[int]) -> Self:
        """Estimate layers with these integer weights, (outputs, inputs) each, and input widths `bits`."""
        luts, depth = 0.0, 0
        for matrix, width in zip(weights, bits, strict=True):
            digits = nonzero_digits(matrix)
            total = int(digits.sum())
            if total:
                digits_per_weight = total / matrix.size
                luts += LUTS_PER_BIT * total * (width + EXTRA_BITS) * digits_per_weight**-SHARING_EXPONENT
            luts += LUTS_PER_OUTPUT * len(matrix)
            depth += math.ceil(math.log2(1 + int(digits.sum(axis=1).max(initial=0)))) + DEPTH_PER_LAYER
        return cls(luts, depth)

    @classmethod
    def of_operations(cls, operations: Sequence[Operation], input_bits: int) -> Self:
        """Estimate the dense layers of a program with inputs of `input_bits`.

        A first layer that only rounds is free: it is part of the front end's tables.
        """
        layers = [operation for operation in operations if isinstance(operation, Dense)]
        if layers and rounds_only(layers[0]):
            layers = layers[1:]
        bits = [input_bits, *(_output_bits(layer) for layer in layers[:-1])]
        return cls.of([layer.weight for layer in layers], bits)

    def latency_cycles(self, adder_levels: int) -> int:
        """Clock cycles from input codes to latents, with `adder_levels` adders between two registers.

        Registers at both ends are included.
        """
        return math.ceil(self.adder_depth / adder_levels) + 1


def nonzero_digits(weights: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number of non-zero digits of each weight in canonical signed digit form (digits -1, 0 and 1).

    A multiplication by the weight takes one adder fewer.

    >>> nonzero_digits(np.array([0, 7, -6, 5])).tolist()
    [0, 2, 2, 2]
    """
    magnitude = np.abs(weights.astype(np.int64))
    return np.asarray(np.bitwise_count(magnitude ^ (3 * magnitude)), np.int64)


def rounds_only(layer: Dense) -> bool:
    """Whether each output is one input, rounded, which a table of the front end does as well."""
    outputs, inputs = layer.weight.shape
    identity = outputs == inputs and np.array_equal(layer.weight, np.eye(inputs, dtype=np.int8))
    return identity and not layer.bias.any()


def _output_bits(layer: Dense) -> int:
    return max((-1 - layer.low).bit_length() + 1 if layer.low < 0 else 0, layer.high.bit_length())
