"""Transformer autoencoder in floating point, without bound or residual, like Baler's newest model.

One token per column, three transformer layers (Vaswani et al., arXiv:1706.03762), three dense layers to the
latents, and the reverse. pT, energies and isolations are scaled to [0, 1] by their logarithm, angles by
their value. Baler's authors give layers and scaling but no sizes; the widths are chosen here. Training
minimises the mean squared error of the scaled columns, by Adam at a rate that falls from 1e-3 to zero.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Table = NDArray[np.float32]

TOKEN, HEADS, LAYERS, HIDDEN = 16, 2, 3, 64
BATCH, RATE = 512, 1e-3


class Tokens(nn.Module):
    """Network from columns to latents or, with `to_columns`, the same layers in reverse from latents to
    columns."""

    def __init__(self, columns: int, latents: int, to_columns: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(TOKEN, HEADS, 2 * TOKEN, 0.0, batch_first=True)
        self.attention = nn.TransformerEncoder(layer, LAYERS)
        self.token = nn.Linear(1, TOKEN)
        self.place = nn.Parameter(0.1 * torch.randn(columns, TOKEN))
        self.value = nn.Linear(TOKEN, 1)
        sizes = (latents, HIDDEN, HIDDEN, columns) if to_columns else (columns, HIDDEN, HIDDEN, latents)
        parts: list[nn.Module] = []
        for before, after in pairwise(sizes):
            parts += [nn.Linear(before, after), nn.LeakyReLU()]
        self.dense, self.back = nn.Sequential(*parts[:-1]), to_columns

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Latents (rows, latents) of columns (rows, columns), or the reverse."""
        if self.back:
            values = self.dense(values)
        tokens = self.attention(self.token(values[..., None]) + self.place)
        values = self.value(tokens)[..., 0] + values  # the columns are a good first prediction of themselves
        return values if self.back else self.dense(values)


@dataclass(slots=True)
class Scale:
    """Scaling of columns to [0, 1] by minimum and maximum; of `logarithmic` columns by their logarithm."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    logarithmic: NDArray[np.bool_]

    @classmethod
    def of(cls, table: Table, logarithmic: NDArray[np.bool_]) -> Scale:
        """Scale of a table; a column with values of 0 or less is scaled without logarithm."""
        chosen = logarithmic & (table.min(axis=0) > 0)
        values = np.where(chosen, np.log(np.where(chosen, table, 1)), table)
        return cls(values.min(axis=0), values.max(axis=0), chosen)

    def apply(self, table: Table) -> Table:
        """Scaled table."""
        values = np.where(
            self.logarithmic, np.log(np.where(self.logarithmic, np.maximum(table, 1e-30), 1)), table
        )
        return ((values - self.low) / np.where(self.high > self.low, self.high - self.low, 1)).astype(
            np.float32
        )

    def undo(self, scaled: Table) -> Table:
        """Table from scaled columns."""
        values = scaled.astype(np.float64) * (self.high - self.low) + self.low
        return np.where(self.logarithmic, np.exp(values), values).astype(np.float32)


@dataclass(slots=True)
class TransformerAutoencoder:
    """Trained autoencoder of float32 tables."""

    scale: Scale
    encoder: Tokens
    decoder: Tokens
    epochs: int
    seconds: float
    loss: float

    @property
    def model_size(self) -> int:
        """Bytes of the decoder's weights as float32."""
        return 4 * sum(parameter.numel() for parameter in self.decoder.parameters())

    def encode(self, table: Table) -> Table:
        """Latents (rows, latents) of a table."""
        return self._through(self.encoder, self.scale.apply(table))

    def decode(self, latents: Table) -> Table:
        """The table, without any bound on its errors."""
        return self.scale.undo(self._through(self.decoder, latents))

    @staticmethod
    def _through(network: Tokens, values: Table) -> Table:
        with torch.no_grad():
            parts = [network(part) for part in torch.split(torch.from_numpy(values), 8192)]
        return np.asarray(torch.cat(parts).numpy(), np.float32)


def train(
    table: Table, logarithmic: NDArray[np.bool_], latents: int, seconds: float, seed: int = 0
) -> TransformerAutoencoder:
    """Train for the epochs that begin within `seconds`, with a rate that falls to zero."""
    torch.manual_seed(seed)
    scale = Scale.of(table, logarithmic)
    columns = table.shape[1]
    encoder, decoder = Tokens(columns, latents, to_columns=False), Tokens(columns, latents, to_columns=True)
    values = torch.from_numpy(scale.apply(table))
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=RATE)
    started, epochs, loss = time.perf_counter(), 0, math.nan
    while (progress := (time.perf_counter() - started) / seconds) < 1:
        total = 0.0
        for rows in torch.split(torch.randperm(len(values)), BATCH):
            progress = min(1.0, (time.perf_counter() - started) / seconds)
            optimiser.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * progress)) / 2
            error = nn.functional.mse_loss(decoder(encoder(values[rows])), values[rows])
            optimiser.zero_grad()
            error.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += error.item() * len(rows)
        epochs, loss = epochs + 1, total / len(values)
    return TransformerAutoencoder(
        scale, encoder.eval(), decoder.eval(), epochs, time.perf_counter() - started, loss
    )
