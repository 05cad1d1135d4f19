"""Integer networks beside floating-point networks: bits per row of one file's columns with a model.

`python -m benchmarks run precision [NAME]` (default: the jets). Training imitates the integers of each
variant, so each is trained separately, with the same seed. Bits are entropies on rows held out from
training, without the bytes of models.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import baler_root
from baler_root.training.torch import column_networks
from baler_root.training.torch import fit_conditional as fit
from benchmarks.data import sources
from benchmarks.record import command_line, results

BOUND = "rel=1e-3"
FILE = "pythia_jets_365k"

WAYS: list[tuple[str, dict[str, Any]]] = [
    ("as it is", {}),
    ("8-bit activations, steps of 1/32 up to 8", {"hidden": (5, 255)}),
    ("8-bit activations, steps of 1/64 up to 4", {"hidden": (6, 255)}),
    ("6-bit activations, steps of 1/16 up to 4", {"hidden": (4, 63)}),
    ("float weights", {"float_weights": True}),
    ("float weights and activations", {"float_weights": True, "float_activations": True}),
]


class Captured(Exception):  # noqa: N818  # carries data and is no error
    """Arguments of the training that a compression was about to start."""

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        super().__init__()
        self.arguments = arguments


class Measured(column_networks.ColumnNetworks):
    """Networks that are trained and measured, but not stored."""

    def net(self, *_: int) -> Any:
        """An empty network: variants with floating-point numbers have no integer form."""
        return ()


class FloatStack(Measured):
    """Networks with floating-point weights."""

    float_activations = False

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """`ColumnNetworks.forward` without rounding weights and, if `float_activations`, activations."""
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = torch.baddbmm(bias[:, None], values, weight.transpose(1, 2))
            if number < last:
                step, high = 2.0**column_networks.HIDDEN_BITS, float(column_networks.HIDDEN_HIGH)
                values = values.clamp(0, high / step)
                if not self.float_activations:
                    values = values + (torch.floor(values * step + 0.5) / step - values).detach()
        return values


def captured(path: Path) -> list[tuple[Any, ...]]:
    """Arguments of the first call of `fit_networks` when the file is compressed; empty if there is none."""

    def catch(*arguments: Any) -> None:
        raise Captured(arguments)

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(fit, "fit_networks", catch):
        try:
            baler_root.compress(path, Path(folder) / "out.baler", bound=BOUND, training="max")
        except Captured as capture:
            return [capture.arguments]
    return []


@contextmanager
def changed(
    hidden: tuple[int, int] | None = None, float_weights: bool = False, float_activations: bool = False
) -> Iterator[None]:
    """Context in which `fit_networks` trains a variant; default: 10-bit activations and 8-bit weights."""
    bits, high = hidden or (column_networks.HIDDEN_BITS, column_networks.HIDDEN_HIGH)
    with (
        mock.patch.object(column_networks, "HIDDEN_BITS", bits),
        mock.patch.object(column_networks, "HIDDEN_HIGH", high),
        mock.patch.object(fit, "ColumnNetworks", FloatStack if float_weights else Measured),
        mock.patch.object(FloatStack, "float_activations", float_activations),
    ):
        yield


def main() -> None:
    """Train each way, print and store."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    path = sources.chosen(command_line.names(__doc__) or [FILE])[0]
    rows: list[dict[str, Any]] = []
    for arguments in captured(path):
        axes, _, _, training, *_ = arguments
        for name, way in WAYS:
            with changed(**way):
                trained = fit.fit_networks(*arguments[:4])
            total = sum(trained.bits.values())
            rows.append(
                {
                    "networks": name,
                    "bits per row": round(total, 2),
                    "more than as it is": round(total - rows[0]["bits per row"], 2) if rows else 0.0,
                }
            )
            print(rows[-1], file=sys.stderr)
        summary = {"file": path.stem, "bound": BOUND, "columns": len(axes), "steps": training.steps}
        results.store("precision", rows, summary)
        results.show(f"Precision of the networks of {path.stem}", rows, summary)
