"""Trains the networks of one table together, as the integers that they will be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root.codecs.axis import CODE_BITS, CODE_LIMIT, Axis
from baler_root.codecs.fixedpoint import Dense, FixedPointNet
from baler_root.entropy import tables
from baler_root.training.training import Training

HIDDEN_BITS, HIDDEN_HIGH = 7, (1 << 10) - 1
"""Activations are 10 bits: steps of 1/128 up to 8."""

OUTPUT_LIMIT = 1 << 15

WEIGHT_LIMIT = 127

CURVE_POINTS = 8


def fit(
    axes: Sequence[Axis],
    places: Sequence[NDArray[np.int64]],
    parents: Sequence[Sequence[int]],
    training: Training,
    progress: Callable[[int, int], None] | None = None,
    curve: list[int] | None = None,
) -> tuple[list[FixedPointNet], NDArray[np.float64]]:
    """A network for each column, and the bits per value that it needs on rows it has not seen.

    `places`: positions on the axes, one array of equal length per column; `parents`: columns before each one.
    `curve` gets a few points of the loss, in bits per row.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        return _fit(axes, places, parents, training, progress, curve)


def _fit(
    axes: Sequence[Axis],
    places: Sequence[NDArray[np.int64]],
    parents: Sequence[Sequence[int]],
    training: Training,
    progress: Callable[[int, int], None] | None,
    curve: list[int] | None,
) -> tuple[list[FixedPointNet], NDArray[np.float64]]:
    rows = len(places[0])
    codes = torch.from_numpy(np.stack([axis.codes[at] for axis, at in zip(axes, places, strict=True)]))
    edges = [torch.from_numpy(axis.edges / (1 << tables.AXIS_BITS)) for axis in axes]
    at = torch.from_numpy(np.stack(places))
    width = max(len(some) for some in [*parents, [0]])
    choose = torch.zeros((len(axes), width), dtype=torch.long)
    present = torch.zeros((len(axes), width))
    for column, some in enumerate(parents):
        choose[column, : len(some)] = torch.tensor(some, dtype=torch.long)
        present[column, : len(some)] = 1.0
    stack = Stack(len(axes), width, training)
    held = max(1, rows // 8)
    optimiser = torch.optim.Adam(stack.parameters(), lr=training.rate, betas=(0.9, 0.99))

    def batch(rows_of: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs = codes[:, rows_of].float()[choose] * present[..., None] * 2.0**-CODE_BITS
        chosen = at[:, rows_of]
        low = torch.stack([e[i] for e, i in zip(edges, chosen, strict=True)]).float()
        high = torch.stack([e[i + 1] for e, i in zip(edges, chosen, strict=True)]).float()
        return inputs.transpose(1, 2), low, high

    points = max(1, training.steps // CURVE_POINTS)
    since: list[float] = []
    for step in range(training.steps):
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 50)
            group["lr"] = (
                training.rate * warm * (0.5 * (1 + math.cos(math.pi * step / training.steps)) + 0.005)
            )
        inputs, low, high = batch(torch.randint(held, rows, (training.batch,)))
        loss = bits(stack(inputs), low, high).mean(1).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        since.append(float(loss.detach()))
        if curve is not None and (step + 1) % points == 0:
            curve.append(round(sum(since) / len(since)))
            since.clear()
        if progress is not None:
            progress(step + 1, training.steps)
    with torch.no_grad():
        total = torch.zeros(len(axes), dtype=torch.float64)
        for start in range(0, held, 4096):
            inputs, low, high = batch(torch.arange(start, min(held, start + 4096)))
            total += bits(stack(inputs), low, high).double().sum(1)
    return [stack.net(column, len(some)) for column, some in enumerate(parents)], (total / held).numpy()


class Stack(torch.nn.Module):
    """The networks of all columns at once, in fixed point: one batch of matrix products for each layer."""

    def __init__(self, columns: int, inputs: int, training: Training) -> None:
        super().__init__()
        sizes = (inputs, training.width, training.width, 3 * training.components)
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for number, (before, after) in enumerate(pairwise(sizes)):
            last = number == len(sizes) - 2
            spread = (0.3 if last else 1.0) / math.sqrt(before) / (1.0 if number else 3.0)
            self.weights.append(torch.nn.Parameter(torch.randn(columns, after, before) * spread))
            self.biases.append(torch.nn.Parameter(torch.zeros(columns, after)))
        with torch.no_grad():
            k = training.components
            self.biases[-1][:, k : 2 * k] = torch.linspace(-2.0, 2.0, k)

    def forward(self, values: Tensor) -> Tensor:
        """(columns, rows, inputs) to (columns, rows, outputs), each value a multiple of its fixed-point step."""
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            scale = _scale(weight)[:, None, None]
            rounded = _straight(
                weight, torch.floor(weight * scale + 0.5).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT) / scale
            )
            values = torch.baddbmm(bias[:, None], values, rounded.transpose(1, 2))
            step, low, high = (
                (2.0**tables.OUTPUT_BITS, -OUTPUT_LIMIT, OUTPUT_LIMIT - 1)
                if number == last
                else (2.0**HIDDEN_BITS, 0, HIDDEN_HIGH)
            )
            values = values.clamp(low / step, high / step)
            values = _straight(values, torch.floor(values * step + 0.5) / step)
        return values

    @torch.no_grad()
    def net(self, column: int, inputs: int) -> FixedPointNet:
        """One column's network in integers."""
        layers, before, last = [], CODE_BITS, len(self.weights) - 1
        for number, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            weight = weights[column : column + 1, :, : inputs if number == 0 else None]
            scale = float(_scale(weights[column : column + 1])[0])
            codes = (
                torch.floor(weight[0] * scale + 0.5)
                .clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT)
                .numpy()
                .astype(np.int8)
            )
            after = tables.OUTPUT_BITS if number == last else HIDDEN_BITS
            sums = before + round(math.log2(scale))
            bias = np.round(biases[column].double().numpy() * 2.0**sums).astype(np.int32)
            low, high = (-OUTPUT_LIMIT, OUTPUT_LIMIT - 1) if number == last else (0, HIDDEN_HIGH)
            layers.append(Dense(codes, bias, sums - after, low, high))
            before = after
        return FixedPointNet(layers, -CODE_LIMIT, CODE_LIMIT - 1)


def _scale(weight: Tensor) -> Tensor:
    """A power of two for each column's weights, so that the largest just fits 8 bits; sums need not be shifted left."""
    largest = weight.detach().abs().amax(dim=(1, 2)).clamp_min(1e-6)
    return torch.exp2(torch.floor(torch.log2(WEIGHT_LIMIT / largest)).clamp(4, 10))


def _straight(value: Tensor, rounded: Tensor) -> Tensor:
    """The rounded value, with the gradient of the other."""
    return value + (rounded - value).detach()


def bits(outputs: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Bits that each value costs between the edges `low` and `high` of its symbol; see `entropy.coder`."""
    components = outputs.shape[-1] // 3
    weights, means, scales = torch.split(outputs, components, dim=-1)
    weights = torch.softmax(weights * math.log(2), -1)
    inverse = torch.exp2(-scales.clamp(tables.MIN_LOG_SCALE, tables.MAX_LOG_SCALE))
    below, above = (low[..., None] - means) * inverse, (high[..., None] - means) * inverse
    # Far above the mean both are near 1: mirrored, their difference keeps its digits.
    mirrored = below + above > 0
    first = torch.sigmoid(torch.where(mirrored, -above, below))
    second = torch.sigmoid(torch.where(mirrored, -below, above))
    own = torch.sigmoid(high) - torch.sigmoid(low)
    floor = tables.FLOOR_WEIGHT / (1 << tables.WEIGHT_BITS)
    return -torch.log2(((weights * (second - first)).sum(-1) * (1 - floor) + own * floor).clamp_min(1e-9))
