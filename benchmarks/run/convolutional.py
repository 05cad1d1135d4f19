"""From which data size on would a convolutional model win on grids? An estimate, in floating point.

Two networks propose what frames of the simulated fluid look like; what they miss by more than the bound is coded as
a residual, so that both keep it. `autoencoder`: quantised latents of a frame, on a grid eight times coarser, are
coded too, and the decoder makes the frame from them. `successor`: the frame, from the three decoded before it,
without latents. Weights are rounded to 8 bits after training and then used; the model's bytes are those that a
reader needs. Frames that are measured are not those trained on. Symbols are counted as pco, zstd over byte
planes or an order-0 entropy coder stores them, whichever is shortest.

Beside them `classic` as it is, and what `grids` compares it with. With bytes of a frame and of a model, the size
from which on a model wins follows; it is empty where it never does.

`python -m benchmarks run convolutional [--steps N] [--seconds S] [--width N]…`. Another network takes the place of
these in `NETWORKS`: it needs `fit`, `parts` and `model_size`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import conv2d, pad

from baler_root.format.bounds import ErrorBound
from benchmarks.data.fluids import Fluid, Frames
from benchmarks.record import command_line, results
from benchmarks.rivals.packers import stored
from benchmarks.run import grids

TRAINING, MEASURED, GAP = 4000, 600, 100
"""Frames; those of the gap lie between, so that the others know nothing of each other."""
WIDTHS = (8, 24)
STEPS, SECONDS, BATCH = 1500, 150.0, 16
RATE = 2e-3
SIZES = (1, 10, 100, 1000, 10_000)
"""MB of frames that sizes are given for."""


class Network(Protocol):
    """A convolutional model of frames."""

    def fit(self, frames: Frames, tolerance: float, steps: int, seconds: float) -> int:
        """Train; the steps made."""

    def parts(self, frames: Frames, tolerance: float) -> dict[str, int]:
        """Bytes of what stands for these frames within the tolerance, the model left out."""

    def model_size(self) -> int:
        """Bytes of what a reader needs of it."""


class Periodic(nn.Conv2d):
    """A convolution of a square whose edges meet."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(before, after, size, stride)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """As `Conv2d`, wrapped around."""
        edge = self.kernel_size[0] // 2
        padded = pad(values, (edge,) * 4, mode="circular")
        return torch.as_tensor(conv2d(padded, self.weight, self.bias, self.stride))


def optimise(
    parameters: list[nn.Parameter], loss: Callable[[], torch.Tensor], steps: int, seconds: float
) -> int:
    """Adam with a falling rate until the steps, or the seconds, are over; the steps made."""
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    started, done = time.perf_counter(), 0.0
    for step in range(steps):
        done = max(step / steps, (time.perf_counter() - started) / seconds)
        if done >= 1:
            return step
        optimiser.param_groups[0]["lr"] = RATE * float(1 + np.cos(np.pi * done)) / 2
        value = loss()
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return steps


def round_weights(module: nn.Module) -> int:
    """8 bits for each weight from here on, scaled tensor by tensor; bytes of weights, float32 biases and scales."""
    size = 0
    for values in module.parameters():
        size += values.numel() if values.ndim > 1 else 4 * values.numel()
        if values.ndim > 1:
            size += 4
            scale = float(values.detach().abs().max()) / 127 or 1.0
            values.data = torch.round(values.detach() / scale) * scale
    return size


def residual_bits(missed: torch.Tensor, tolerance: float) -> torch.Tensor:
    """About the bits that a value costs whose prediction is off by so much."""
    return torch.log2(1 + (missed / tolerance) ** 2).mean() / 2


class Autoencoder:
    """Latents on a grid eight times coarser, for each frame by itself."""

    LATENTS = 8

    def __init__(self, width: int) -> None:
        def layers(*parts: nn.Module) -> nn.Sequential:
            return nn.Sequential(*parts)

        up = nn.Upsample(scale_factor=2, mode="bilinear")
        self.encoder = layers(
            Periodic(1, width, 5, 2), nn.GELU(),
            Periodic(width, 2 * width, 3, 2), nn.GELU(),
            Periodic(2 * width, 2 * width, 3, 2), nn.GELU(), Periodic(2 * width, self.LATENTS, 3),
        )  # fmt: skip
        self.decoder = layers(
            Periodic(self.LATENTS, 2 * width), nn.GELU(),
            up, Periodic(2 * width, 2 * width), nn.GELU(),
            up, Periodic(2 * width, width), nn.GELU(),
            up, Periodic(width, width), nn.GELU(), Periodic(width, 1),
        )  # fmt: skip
        self.spread = nn.Parameter(torch.full((self.LATENTS, 1, 1), 1.0))
        self.scale, self.size = 1.0, 0

    def fit(self, frames: Frames, tolerance: float, steps: int, seconds: float) -> int:
        """Rate and distortion, both in bits of a frame; rounding of latents is noise while training."""
        self.scale = float(frames.std())
        values, allowed = torch.from_numpy(frames / self.scale).float(), tolerance / self.scale

        def loss() -> torch.Tensor:
            batch = values[torch.randint(len(values), (BATCH,))][:, None]
            latents = self.encoder(batch) * 8
            noisy = latents + torch.rand_like(latents) - 0.5
            spread = nn.functional.softplus(self.spread) * 8
            high, low = (torch.sigmoid((noisy + side) / spread) for side in (0.5, -0.5))
            rate: torch.Tensor = (
                -torch.log2((high - low).clamp_min(1e-6)).mean() * latents[0].numel() / batch[0].numel()
            )
            return rate + residual_bits(self.decoder(noisy / 8) - batch, allowed)

        made = optimise(
            [*self.encoder.parameters(), *self.decoder.parameters(), self.spread], loss, steps, seconds
        )
        self.size = round_weights(self.decoder)
        return made

    def parts(self, frames: Frames, tolerance: float) -> dict[str, int]:
        """Latents channel by channel, and the residual."""
        latents, residual = [], []
        with torch.no_grad():
            for part in np.array_split(frames, max(1, len(frames) // 50)):
                coded = torch.round(self.encoder(torch.from_numpy(part / self.scale).float()[:, None]) * 8)
                guess = self.decoder(coded / 8)[:, 0].numpy().astype(np.float64) * self.scale
                latents.append(coded.numpy().astype(np.int64))
                residual.append(np.rint((part - guess) / (2 * tolerance)).astype(np.int64))
        channels = np.concatenate(latents).transpose(1, 0, 2, 3)
        return {
            "latents": sum(stored(channel.reshape(-1)) for channel in channels),
            "residual": stored(np.concatenate(residual).reshape(-1)),
        }

    def model_size(self) -> int:
        """The decoder."""
        return self.size


class Successor:
    """The next frame from those decoded before it; nothing is transmitted but the residual."""

    BEFORE = 3

    def __init__(self, width: int) -> None:
        self.change = nn.Sequential(
            Periodic(self.BEFORE, width, 5), nn.GELU(), Periodic(width, width, 5), nn.GELU(),
            Periodic(width, width, 5), nn.GELU(), Periodic(width, 1, 3),
        )  # fmt: skip
        self.scale, self.size = 1.0, 0

    def predicted(self, before: torch.Tensor) -> torch.Tensor:
        """The frame after these (frames, BEFORE, side, side)."""
        change: torch.Tensor = self.change(before)
        return before[:, -1:] + change

    def fit(self, frames: Frames, tolerance: float, steps: int, seconds: float) -> int:
        """Frames before are off by up to the tolerance, as they will be when decoded."""
        self.scale = float(frames.std())
        values, allowed = torch.from_numpy(frames / self.scale).float(), tolerance / self.scale

        def loss() -> torch.Tensor:
            at = torch.randint(self.BEFORE, len(values), (BATCH,))
            before = torch.stack([values[at - back] for back in range(self.BEFORE, 0, -1)], dim=1)
            noise = (2 * torch.rand_like(before) - 1) * allowed
            return residual_bits(self.predicted(before + noise) - values[at][:, None], allowed)

        made = optimise(list(self.change.parameters()), loss, steps, seconds)
        self.size = round_weights(self.change)
        return made

    def parts(self, frames: Frames, tolerance: float) -> dict[str, int]:
        """One frame after another, each from decoded ones; the first ones stand for themselves."""
        step = 2 * tolerance
        decoded = [np.rint(frame / step) * step for frame in frames[: self.BEFORE]]
        residual = [np.rint(frame / step).astype(np.int64) for frame in frames[: self.BEFORE]]
        with torch.no_grad():
            for frame in frames[self.BEFORE :]:
                before = torch.from_numpy(np.stack(decoded[-self.BEFORE :]) / self.scale).float()[None]
                guess = self.predicted(before)[0, 0].numpy().astype(np.float64) * self.scale
                residual.append(np.rint((frame - guess) / step).astype(np.int64))
                decoded.append(guess + step * residual[-1])
        return {"latents": 0, "residual": stored(np.concatenate(residual).reshape(-1))}

    def model_size(self) -> int:
        """All of it."""
        return self.size


NETWORKS: dict[str, Callable[[int], Network]] = {"autoencoder": Autoencoder, "successor": Successor}


def without(frames: Frames, tolerance: float) -> dict[str, int]:
    """Bytes of the frames without any model: `classic` columns, with and without interpolation, and the rivals."""
    with tempfile.TemporaryDirectory() as where:
        source = Path(where) / "frames.root"
        grids.write([frames], source)
        out = {"classic": int(grids.baler(source, f"abs={tolerance!r}", {"codec": "classic"})["pages"])}
        out[grids.DIFFERENCES] = grids.differences(source, ErrorBound("abs", tolerance))
    return out | {what: len(way(frames, tolerance)[0]) for what, way in grids.RIVALS.items()}


def wins_from(model: int, own: float, other: float, frame: int) -> float | None:
    """MB of frames from which `own` bytes a frame and the model are less than `other`; None if never."""
    return round(model / (other - own) * frame / 1e6, 2) if own < other else None


def row(frame: int, share: float, what: str, size: float, model: int = 0, **more: Any) -> dict[str, Any]:
    """One line: bytes of a frame, and % of float64 with the model at each size of the data."""
    found: dict[str, Any] = {
        "bound": f"{share:g} of the range",
        "what": what,
        "bytes a frame": round(size, 1),
    }
    found |= {"latents": more.pop("latents", None), "model bytes": model, "steps": more.pop("steps", None)}
    for mb in SIZES:
        found[f"% at {mb} MB"] = round(100 * (size / frame + model / (mb * 1e6)), 3)
    return found | more


def compare(share: float, frames: Frames, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of one bound."""
    training, measured = frames[:TRAINING], frames[TRAINING + GAP :]
    tolerance, frame = share * float(np.ptp(frames)), frames[0].nbytes
    others = {what: size / len(measured) for what, size in without(measured, tolerance).items()}
    targets = {
        "classic": others["classic"],
        "SZ3": min(others[what] for what in grids.RIVALS),
    }
    nothing: dict[str, Any] = {f"wins over {name} from MB": None for name in targets}
    rows = [row(frame, share, what, size, **nothing) for what, size in others.items()]
    for name, build in NETWORKS.items():
        for width in asked.width or WIDTHS:
            torch.manual_seed(0)
            network = build(width)
            steps = network.fit(training, tolerance, asked.steps, asked.seconds)
            parts, model = network.parts(measured, tolerance), network.model_size()
            size = sum(parts.values()) / len(measured)
            wins = {
                f"wins over {other} from MB": wins_from(model, size, target, frame)
                for other, target in targets.items()
            }
            latents = round(parts["latents"] / len(measured), 1)
            rows.append(
                row(frame, share, f"{name}, {width} wide", size, model, latents=latents, steps=steps, **wins)
            )
            print(rows[-1], file=sys.stderr)
    return rows


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="longest training of a network")
    parser.add_argument("--width", type=int, action="append", help="channels")
    return parser.parse_args()


def main() -> None:
    """Train, measure, print and store."""
    warnings.simplefilter("ignore")
    asked = arguments()
    frames: NDArray[np.float64] = np.concatenate(list(Fluid().frames(TRAINING + GAP + MEASURED)))
    rows = [row for share in grids.SHARES for row in compare(share, frames, asked)]
    summary = {
        "frames trained on": TRAINING,
        "frames measured": MEASURED,
        "bytes of a frame": frames[0].nbytes,
    }
    results.show("Convolutional models of grids", rows, summary)
    results.store("convolutional", rows, summary)
