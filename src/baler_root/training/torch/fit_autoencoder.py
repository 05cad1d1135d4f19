"""Trains an autoencoder of the columns of one table, as the integers that it will be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root._types import Progress
from baler_root.format.codecs.axis import CODE_BITS, QuantileAxis
from baler_root.format.entropy import probability_tables
from baler_root.training.torch.autoencoder import Autoencoder
from baler_root.training.torch.loop import (
    EVALUATE_EVERY,
    EVALUATION_ROWS,
    VALIDATION_SHARE,
    Evaluation,
    TrainingSchedule,
    train,
)
from baler_root.training.torch.mass_loss import MassTargets
from baler_root.training.torch.mixture_loss import interval_probability, mixture_bits, negative_log2
from baler_root.training.torch.pruning import PRUNE_END, BitPruning

PRIOR = 3
"""Components of the mixture that models the frequencies of each latent in training."""


WARM_UP = 100
"""Steps in which the learning rate rises."""


PATIENCE = 10
"""Evaluations that must gain something together."""


MAX_GRADIENT = 100.0
"""Norm to which larger gradients are scaled down."""


MAX_NUMBERS = 1 << 23
"""Most numbers in all values of the rows of a step, which bounds memory."""


NEAR = 0.85
"""Share of their limit from which latents count as near saturation."""


MIN_BATCH = 16
"""Fewest rows of a step, however large the network."""


MIN_STEPS = 1000
"""Fewest training steps, whatever the sample's size."""


BLOCK_ROWS = 4096
"""Most validation rows that go through the network at once."""


@dataclass(frozen=True, slots=True)
class AutoencoderSettings:
    """Limits of the training of one autoencoder, and the weights of its loss."""

    steps: int
    batch: int = 1024
    """Most rows of a step; large networks take fewer."""
    evaluate_every: int = EVALUATE_EVERY
    """Steps from one evaluation to the next."""
    epochs: int = 200
    """Most times that a row is trained on."""
    products: float = math.inf
    """Most multiplications of the whole training."""
    rate: float = 3e-3
    """Largest learning rate."""
    seed: int = 0
    seconds: float | None = None
    """Time limit; with one, the result depends on the machine."""
    luts: float = math.inf
    """LUTs that an encoder for firmware may take."""
    latent_weight: float = 1.0
    """Weight of a bit of a latent in the loss; a bit of the residual has weight 1."""

    def schedule(self, network: Autoencoder, rows: int) -> TrainingSchedule:
        """Steps and batch for this network and this many training rows."""
        max_batch = max(1, min(self.batch, rows, max(MIN_BATCH, MAX_NUMBERS // network.numbers)))
        batch = 1 << (max_batch.bit_length() - 1)
        epoch_steps = max(MIN_STEPS, self.epochs * rows // batch)
        steps = min(self.steps, epoch_steps, max(1.0, self.products / (batch * network.products)))
        return TrainingSchedule(
            int(steps),
            batch,
            self.rate,
            WARM_UP,
            self.seconds,
            self.evaluate_every,
            PATIENCE,
            MAX_GRADIENT,
        )


@dataclass(frozen=True, slots=True)
class TrainedAutoencoder:
    """An autoencoder in its best state, and its quality on validation rows."""

    network: Autoencoder
    residual: NDArray[np.float64]
    """Bits of each value of a row, given the latents."""
    latents: float
    """Bits of the latents of a row, each coded by itself."""
    masses: list[float]
    """Bits that each pair mass would cost if it were a column, given the latents."""
    steps: int
    history: list[tuple[int, float]] = field(default_factory=list)
    """(step, bits per row, latents and residual together) of each evaluation."""
    notes: tuple[str, ...] = ()
    """Messages for the user."""


def fit_autoencoder(
    axes: Sequence[QuantileAxis],
    places: Sequence[NDArray[np.int64]],
    make: Callable[[], Autoencoder],
    components: int,
    settings: AutoencoderSettings,
    progress: Progress | None = None,
    masses: MassTargets | None = None,
) -> TrainedAutoencoder | None:
    """Train the network that `make` returns to need the fewest bits, for latents and for columns given the
    latents.

    `places` are positions on the axes, (rows, values) of each column, with the rows in random order; `masses`
    count as columns do. Training runs on a GPU if there is one with enough memory, else on the processor.
    None if no evaluation gave a number.
    """
    notes: tuple[str, ...] = ()
    for device in devices():
        with torch.random.fork_rng(devices=[]), one_thread():
            torch.manual_seed(settings.seed)
            try:
                data = AutoencoderData(
                    axes, places, components, masses or MassTargets(), torch.device(device)
                )
                return AutoencoderTask(data, make(), settings).fit(progress, notes)
            except torch.OutOfMemoryError:
                notes += ("the GPU's memory is too small for the training, which went on without it",)
    raise MemoryError("not enough memory for the training")


def devices() -> list[str]:
    """Devices to train on, the fastest first."""
    return ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to one thread: layers are too small for several, which slow each other down on a busy
    machine.
    """
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


class RowBits(NamedTuple):
    """Terms of the loss for each row, in bits."""

    values: Tensor
    """(rows, values)"""
    latents: Tensor
    """(rows, latents)"""
    masses: Tensor
    """(rows, masses)"""
    raw: Tensor
    """(rows,): penalty of latents near saturation, since rows with saturated latents are sent raw."""


class Quality(NamedTuple):
    """Means of `RowBits` over validation rows."""

    residual: NDArray[np.float64]
    """Bits of each value of a row."""
    latents: float
    masses: list[float]
    raw: float


class AutoencoderData:
    """The sample of a table on one device."""

    def __init__(
        self,
        axes: Sequence[QuantileAxis],
        places: Sequence[NDArray[np.int64]],
        components: int,
        masses: MassTargets,
        device: torch.device,
    ) -> None:
        self.device, self.components = device, components
        self.count = len(places[0])
        self.validation = max(1, int(self.count * VALIDATION_SHARE))
        """The first rows, as many as this, are not trained on."""
        self.values = sum(column_places.shape[1] for column_places in places)
        self._places = [torch.from_numpy(column_places).to(device) for column_places in places]
        self._codes = [torch.from_numpy(axis.codes.astype(np.float32)).to(device) for axis in axes]
        unit = 1 << probability_tables.AXIS_BITS
        self._edges = [torch.from_numpy((axis.edges / unit).astype(np.float32)).to(device) for axis in axes]
        self.masses = masses.loss(self._edges, self._places)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs of the encoder and both edges of each symbol, all (rows, values)."""
        places = [column_places[rows] for column_places in self._places]
        codes = torch.cat(
            [codes[column_places] for codes, column_places in zip(self._codes, places, strict=True)], 1
        )
        low = torch.cat(
            [edges[column_places] for edges, column_places in zip(self._edges, places, strict=True)], 1
        )
        high = torch.cat(
            [edges[column_places + 1] for edges, column_places in zip(self._edges, places, strict=True)], 1
        )
        return codes * 2.0**-CODE_BITS, low, high


class AutoencoderTask:
    """An autoencoder and its data as a `TrainingTask`."""

    def __init__(self, data: AutoencoderData, network: Autoencoder, settings: AutoencoderSettings) -> None:
        self.data, self.settings = data, settings
        self.network = network.to(data.device)
        spread = torch.tensor([0.0, 0.0, 0.0, -8.0, 0.0, 8.0, 2.0, 2.0, 2.0])
        self.prior = torch.nn.Parameter(spread.repeat(network.latents, 1).to(data.device))
        self.pruning = BitPruning.of(network.encoder, settings.luts)

    def fit(self, progress: Progress | None, notes: tuple[str, ...]) -> TrainedAutoencoder | None:
        """Train the network; None if no evaluation gave a number."""
        schedule = self.settings.schedule(self.network, self.data.count - self.data.validation)
        log = train(self, 1, schedule, progress)
        if not math.isfinite(log.losses[0]):
            return None
        quality = self.quality(self.data.validation)
        return TrainedAutoencoder(
            self.network.cpu(),
            quality.residual,
            quality.latents,
            quality.masses,
            log.steps,
            log.history,
            notes,
        )

    def parameters(self) -> list[torch.nn.Parameter]:
        """See `TrainingTask`."""
        return [*self.network.parameters(), self.prior]

    def state(self) -> list[Tensor]:
        """See `TrainingTask`; the masks of pruned weights are part of it."""
        return [*self.network.state_dict().values(), self.prior]

    def loss(self, batch: int) -> Tensor:
        """See `TrainingTask`."""
        rows = torch.randint(self.data.validation, self.data.count, (batch,)).to(self.data.device)
        bits = self.bits(rows, noisy=True)
        loss = bits.values.mean(0).sum() + self.settings.latent_weight * bits.latents.mean(0).sum()
        loss = loss + bits.masses.mean(0).sum() + bits.raw.mean()
        return loss if self.pruning is None else self.pruning.loss(loss)

    def after_step(self, step: int, share_done: float) -> bool:
        """See `TrainingTask`; pruned weights stay parameters."""
        if self.pruning is not None:
            self.pruning.prune(step, share_done)
        return False

    def evaluate(self) -> Evaluation:
        """See `TrainingTask`; an encoder that exceeds its budget has an infinite loss."""
        quality = self.quality(min(self.data.validation, EVALUATION_ROWS))
        residual = float(quality.residual.sum())
        loss = residual + self.settings.latent_weight * quality.latents + sum(quality.masses) + quality.raw
        if self.pruning is not None and not self.pruning.within_budget:
            loss = math.inf
        return Evaluation(np.array([loss]), residual + quality.latents)

    def may_stop(self, share_done: float) -> bool:
        """See `TrainingTask`; pruning must have ended."""
        return self.pruning is None or share_done > PRUNE_END

    def bits(self, rows: Tensor, noisy: bool) -> RowBits:
        """Terms of the loss for these rows; `noisy` replaces the rounding of latents, which has no gradient.

        Uniform noise as wide as a step costs the same bits (Balle et al., arXiv:1611.01704).
        """
        codes, low, high = self.data.take(rows)
        latents = self.network.encode(codes)
        raw = self.saturation_bits(latents)
        latents = latents + torch.rand_like(latents) - 0.5 if noisy else torch.floor(latents + 0.5)
        latents = latents.clamp(*self.network.latent_limits)
        outputs = self.network.decode(latents).reshape(len(rows), codes.shape[1], -1)
        values = mixture_bits(outputs, low, high)
        return RowBits(values, self.latent_bits(latents), self.data.masses.bits(outputs, rows), raw)

    def saturation_bits(self, latents: Tensor) -> Tensor:
        """0 while no latent is near its limits; the bits of a raw row when one is at them."""
        limit = self.network.latent_limits[1]
        over = (latents.abs() / limit - NEAR).clamp_min(0).sum(1) / (1 - NEAR)
        return over * self.network.raw_bits

    def latent_bits(self, latents: Tensor) -> Tensor:
        """Bits of latents, each coded by itself."""
        weights, means, scales = torch.split(self.prior, PRIOR, dim=-1)
        weights, inverse = torch.softmax(weights, -1), torch.exp(-scales)
        low = (latents[..., None] - 0.5 - means) * inverse
        high = (latents[..., None] + 0.5 - means) * inverse
        return negative_log2((weights * interval_probability(low, high)).sum(-1))

    @torch.no_grad()
    def quality(self, count: int) -> Quality:
        """Mean bits of the first `count` rows, which are not trained on."""
        residual = torch.zeros(self.data.values, dtype=torch.float64)
        masses = torch.zeros(len(self.data.masses.pairs), dtype=torch.float64)
        latents = raw = 0.0
        block = min(BLOCK_ROWS, 4 * max(MIN_BATCH, MAX_NUMBERS // self.network.numbers))
        for start in range(0, count, block):
            rows = torch.arange(start, min(count, start + block), device=self.data.device)
            bits = self.bits(rows, noisy=False)
            residual += bits.values.double().sum(0).cpu()
            masses += bits.masses.double().sum(0).cpu()
            latents += float(bits.latents.double().sum())
            raw += float(bits.raw.double().sum())
        means = np.asarray((residual / count).numpy())
        return Quality(means, latents / count, (masses / count).tolist(), raw / count)
