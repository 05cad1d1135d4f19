"""`Resources`: what a network of integers takes as adders in an FPGA, estimated at once from its weights alone.

Fitted to what da4ml 0.6.0 (arXiv:2507.04535) reports of networks, random and trained, of 14 to 64 numbers a layer,
weights of 4 to 8 bits, 0 to 80 % of them 0, inputs of 7 to 12 bits: ERROR is how far it is off. da4ml itself takes a
second for each network; `baler_root.fpga.rtl` asks it.
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

LUTS_PER_BIT, MORE_BITS, SHARING, LUTS_PER_OUTPUT = 0.604, 2.55, 0.107, 18.0
"""Of an adder for each bit of its inputs and some more; what dense matrices save by sharing sums; of rounding."""


LEVELS_PER_LAYER = 2
"""For the bias, rounding and saturation, besides the tree of adders."""


ERROR = 0.1
"""Of the LUTs: nine of ten networks are within this share."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Estimates."""

    luts: float
    levels: int
    """Adders one after another."""

    @classmethod
    def of(cls, weights: Sequence[NDArray[np.integer]], bits: Sequence[int]) -> Self:
        """Of layers with these integer weights, (outputs, inputs) each, and inputs of so many bits each."""
        luts, levels = 0.0, 0
        for matrix, width in zip(weights, bits, strict=True):
            found = digits(matrix)
            total = int(found.sum())
            if total:
                share = total / matrix.size
                luts += LUTS_PER_BIT * total * (width + MORE_BITS) * share**-SHARING
            luts += LUTS_PER_OUTPUT * len(matrix)
            levels += math.ceil(math.log2(1 + int(found.sum(axis=1).max(initial=0)))) + LEVELS_PER_LAYER
        return cls(luts, levels)

    @classmethod
    def of_operations(cls, operations: Sequence[Operation], input_bits: int) -> Self:
        """Of the dense layers of a program whose inputs have so many bits; a first layer that only rounds costs none."""
        dense = [operation for operation in operations if isinstance(operation, Dense)]
        if dense and rounds_only(dense[0]):
            dense = dense[1:]
        bits = [input_bits, *(_bits(layer) for layer in dense[:-1])]
        return cls.of([layer.weight for layer in dense], bits)

    def edges(self, levels: int) -> int:
        """Clock edges from codes to latents with so many adders between registers, which stand at both ends, too."""
        return math.ceil(self.levels / levels) + 1


def digits(weights: NDArray[np.integer]) -> NDArray[np.int64]:
    """Of each weight the digits that are not 0 where these may be -1, 0 and 1: one less is how many adders it takes.

    >>> digits(np.array([0, 7, -6, 5])).tolist()
    [0, 2, 2, 2]
    """
    magnitude = np.abs(weights.astype(np.int64))
    return np.asarray(np.bitwise_count(magnitude ^ (3 * magnitude)), np.int64)


def rounds_only(layer: Dense) -> bool:
    """Whether each output is one input, rounded: what a front end's table does as well."""
    outputs, inputs = layer.weight.shape
    once = outputs == inputs and np.array_equal(layer.weight, np.eye(inputs, dtype=np.int8))
    return once and not layer.bias.any()


def _bits(layer: Dense) -> int:
    return max((-1 - layer.low).bit_length() + 1 if layer.low < 0 else 0, layer.high.bit_length())
