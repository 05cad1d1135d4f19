"""Baler's default autoencoder, rebuilt from arXiv:2305.02283: no bound, float64 latents and a float64 model.

Dense layers of 200, 100 and 50 to the latents and back, leaky ReLU between them, columns scaled to [0, 1]
by minimum and maximum, mean squared error, Adam at 1e-3, batches of 512, 15 % of the rows held out. Unlike
in the paper, rows are shuffled and the rate falls to zero, which both improve it, and training has a time
limit.
"""

from __future__ import annotations

import io
import math
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Table = NDArray[np.float64]

LAYERS = (200, 100, 50)
LATENTS = 14
"""24 variables to 58 % of the size, as in the paper; the configuration in Baler's repository has 15."""
BATCH, RATE, HELD_OUT = 512, 1e-3, 0.15


def stack(sizes: tuple[int, ...]) -> nn.Sequential:
    """Dense layers of these sizes in float64, with leaky ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after, dtype=torch.float64), nn.LeakyReLU()]
    return nn.Sequential(*layers[:-1])


@dataclass(slots=True)
class Dense:
    """The trained autoencoder and the scale of its columns."""

    low: Table
    high: Table
    encoder: nn.Sequential
    decoder: nn.Sequential
    epochs: int = 0
    seconds: float = 0.0
    losses: tuple[float, float] = (0.0, 0.0)
    """Loss on training rows and on held-out rows after the last epoch."""

    @classmethod
    def of(cls, table: Table, latents: int) -> Dense:
        """An untrained network, scaled for this table."""
        sizes = (table.shape[1], *LAYERS, latents)
        return cls(table.min(axis=0), table.max(axis=0), stack(sizes), stack(sizes[::-1]))

    def scaled(self, table: Table) -> torch.Tensor:
        """Columns scaled to [0, 1]; constant columns become 0."""
        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        return torch.from_numpy((table - self.low) / span)

    def encode(self, table: Table, latent: str = "f8") -> bytes:
        """Bytes of Baler's `compressed.npz`: the latents, and the scales that decoding needs."""
        with torch.no_grad():
            latents = self.encoder(self.scaled(table)).numpy()
        file = io.BytesIO()
        np.savez_compressed(file, data=latents.astype(latent), low=self.low, high=self.high)
        return file.getvalue()

    def decode(self, data: bytes) -> Table:
        """The table, without any bound on its errors."""
        with np.load(io.BytesIO(data)) as file, torch.no_grad():
            scaled = self.decoder(torch.from_numpy(file["data"].astype(np.float64))).numpy()
            return np.asarray(scaled * (file["high"] - file["low"]) + file["low"])

    def weights(self) -> dict[str, int]:
        """Size [bytes] of the decoder, and of the whole model that Baler stores."""
        both = nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder})
        return {"decoder": saved_size(self.decoder), "model": saved_size(both)}


def saved_size(module: nn.Module) -> int:
    """Size [bytes] of the weights as saved by torch."""
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    return file.tell()


def train(table: Table, latents: int, epochs: int, seconds: float, seed: int = 0) -> Dense:
    """Train for `epochs`, or for those that begin within `seconds`, with a rate that falls to zero."""
    torch.manual_seed(seed)
    autoencoder = Dense.of(table, latents)
    values = autoencoder.scaled(table)[torch.randperm(len(table))]
    count = len(values) - int(HELD_OUT * len(values))
    training, held_out = values[:count], values[count:]
    parameters: list[Any] = [*autoencoder.encoder.parameters(), *autoencoder.decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    started = time.perf_counter()
    while (progress := max(autoencoder.epochs / epochs, (time.perf_counter() - started) / seconds)) < 1:
        optimiser.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * progress)) / 2
        total = 0.0
        for rows in torch.split(torch.randperm(count), BATCH):
            batch = training[rows]
            loss = nn.functional.mse_loss(autoencoder.decoder(autoencoder.encoder(batch)), batch)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.item() * len(rows)
        with torch.no_grad():
            unseen = float(
                nn.functional.mse_loss(autoencoder.decoder(autoencoder.encoder(held_out)), held_out)
            )
        autoencoder.epochs += 1
        autoencoder.losses = (total / count, unseen)
    autoencoder.seconds = time.perf_counter() - started
    return autoencoder
