"""The training loop: learning rate, time limit, evaluations, best state, early stopping and progress.

`train` is used for the networks of `conditional` and for autoencoders. A `TrainingTask` supplies what
differs: the loss, its evaluation on validation rows, and what happens between steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root._types import Progress
from baler_root.training.early_stopping import EarlyStopping

VALIDATION_SHARE = 1 / 8
"""Share of the rows that validate the networks and are never trained on."""


EVALUATE_EVERY = 100
"""Steps from one evaluation to the next."""


EVALUATION_ROWS = 8192
"""Most validation rows of an evaluation; the final one uses all of them."""


BETAS = (0.9, 0.99)
"""Decay rates of the moments in Adam (Kingma and Ba, arXiv:1412.6980)."""


LEAST_RATE = 0.005
"""Share of the learning rate that is left at the end of the cosine."""


@dataclass(frozen=True, slots=True)
class TrainingSchedule:
    """Steps, batch size, learning rate, time limit and evaluations of one training."""

    steps: int
    batch: int
    """Rows of a step."""
    rate: float
    """Largest learning rate; it rises during the warm-up and falls as a cosine."""
    warm_up: int
    """Steps in which the learning rate rises linearly."""
    seconds: float | None = None
    """Time limit; with one, the result depends on the machine."""
    evaluate_every: int = EVALUATE_EVERY
    """Steps from one evaluation to the next."""
    patience: int = 5
    """Evaluations that must gain something together; see `EarlyStopping`."""
    max_gradient: float = math.inf
    """Norm to which larger gradients are scaled down."""

    def rate_at(self, step: int, share_done: float) -> float:
        """Learning rate of a step (from 0), after a share `share_done` of the training."""
        warm_up = min(1.0, (step + 1) / self.warm_up)
        return self.rate * warm_up * (0.5 * (1 + math.cos(math.pi * share_done)) + LEAST_RATE)

    def share_done(self, step: int, elapsed: float) -> float:
        """Share of the training that is done after `step` steps and `elapsed` seconds; 1 or more at the
        end.
        """
        share = step / self.steps
        return share if self.seconds is None else max(share, elapsed / self.seconds)


class Evaluation(NamedTuple):
    """Quality of a task's networks on validation rows."""

    losses: NDArray[np.float64]
    """Loss of each network that is trained independently of the others; one entry if there is only one."""
    bits: float
    """Bits per row."""


class TrainingTask(Protocol):
    """One or more networks to train, and their data."""

    def parameters(self) -> Sequence[torch.nn.Parameter]:
        """Parameters that the optimiser changes."""
        ...

    def state(self) -> Sequence[Tensor]:
        """Tensors whose best values are kept; several networks lie along their first axis."""
        ...

    def loss(self, batch: int) -> Tensor:
        """Loss of a random batch of `batch` training rows."""
        ...

    def after_step(self, step: int, share_done: float) -> bool:
        """Prune, if that is due; returns whether the parameters were replaced, so that training starts
        afresh.
        """
        ...

    def evaluate(self) -> Evaluation:
        """Quality on at most `EVALUATION_ROWS` validation rows."""
        ...

    def may_stop(self, share_done: float) -> bool:
        """Whether early stopping is allowed after a share `share_done` of the training."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """Record of a finished training, whose networks have their best state."""

    steps: int
    losses: NDArray[np.float64]
    """Best loss of each network; infinite where no evaluation gave a number."""
    history: list[tuple[int, float]] = field(default_factory=list)
    """(step, bits per validation row) of each evaluation that gave a number."""


class BestState:
    """Best state so far of each network, which are judged independently of each other."""

    def __init__(self, task: TrainingTask, networks: int) -> None:
        self.losses = np.full(networks, np.inf)
        self._tensors = [tensor.detach() for tensor in task.state()]
        self._best = [tensor.clone() for tensor in self._tensors]

    def update(self, losses: NDArray[np.float64]) -> None:
        """Keep the state of each network whose loss is lower than before; NaN never is."""
        improved = losses < self.losses
        self.losses[improved] = losses[improved]
        if len(improved) == 1:
            if improved[0]:
                self._best = [tensor.clone() for tensor in self._tensors]
            return
        rows = torch.from_numpy(np.flatnonzero(improved))
        for best, tensor in zip(self._best, self._tensors, strict=True):
            best[rows] = tensor[rows]

    def restore(self) -> None:
        """Give the networks their best state."""
        for best, tensor in zip(self._best, self._tensors, strict=True):
            tensor.copy_(best)


def train(
    task: TrainingTask, networks: int, schedule: TrainingSchedule, progress: Progress | None = None
) -> TrainingLog:
    """Train the `networks` of a task, and leave them in their best state."""
    optimiser, best, stopping = _start(task, networks, schedule)
    history: list[tuple[int, float]] = []
    started, step, share_done = time.monotonic(), 0, 0.0
    while share_done < 1:
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step, share_done)
        optimiser.zero_grad()
        task.loss(schedule.batch).backward()  # type: ignore[no-untyped-call]
        if math.isfinite(schedule.max_gradient):
            torch.nn.utils.clip_grad_norm_(task.parameters(), schedule.max_gradient)
        optimiser.step()
        step += 1
        share_done = schedule.share_done(step, time.monotonic() - started)
        if task.after_step(step, share_done):
            optimiser, best, stopping = _start(task, networks, schedule)
        if step % schedule.evaluate_every == 0 or share_done >= 1:
            losses, bits = task.evaluate()
            best.update(losses)
            if math.isfinite(bits):
                history.append((step, round(bits, 3)))
            finite = best.losses[np.isfinite(best.losses)]
            if task.may_stop(share_done) and stopping.should_stop(float(finite.sum())):
                share_done = 1.0
        if progress is not None:
            progress(
                schedule.steps
                if share_done >= 1
                else min(int(share_done * schedule.steps), schedule.steps - 1),
                schedule.steps,
            )
    best.restore()
    return TrainingLog(step, best.losses, history)


def _start(
    task: TrainingTask, networks: int, schedule: TrainingSchedule
) -> tuple[torch.optim.Adam, BestState, EarlyStopping]:
    """Optimiser, best state and early stopping for the present parameters."""
    optimiser = torch.optim.Adam(task.parameters(), lr=schedule.rate, betas=BETAS)
    return optimiser, BestState(task, networks), EarlyStopping(schedule.patience)
