"""Trains the networks of one table together, as the integers that they will be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root._types import Progress
from baler_root.format.codecs.axis import CODE_BITS, QuantileAxis
from baler_root.format.entropy import probability_tables
from baler_root.training.settings import NetworkSettings, TrainedNetworks
from baler_root.training.torch.column_networks import ColumnNetworks
from baler_root.training.torch.loop import (
    EVALUATION_ROWS,
    VALIDATION_SHARE,
    Evaluation,
    TrainingSchedule,
    train,
)
from baler_root.training.torch.mixture_loss import mixture_bits

WARM_UP = 50
"""Steps in which the learning rate rises."""


PRUNE_AT = (0.15, 0.3)
"""Shares of the training after which the least useful parents are dropped: half of the surplus, then the
rest.
"""


PRUNE_ROWS = 4096
"""Most validation rows that decide which parents are dropped."""


BLOCK_ROWS = 4096
"""Validation rows that go through the networks at once."""


def fit_networks(
    axes: Sequence[QuantileAxis],
    places: Sequence[NDArray[np.int64]],
    parents: Mapping[int, Sequence[int]],
    settings: NetworkSettings,
    progress: Progress | None = None,
) -> TrainedNetworks:
    """Train a network for each column in `parents`, which lists the columns that are its inputs.

    `places` are positions on the axes, one array of equal length per column, with the rows in random order.
    """
    if not parents:
        return TrainedNetworks({}, {}, 0)
    columns = sorted(parents)
    schedule = TrainingSchedule(settings.steps, settings.batch, settings.rate, WARM_UP, settings.seconds)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        task = ConditionalTask(axes, places, {column: parents[column] for column in columns}, settings)
        log = train(task, len(columns), schedule, progress)
        final = task.validation_bits(task.rows.validation)
    finite = np.flatnonzero(np.isfinite(log.losses) & np.isfinite(final)).tolist()
    inputs = task.rows.parents
    nets = {n: net for n in finite if (net := task.stack.net(n, len(inputs[n]))) is not None}
    return TrainedNetworks(
        nets={columns[n]: net for n, net in nets.items()},
        bits={columns[n]: float(final[n]) for n in finite},
        steps=log.steps,
        parents={columns[n]: inputs[n] for n in nets},
        history=log.history,
        diverged=tuple(column for n, column in enumerate(columns) if n not in nets),
    )


class ConditionalTask:
    """The networks of a table as a `TrainingTask`; the network of each column is trained independently of the
    others.
    """

    def __init__(
        self,
        axes: Sequence[QuantileAxis],
        places: Sequence[NDArray[np.int64]],
        parents: Mapping[int, Sequence[int]],
        settings: NetworkSettings,
    ) -> None:
        self.rows = Rows(axes, places, parents)
        self.max_parents = settings.parents
        self.stack = ColumnNetworks(len(parents), self.rows.width, settings)
        self._prunings = [share for share in PRUNE_AT if self.rows.width > settings.parents]

    def parameters(self) -> list[torch.nn.Parameter]:
        """See `TrainingTask`."""
        return list(self.stack.parameters())

    state = parameters

    def loss(self, batch: int) -> Tensor:
        """See `TrainingTask`."""
        inputs, low, high = self.rows.take(torch.randint(self.rows.validation, self.rows.count, (batch,)))
        return mixture_bits(self.stack(inputs), low, high).mean(1).sum()

    def after_step(self, step: int, share_done: float) -> bool:  # noqa: ARG002 - as `TrainingTask` has it
        """See `TrainingTask`."""
        if not self._prunings or not self._prunings[0] <= share_done < 1:
            return False
        self._prunings.pop(0)
        max_inputs = (self.rows.width + self.max_parents) // 2 if self._prunings else self.max_parents
        self.stack.keep_inputs(self.rows.keep_parents(self._most_useful(max_inputs)))
        return True

    def evaluate(self) -> Evaluation:
        """See `TrainingTask`."""
        losses = self.validation_bits(min(self.rows.validation, EVALUATION_ROWS))
        return Evaluation(losses, float(losses.sum()))

    def may_stop(self, share_done: float) -> bool:  # noqa: ARG002 - as `TrainingTask` has it
        """See `TrainingTask`."""
        return True

    @torch.no_grad()
    def validation_bits(self, count: int) -> NDArray[np.float64]:
        """Bits per value of each column, on the first `count` rows."""
        total = torch.zeros(len(self.rows.parents), dtype=torch.float64)
        for start in range(0, count, BLOCK_ROWS):
            inputs, low, high = self.rows.take(torch.arange(start, min(count, start + BLOCK_ROWS)))
            total += mixture_bits(self.stack(inputs), low, high).double().sum(1)
        return np.asarray((total / count).numpy())

    @torch.no_grad()
    def _most_useful(self, max_inputs: int) -> list[list[int]]:
        """Indices of at most `max_inputs` inputs of each column: those without which its network would lose
        most.
        """
        rows = self.rows
        inputs, low, high = rows.take(torch.arange(min(rows.validation, PRUNE_ROWS)))
        bits = torch.zeros(rows.present.shape, dtype=torch.float64)
        for index in range(rows.width):
            values = inputs[..., index].clone()
            inputs[..., index] = 0.0
            bits[:, index] = mixture_bits(self.stack(inputs), low, high).double().mean(1)
            inputs[..., index] = values
        bits[rows.present == 0] = -1.0
        order = torch.argsort(bits, dim=1, descending=True, stable=True)[:, :max_inputs].tolist()
        return [
            sorted(index for index in row if index < len(parents))
            for row, parents in zip(order, rows.parents, strict=True)
        ]


class Rows:
    """Rows of the sample: the inputs of the networks, and the edges of the symbols that they predict."""

    def __init__(
        self,
        axes: Sequence[QuantileAxis],
        places: Sequence[NDArray[np.int64]],
        parents: Mapping[int, Sequence[int]],
    ) -> None:
        """`parents` has the input columns of each column that is modelled."""
        self.count = len(places[0])
        self.validation = max(1, int(self.count * VALIDATION_SHARE))
        """The first rows, as many as this, are not trained on."""
        self.parents = [tuple(inputs) for inputs in parents.values()]
        self._codes = torch.from_numpy(
            np.stack([axis.codes[column_places] for axis, column_places in zip(axes, places, strict=True)])
        )
        self._edges = [
            torch.from_numpy(axes[column].edges / (1 << probability_tables.AXIS_BITS)).float()
            for column in parents
        ]
        self._places = torch.from_numpy(np.stack([places[column] for column in parents]))
        self._arrange()

    def _arrange(self) -> None:
        """Put the parents of all columns into arrays of equal width, some elements of which are not
        present.
        """
        self.width = max(map(len, self.parents))
        self.present = torch.zeros((len(self.parents), self.width))
        for number, inputs in enumerate(self.parents):
            self.present[number, : len(inputs)] = 1.0
        self._inputs = self._padded(self.parents)

    def _padded(self, lists: Sequence[Sequence[int]]) -> Tensor:
        """The lists as rows of a matrix, filled up with zeros."""
        matrix = torch.zeros((len(lists), self.width), dtype=torch.long)
        for number, values in enumerate(lists):
            matrix[number, : len(values)] = torch.tensor(values, dtype=torch.long)
        return matrix

    def keep_parents(self, indices: Sequence[Sequence[int]]) -> Tensor:
        """Drop all parents but those at these indices; returns the indices as (columns, parents)."""
        self.parents = [
            tuple(inputs[index] for index in indices_kept)
            for inputs, indices_kept in zip(self.parents, indices, strict=True)
        ]
        self._arrange()
        return self._padded(indices)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (columns, rows, parents), and both edges of each symbol (columns, rows)."""
        inputs = self._codes[:, rows].float()[self._inputs] * self.present[..., None] * 2.0**-CODE_BITS
        places = self._places[:, rows]
        low = torch.stack(
            [edges[column_places] for edges, column_places in zip(self._edges, places, strict=True)]
        )
        high = torch.stack(
            [edges[column_places + 1] for edges, column_places in zip(self._edges, places, strict=True)]
        )
        return inputs.transpose(1, 2), low, high
