"""Estimate, in floating point, of the amount of data from which a convolutional model would pay on grids.

Two networks predict frames of the simulated fluid; a residual keeps both within the bound. `autoencoder`
predicts a frame from its quantised latents, which are stored on a grid eight times coarser. `successor`
predicts it from the three frames before, without latents. Weights are rounded to 8 bits after training. The
size of a model is that of the part that a reader needs. The measured frames are not those of the training.
Sizes of symbols are those of pco, of zstd on byte planes or of an order-0 entropy coder, whichever is
smallest.

Also measured: `classic`, and the compressors of `grids`. The bytes per frame and per model give the amount
of data from which the model pays; the field is empty if it never does.

`python -m benchmarks run convolutional [--steps N] [--seconds S] [--width N]…`. Another network can be
added to `NETWORKS`; it needs `fit`, `parts` and `model_size`.
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
from benchmarks.rivals.compressors import stored
from benchmarks.run import grids

TRAINING, MEASURED, GAP = 4000, 600, 100
"""Numbers of frames; those of the gap separate the others, so that these are independent."""
WIDTHS = (8, 24)
STEPS, SECONDS, BATCH = 1500, 150.0, 16
RATE = 2e-3
SIZES = (1, 10, 100, 1000, 10_000)
"""Amounts of data [MB] for which sizes are listed."""


class Network(Protocol):
    """A convolutional model of frames."""

    def fit(self, frames: Frames, tolerance: float, steps: int, seconds: float) -> int:
        """Train, and return the number of steps."""

    def parts(self, frames: Frames, tolerance: float) -> dict[str, int]:
        """Bytes that encode these frames within the tolerance, by part, without the model."""

    def model_size(self) -> int:
        """Bytes of the part of the model that a reader needs."""


class Periodic(nn.Conv2d):
    """Convolution with periodic boundary conditions."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(before, after, size, stride)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Convolve values that are continued periodically."""
        edge = self.kernel_size[0] // 2
        padded = pad(values, (edge,) * 4, mode="circular")
        return torch.as_tensor(conv2d(padded, self.weight, self.bias, self.stride))


def optimise(
    parameters: list[nn.Parameter], loss: Callable[[], torch.Tensor], steps: int, seconds: float
) -> int:
    """Minimise a loss by Adam with a falling rate; returns the number of steps within the time limit."""
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    started, progress = time.perf_counter(), 0.0
    for step in range(steps):
        progress = max(step / steps, (time.perf_counter() - started) / seconds)
        if progress >= 1:
            return step
        optimiser.param_groups[0]["lr"] = RATE * float(1 + np.cos(np.pi * progress)) / 2
        value = loss()
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return steps


def round_weights(module: nn.Module) -> int:
    """Round weights to 8 bits, one scale per tensor; returns bytes of weights, scales and biases."""
    size = 0
    for values in module.parameters():
        size += values.numel() if values.ndim > 1 else 4 * values.numel()
        if values.ndim > 1:
            size += 4
            scale = float(values.detach().abs().max()) / 127 or 1.0
            values.data = torch.round(values.detach() / scale) * scale
    return size


def residual_bits(missed: torch.Tensor, tolerance: float) -> torch.Tensor:
    """Mean estimate of the bits per value that residuals of these prediction errors take."""
    return torch.log2(1 + (missed / tolerance) ** 2).mean() / 2


class Autoencoder:
    """Predicts each frame from its latents, which lie on a grid eight times coarser."""

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
        """Minimise bits of latents and residual; noise replaces the rounding of latents in training."""
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

        steps_done = optimise(
            [*self.encoder.parameters(), *self.decoder.parameters(), self.spread], loss, steps, seconds
        )
        self.size = round_weights(self.decoder)
        return steps_done

    def parts(self, frames: Frames, tolerance: float) -> dict[str, int]:
        """Bytes of latents, coded channel by channel, and of the residual."""
        latents, residual = [], []
        with torch.no_grad():
            for part in np.array_split(frames, max(1, len(frames) // 50)):
                coded = torch.round(self.encoder(torch.from_numpy(part / self.scale).float()[:, None]) * 8)
                prediction = self.decoder(coded / 8)[:, 0].numpy().astype(np.float64) * self.scale
                latents.append(coded.numpy().astype(np.int64))
                residual.append(np.rint((part - prediction) / (2 * tolerance)).astype(np.int64))
        channels = np.concatenate(latents).transpose(1, 0, 2, 3)
        return {
            "latents": sum(stored(channel.reshape(-1)) for channel in channels),
            "residual": stored(np.concatenate(residual).reshape(-1)),
        }

    def model_size(self) -> int:
        """Bytes of the decoder."""
        return self.size


class Successor:
    """Predicts each frame from the decoded frames before it; only the residual is stored."""

    BEFORE = 3

    def __init__(self, width: int) -> None:
        self.change = nn.Sequential(
            Periodic(self.BEFORE, width, 5), nn.GELU(), Periodic(width, width, 5), nn.GELU(),
            Periodic(width, width, 5), nn.GELU(), Periodic(width, 1, 3),
        )  # fmt: skip
        self.scale, self.size = 1.0, 0

    def predicted(self, before: torch.Tensor) -> torch.Tensor:
        """Prediction of the frame that follows `before` (frames, BEFORE, side, side)."""
        change: torch.Tensor = self.change(before)
        return before[:, -1:] + change

    def fit(self, frames: Frames, tolerance: float, steps: int, seconds: float) -> int:
        """Train with noise up to the tolerance on the earlier frames, as decoded frames have."""
        self.scale = float(frames.std())
        values, allowed = torch.from_numpy(frames / self.scale).float(), tolerance / self.scale

        def loss() -> torch.Tensor:
            index = torch.randint(self.BEFORE, len(values), (BATCH,))
            before = torch.stack([values[index - back] for back in range(self.BEFORE, 0, -1)], dim=1)
            noise = (2 * torch.rand_like(before) - 1) * allowed
            return residual_bits(self.predicted(before + noise) - values[index][:, None], allowed)

        steps_done = optimise(list(self.change.parameters()), loss, steps, seconds)
        self.size = round_weights(self.change)
        return steps_done

    def parts(self, frames: Frames, tolerance: float) -> dict[str, int]:
        """Bytes of the residual of frames predicted one after another; the first ones have no prediction."""
        step = 2 * tolerance
        decoded = [np.rint(frame / step) * step for frame in frames[: self.BEFORE]]
        residual = [np.rint(frame / step).astype(np.int64) for frame in frames[: self.BEFORE]]
        with torch.no_grad():
            for frame in frames[self.BEFORE :]:
                before = torch.from_numpy(np.stack(decoded[-self.BEFORE :]) / self.scale).float()[None]
                prediction = self.predicted(before)[0, 0].numpy().astype(np.float64) * self.scale
                residual.append(np.rint((frame - prediction) / step).astype(np.int64))
                decoded.append(prediction + step * residual[-1])
        return {"latents": 0, "residual": stored(np.concatenate(residual).reshape(-1))}

    def model_size(self) -> int:
        """Bytes of the whole network."""
        return self.size


NETWORKS: dict[str, Callable[[int], Network]] = {"autoencoder": Autoencoder, "successor": Successor}


def without_model(frames: Frames, tolerance: float) -> dict[str, int]:
    """Bytes of the frames without a model: `classic`, `classic` without interpolation, and the rivals."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "frames.root"
        grids.write([frames], source)
        sizes = {"classic": int(grids.baler(source, f"abs={tolerance!r}", {"codec": "classic"})["pages"])}
        sizes[grids.DIFFERENCES] = grids.differences(source, ErrorBound("abs", tolerance))
    return sizes | {what: len(compressor(frames, tolerance)[0]) for what, compressor in grids.RIVALS.items()}


def wins_from(model: int, size: float, reference: float, frame: int) -> float | None:
    """Amount of frames [MB] from which `size` bytes per frame and a model beat `reference`; None if never."""
    return round(model / (reference - size) * frame / 1e6, 2) if size < reference else None


def row(frame: int, share: float, what: str, size: float, model: int = 0, **more: Any) -> dict[str, Any]:
    """One row: bytes per frame, and the share of float64 [%], with the model, for each amount of data."""
    result: dict[str, Any] = {
        "bound": f"{share:g} of the range",
        "what": what,
        "bytes a frame": round(size, 1),
    }
    result |= {"latents": more.pop("latents", None), "model bytes": model, "steps": more.pop("steps", None)}
    for mb in SIZES:
        result[f"% at {mb} MB"] = round(100 * (size / frame + model / (mb * 1e6)), 3)
    return result | more


def compare(share: float, frames: Frames, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of one bound."""
    training, measured = frames[:TRAINING], frames[TRAINING + GAP :]
    tolerance, frame = share * float(np.ptp(frames)), frames[0].nbytes
    alternatives = {what: size / len(measured) for what, size in without_model(measured, tolerance).items()}
    targets = {
        "classic": alternatives["classic"],
        "SZ3": min(alternatives[what] for what in grids.RIVALS),
    }
    nothing: dict[str, Any] = {f"wins over {name} from MB": None for name in targets}
    rows = [row(frame, share, what, size, **nothing) for what, size in alternatives.items()]
    for name, build in NETWORKS.items():
        for width in options.width or WIDTHS:
            torch.manual_seed(0)
            network = build(width)
            steps = network.fit(training, tolerance, options.steps, options.seconds)
            parts, model = network.parts(measured, tolerance), network.model_size()
            size = sum(parts.values()) / len(measured)
            wins = {
                f"wins over {rival} from MB": wins_from(model, size, target, frame)
                for rival, target in targets.items()
            }
            latents = round(parts["latents"] / len(measured), 1)
            rows.append(
                row(frame, share, f"{name}, {width} wide", size, model, latents=latents, steps=steps, **wins)
            )
            print(rows[-1], file=sys.stderr)
    return rows


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help="largest number of training steps")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="longest training of a network")
    parser.add_argument("--width", type=int, action="append", help="channels")
    return parser.parse_args()


def main() -> None:
    """Train, measure, print and store."""
    warnings.simplefilter("ignore")
    options = arguments()
    frames: NDArray[np.float64] = np.concatenate(list(Fluid().frames(TRAINING + GAP + MEASURED)))
    rows = [row for share in grids.SHARES for row in compare(share, frames, options)]
    summary = {
        "frames trained on": TRAINING,
        "frames measured": MEASURED,
        "bytes of a frame": frames[0].nbytes,
    }
    results.show("Convolutional models of grids", rows, summary)
    results.store("convolutional", rows, summary)
