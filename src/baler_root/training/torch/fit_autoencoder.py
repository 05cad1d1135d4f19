"""Trains an autoencoder of the columns of one table, as the integers that it will be."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root.format.codecs.axis import CODE_BITS, QuantileAxis
from baler_root.format.entropy import tables
from baler_root.training.settings import Progressing
from baler_root.training.torch.autoencoder import Autoencoder
from baler_root.training.torch.fit_conditional import HELD, LOOK, LOOK_ROWS, bits
from baler_root.training.torch.mass_loss import MassTerms
from baler_root.training.torch.pruning import END, Economy

PRIOR = 3
"""Logistic distributions that together say how frequent each value of a latent is, in training."""


WARM = 100
"""Steps in which the rate grows to what it should be."""


MOST_NUMBERS = 1 << 23
"""Numbers in all values of the rows of a step, which bounds memory."""


NEAR = 0.85
"""Part of their limit from which latents count as near saturation."""


LEAST_BATCH = 16
"""Rows of a step, whatever the size of the network."""


LEAST_STEPS = 1000
"""Of training, whatever the size of the sample."""


@dataclass(frozen=True, slots=True)
class Course:
    """How long to train, and for what."""

    steps: int
    batch: int = 1024
    """Rows of a step at most: fewer of large networks."""
    look: int = LOOK
    """After so many steps it is seen how good the networks are."""
    epochs: int = 200
    """How often a row is seen at most."""
    products: float = math.inf
    """Multiplications of rows at most, of all steps."""
    rate: float = 3e-3
    seed: int = 0
    seconds: float | None = None
    """At most this long; the result then depends on the machine."""
    luts: float = math.inf
    """That an encoder which is to be firmware may take."""
    latent_weight: float = 1.0
    """What a bit of a latent counts, compared with one of a residual."""

    def of(self, network: Autoencoder, rows: int) -> Course:
        """The steps and the batch of this network, learning from so many rows."""
        most = max(1, min(self.batch, rows, max(LEAST_BATCH, MOST_NUMBERS // network.numbers)))
        batch = 1 << (most.bit_length() - 1)
        seen = max(LEAST_STEPS, self.epochs * rows // batch)
        steps = min(self.steps, seen, max(1.0, self.products / (batch * network.products)))
        return replace(self, steps=int(steps), batch=batch)


@dataclass(slots=True)
class Autoencoded:
    """What came of it: the network at its best."""

    network: Autoencoder
    residual: NDArray[np.float64]
    """Bits of each value of a row, on rows that were not trained on, given the latents."""
    latents: float
    """Bits of the latents of such a row, each coded by itself."""
    masses: list[float]
    """Bits that each mass of a pair would cost, if it were a column, given the latents."""
    steps: int
    history: list[tuple[int, float]] = field(default_factory=list)
    """(step, bits per row, latents and residual together) on such rows."""
    notes: tuple[str, ...] = ()


def fit_autoencoder(
    axes: Sequence[QuantileAxis],
    places: Sequence[NDArray[np.int64]],
    make: Callable[[], Autoencoder],
    components: int,
    course: Course,
    progress: Callable[[int, int], None] | None = None,
    masses: MassTerms | None = None,
) -> Autoencoded | None:
    """The network of `make` trained to give the fewest bits: those of the latents and those of the columns given them.

    `masses` count as columns do. `places`: positions on the axes, (rows, values) of each column, rows in random order. On a GPU if there is
    one; where its memory is too small, on the processor. None where no step gave a number.
    """
    notes: list[str] = []
    for device in _devices():
        with torch.random.fork_rng(devices=[]), _one_thread():
            torch.manual_seed(course.seed)
            try:
                run = _Run(
                    axes, places, make(), components, course, masses or MassTerms(), torch.device(device)
                )
                found = run.run(progress)
            except torch.OutOfMemoryError:
                notes.append("the GPU's memory is too small for the training, which went on without it")
                continue
        if found is not None:
            found.notes = tuple(notes)
        return found
    raise MemoryError("not enough memory for the training")


def _devices() -> list[str]:
    """Where to train, the fastest first."""
    return ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Layers are too small for several threads, which wait for each other longest on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Cost(NamedTuple):
    """What rows take, in bits."""

    values: Tensor
    """(rows, values)"""
    latents: Tensor
    """(rows, latents)"""
    masses: Tensor
    """(rows, masses)"""
    raw: Tensor
    """(rows,): what being near saturation counts, since rows that saturate are sent as they are."""


class _Run:
    """One training on one device."""

    def __init__(
        self,
        axes: Sequence[QuantileAxis],
        places: Sequence[NDArray[np.int64]],
        network: Autoencoder,
        components: int,
        course: Course,
        masses: MassTerms,
        device: torch.device,
    ) -> None:
        self.count, self.components, self.network = len(places[0]), components, network.to(device)
        self.held = max(1, self.count // HELD)
        self.course = course.of(network, self.count - self.held)
        self.at = [torch.from_numpy(at).to(device) for at in places]
        self.codes = [torch.from_numpy(axis.codes.astype(np.float32)).to(device) for axis in axes]
        unit = 1 << tables.AXIS_BITS
        self.edges = [torch.from_numpy((axis.edges / unit).astype(np.float32)).to(device) for axis in axes]
        spread = torch.tensor([0.0, 0.0, 0.0, -8.0, 0.0, 8.0, 2.0, 2.0, 2.0])
        self.prior = torch.nn.Parameter(spread.repeat(network.latents, 1).to(device))
        self.device = device
        self.masses = masses.on(self.edges, self.at)
        self.economy = Economy.of(network.encoder, self.course.luts)

    def run(self, progress: Callable[[int, int], None] | None) -> Autoencoded | None:
        course, network, economy = self.course, self.network, self.economy
        optimiser = torch.optim.Adam([*network.parameters(), self.prior], lr=course.rate, betas=(0.9, 0.99))
        started, step, done = time.monotonic(), 0, 0.0
        going = Progressing(patience=10)
        best, state, history = math.inf, None, []
        while done < 1:
            for group in optimiser.param_groups:
                warm = min(1.0, (step + 1) / WARM)
                group["lr"] = course.rate * warm * (0.5 * (1 + math.cos(math.pi * done)) + 0.005)
            rows = torch.randint(self.held, self.count, (course.batch,)).to(self.device)
            cost = self.bits(rows, noisy=True)
            loss = cost.values.mean(0).sum() + course.latent_weight * cost.latents.mean(0).sum()
            loss = loss + cost.masses.mean(0).sum() + cost.raw.mean()
            if economy is not None:
                loss = economy.loss(loss)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 100.0)
            optimiser.step()
            step += 1
            done = step / course.steps
            if course.seconds is not None:
                done = max(done, (time.monotonic() - started) / course.seconds)
            if economy is not None:
                economy.after(step, done)
            if step % course.look == 0 or done >= 1:
                residual, latents, masses, raw = self.look(min(self.held, LOOK_ROWS))
                total = float(residual.sum()) + course.latent_weight * latents + sum(masses) + raw
                history.append((step, round(float(residual.sum()) + latents, 3)))
                if total < best and (economy is None or economy.is_kept):
                    best = total
                    state = {name: value.detach().clone() for name, value in network.state_dict().items()}
                if (economy is None or done > END) and not going.look(np.array([best])):
                    done = 1.0
            if progress is not None:
                progress(
                    course.steps if done >= 1 else min(int(done * course.steps), course.steps - 1),
                    course.steps,
                )
        if state is None:
            return None
        network.load_state_dict(state)
        residual, latents, masses, _ = self.look(self.held)
        history = [entry for entry in history if math.isfinite(entry[1])]
        return Autoencoded(network.cpu(), residual, latents, masses, step, history)

    def bits(self, rows: Tensor, noisy: bool) -> Cost:
        """What these rows take."""
        at = [at[rows] for at in self.at]
        codes = torch.cat([codes[at] for codes, at in zip(self.codes, at, strict=True)], 1)
        low = torch.cat([edges[at] for edges, at in zip(self.edges, at, strict=True)], 1)
        high = torch.cat([edges[at + 1] for edges, at in zip(self.edges, at, strict=True)], 1)
        latents = self.network.encode(codes * 2.0**-CODE_BITS)
        raw = self.near_saturation(latents)
        # Rounding has no gradient; noise as wide as a step costs the same bits (Balle et al., arXiv:1611.01704).
        latents = latents + torch.rand_like(latents) - 0.5 if noisy else torch.floor(latents + 0.5)
        latents = latents.clamp(*self.network.latent_limits)
        outputs = self.network.decode(latents).reshape(len(rows), codes.shape[1], -1)
        return Cost(bits(outputs, low, high), self.prior_bits(latents), self.masses.bits(outputs, rows), raw)

    def near_saturation(self, latents: Tensor) -> Tensor:
        """0 where no latent is near its limits, as many bits as a row sent raw takes where one is at them."""
        limit = self.network.latent_limits[1]
        over = (latents.abs() / limit - NEAR).clamp_min(0).sum(1) / (1 - NEAR)
        return over * self.network.raw_bits

    def prior_bits(self, latents: Tensor) -> Tensor:
        """Bits of latents, each coded by itself."""
        weights, means, scales = torch.split(self.prior, PRIOR, dim=-1)
        weights, inverse = torch.softmax(weights, -1), torch.exp(-scales)
        below = (latents[..., None] - 0.5 - means) * inverse
        above = (latents[..., None] + 0.5 - means) * inverse
        mirrored = below + above > 0
        first = torch.sigmoid(torch.where(mirrored, -above, below))
        second = torch.sigmoid(torch.where(mirrored, -below, above))
        return -torch.log2((weights * (second - first)).sum(-1).clamp_min(1e-9))

    @torch.no_grad()
    def look(self, count: int) -> tuple[NDArray[np.float64], float, list[float], float]:
        """What each row takes of each value, of the latents, of each mass, and near saturation.

        On the first rows, which are not trained on.
        """
        total, latents, raw = torch.zeros(sum(at.shape[1] for at in self.at), dtype=torch.float64), 0.0, 0.0
        masses = torch.zeros(len(self.masses.pairs), dtype=torch.float64)
        few = min(4096, 4 * self.course.batch)
        for start in range(0, count, few):
            rows = torch.arange(start, min(count, start + few), device=self.device)
            cost = self.bits(rows, noisy=False)
            total += cost.values.double().sum(0).cpu()
            masses += cost.masses.double().sum(0).cpu()
            latents += float(cost.latents.double().sum())
            raw += float(cost.raw.double().sum())
        return np.asarray((total / count).numpy()), latents / count, (masses / count).tolist(), raw / count
