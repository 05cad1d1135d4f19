"""Trains the networks of one table together, as the integers that they will be."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root.format.codecs.axis import CODE_BITS, CODE_LIMIT, QuantileAxis
from baler_root.format.entropy import tables
from baler_root.format.networks.dense import Dense, FixedPointNet
from baler_root.training.settings import Progressing, Trained, Training

HIDDEN_BITS, HIDDEN_HIGH = 7, (1 << 10) - 1
"""Activations are 10 bits: steps of 1/128 up to 8."""


OUTPUT_LIMIT = 1 << 15


WEIGHT_LIMIT = 127


BIAS_LIMIT = 1 << 31


HELD = 8
"""One row in so many is not trained on."""


PRUNE = (0.15, 0.3)
"""Parts of the training after which parents that help least are dropped; half of what is too many, then the rest."""


PRUNE_ROWS = 4096


LOOK, LOOK_ROWS = 100, 8192
"""After so many steps it is seen how good the networks are, on at most so many of those rows."""


def fit(
    axes: Sequence[QuantileAxis],
    places: Sequence[NDArray[np.int64]],
    parents: Mapping[int, Sequence[int]],
    training: Training,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """A network for each column that has an entry in `parents`, which names the columns that it gets.

    `places`: positions on the axes, one array of equal length per column, the rows in random order.
    """
    if not parents:
        return Trained({}, {}, 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        return _fit(axes, places, parents, training, progress)


def _fit(
    axes: Sequence[QuantileAxis],
    places: Sequence[NDArray[np.int64]],
    parents: Mapping[int, Sequence[int]],
    training: Training,
    progress: Callable[[int, int], None] | None,
) -> Trained:
    columns = sorted(parents)
    data = _Rows(axes, places, [parents[column] for column in columns], columns)
    held = max(1, data.count // HELD)
    stack = Stack(len(columns), data.width, training)
    best = _Best(stack)
    going = Progressing()
    history: list[tuple[int, float]] = []
    optimiser = torch.optim.Adam(stack.parameters(), lr=training.rate, betas=(0.9, 0.99))
    started, step, done = time.monotonic(), 0, 0.0
    prunings = [part for part in PRUNE if data.width > training.parents]
    while done < 1:
        if prunings and done >= prunings[0]:
            prunings.pop(0)
            most = training.parents if not prunings else (data.width + training.parents) // 2
            keep = _most_helpful(stack, data, min(held, PRUNE_ROWS), most)
            stack.keep(data.keep(keep))
            best = _Best(stack)
            optimiser = torch.optim.Adam(stack.parameters(), lr=training.rate, betas=(0.9, 0.99))
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 50)
            group["lr"] = training.rate * warm * (0.5 * (1 + math.cos(math.pi * done)) + 0.005)
        inputs, low, high = data.rows(torch.randint(held, data.count, (training.batch,)))
        loss = bits(stack(inputs), low, high).mean(1).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        step += 1
        done = step / training.steps
        if training.seconds is not None:
            done = max(done, (time.monotonic() - started) / training.seconds)
        if step % LOOK == 0 or done >= 1:
            best.look(_held_bits(stack, data, min(held, LOOK_ROWS)))
            history.append((step, round(float(best.bits.sum()), 3)))
            if not going.look(best.bits):
                done = 1.0
        if progress is not None:
            progress(
                training.steps if done >= 1 else min(int(done * training.steps), training.steps - 1),
                training.steps,
            )
    best.restore()
    final = _held_bits(stack, data, held)
    finite = np.flatnonzero(np.isfinite(best.bits) & np.isfinite(final)).tolist()
    nets = {at: net for at in finite if (net := stack.net(at, len(data.parents[at]))) is not None}
    return Trained(
        nets={columns[at]: net for at, net in nets.items()},
        bits={columns[at]: float(final[at]) for at in finite},
        steps=step,
        parents={columns[at]: data.parents[at] for at in nets},
        history=[entry for entry in history if math.isfinite(entry[1])],
        diverged=tuple(column for at, column in enumerate(columns) if at not in nets),
    )


class _Rows:
    """What networks get of any rows, and where their symbols lie."""

    def __init__(
        self,
        axes: Sequence[QuantileAxis],
        places: Sequence[NDArray[np.int64]],
        parents: Sequence[Sequence[int]],
        columns: Sequence[int],
    ) -> None:
        self.count, self.parents = len(places[0]), [tuple(some) for some in parents]
        self.codes = torch.from_numpy(
            np.stack([axis.codes[at] for axis, at in zip(axes, places, strict=True)])
        )
        self.edges = [torch.from_numpy(axes[column].edges / (1 << tables.AXIS_BITS)) for column in columns]
        self.at = torch.from_numpy(np.stack([places[column] for column in columns]))
        self._arrange()

    def _arrange(self) -> None:
        """Put the parents of all columns into arrays, of which some places stay empty."""
        self.width = max(map(len, self.parents))
        self.choose = torch.zeros((len(self.parents), self.width), dtype=torch.long)
        self.present = torch.zeros((len(self.parents), self.width))
        for number, some in enumerate(self.parents):
            self.choose[number, : len(some)] = torch.tensor(some, dtype=torch.long)
            self.present[number, : len(some)] = 1.0

    def keep(self, places: Sequence[Sequence[int]]) -> Tensor:
        """Keep the parents at these places only; returns the place that each one had, (columns, parents)."""
        self.parents = [tuple(some[at] for at in at_) for some, at_ in zip(self.parents, places, strict=True)]
        self._arrange()
        out = torch.zeros((len(places), self.width), dtype=torch.long)
        for number, some in enumerate(places):
            out[number, : len(some)] = torch.tensor(some, dtype=torch.long)
        return out

    def rows(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (columns, rows, parents), and both edges of each symbol (columns, rows)."""
        inputs = self.codes[:, rows].float()[self.choose] * self.present[..., None] * 2.0**-CODE_BITS
        chosen = self.at[:, rows]
        low = torch.stack([e[i] for e, i in zip(self.edges, chosen, strict=True)]).float()
        high = torch.stack([e[i + 1] for e, i in zip(self.edges, chosen, strict=True)]).float()
        return inputs.transpose(1, 2), low, high


class _Best:
    """The best state of each column's network so far; they do not depend on each other."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.bits = np.full(len(stack.biases[0]), np.inf)
        self.state = [parameter.detach().clone() for parameter in stack.parameters()]

    @torch.no_grad()
    def look(self, found: NDArray[np.float64]) -> None:
        """Keep what became better; what is no number never does."""
        better = found < self.bits
        self.bits[better] = found[better]
        which = torch.from_numpy(better)
        for kept, parameter in zip(self.state, self.stack.parameters(), strict=True):
            kept[which] = parameter[which]

    @torch.no_grad()
    def restore(self) -> None:
        """Give the networks their best state."""
        for kept, parameter in zip(self.state, self.stack.parameters(), strict=True):
            parameter.copy_(kept)


@torch.no_grad()
def _most_helpful(stack: Stack, data: _Rows, rows: int, most: int) -> list[list[int]]:
    """For each column the places of those parents, `most` at most, without which its network would lose most."""
    inputs, low, high = data.rows(torch.arange(rows))
    lost = torch.zeros(data.choose.shape, dtype=torch.float64)
    for place in range(data.width):
        kept = inputs[..., place].clone()
        inputs[..., place] = 0.0
        lost[:, place] = bits(stack(inputs), low, high).double().mean(1)
        inputs[..., place] = kept
    lost[data.present == 0] = -1.0
    order = torch.argsort(lost, dim=1, descending=True, stable=True)[:, :most]
    return [
        sorted(at for at in row if at < len(some))
        for row, some in zip(order.tolist(), data.parents, strict=True)
    ]


@torch.no_grad()
def _held_bits(stack: Stack, data: _Rows, count: int) -> NDArray[np.float64]:
    """Bits per value of each column on the first rows, which are not trained on."""
    total = torch.zeros(len(data.edges), dtype=torch.float64)
    for start in range(0, count, 4096):
        inputs, low, high = data.rows(torch.arange(start, min(count, start + 4096)))
        total += bits(stack(inputs), low, high).double().sum(1)
    return np.asarray((total / count).numpy())


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
    def keep(self, places: Tensor) -> None:
        """Keep the inputs at these places, (columns, inputs), only."""
        first = self.weights[0]
        index = places[:, None, :].expand(-1, first.shape[1], -1)
        self.weights[0] = torch.nn.Parameter(torch.gather(first, 2, index))

    @torch.no_grad()
    def net(self, column: int, inputs: int) -> FixedPointNet | None:
        """One column's network in integers; None where they are too large for it."""
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
            bias = np.round(biases[column].double().numpy() * 2.0**sums)
            if not np.all(np.abs(bias) < BIAS_LIMIT):
                return None
            low, high = (-OUTPUT_LIMIT, OUTPUT_LIMIT - 1) if number == last else (0, HIDDEN_HIGH)
            layers.append(Dense(codes, bias.astype(np.int32), sums - after, low, high))
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
