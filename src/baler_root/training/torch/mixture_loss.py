"""Bits that the entropy coder needs, as a loss with gradients (formats/codecs.md#symbols)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from baler_root.format.entropy import probability_tables

MIN_PROBABILITY = 1e-9
"""Smaller probabilities count as this: rounding to 0 would make the loss infinite."""


def mixture_bits(outputs: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Bits of each value, whose symbol lies between the edges `low` and `high` of its column's axis.

    `outputs` (…, 3 × components) are the outputs of a network: log2 of weights, means, log2 of scales.
    """
    components = outputs.shape[-1] // 3
    weights, means, scales = torch.split(outputs, components, dim=-1)
    weights = torch.softmax(weights * math.log(2), -1)
    inverse = torch.exp2(-scales.clamp(probability_tables.MIN_LOG_SCALE, probability_tables.MAX_LOG_SCALE))
    probability = interval_probability(
        (low[..., None] - means) * inverse, (high[..., None] - means) * inverse
    )
    column = torch.sigmoid(high) - torch.sigmoid(low)
    floor = probability_tables.FLOOR_WEIGHT / (1 << probability_tables.WEIGHT_BITS)
    return negative_log2((weights * probability).sum(-1) * (1 - floor) + column * floor)


def interval_probability(low: Tensor, high: Tensor) -> Tensor:
    """Probability of a standard logistic distribution between two edges."""
    # Far above the mean both terms are near 1: mirrored, their difference keeps its digits.
    mirrored = low + high > 0
    lower = torch.sigmoid(torch.where(mirrored, -high, low))
    upper = torch.sigmoid(torch.where(mirrored, -low, high))
    return upper - lower


def negative_log2(probability: Tensor) -> Tensor:
    """Bits of a symbol of this probability."""
    return -torch.log2(probability.clamp_min(MIN_PROBABILITY))
