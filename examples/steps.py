"""Steps of both examples: train, build, send through a board in software, decode."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import baler_root
from baler_root import LatentOptions, TrainingOptions
from baler_root.api.train import train
from baler_root.fpga.build.project import BuildOptions, build
from baler_root.fpga.encoder import EncoderDefinition
from baler_root.fpga.wire.decode import decode
from baler_root.fpga.wire.software_board import send
from baler_root.training.hardware.limits import HardwareLimits


def arguments(description: str | None, folder: str) -> argparse.ArgumentParser:
    """A parser with the options of both examples."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--folder", type=Path, default=Path(folder), help="folder for all files")
    parser.add_argument("--seconds", type=float, default=60.0, help="time to train; longer is better")
    parser.add_argument("--seed", type=int, default=0, help="seed of sample and training")
    parser.add_argument("--no-build", action="store_true", help="skip the firmware")
    return parser


def learn(
    source: Path,
    target: Path,
    tree: str,
    latents: int,
    hardware: HardwareLimits,
    seconds: float,
    **options: Any,
) -> None:
    """Train a model without a residual, for the wire, and print a summary."""
    summary = train(
        source,
        target,
        trees=[tree],
        codec=LatentOptions("autoencoder", latents=latents, residual="none", hardware=hardware),
        training=TrainingOptions(seconds=seconds),
        overwrite=True,
        **options,
    )
    print(f"{target}: {summary.size} B in {summary.seconds:.0f} s", *summary.notes, sep="\n  ")


def firmware(model: Path, data: Path, folder: Path, levels: int) -> None:
    """Build firmware and print its report."""
    report = build(model, folder, BuildOptions(adder_levels=levels), data=data, overwrite=True, log=print)
    print(json.dumps(report.to_json(), indent=1))


def through_wire(
    model: Path, source: Path, folder: Path, tree: str, names: list[str]
) -> dict[str, NDArray[Any]]:
    """Send all rows through a board in software; returns the decoded branches, row by row."""
    stream, decoded = folder / "stream.bin", folder / "decoded.baler"
    sent = send(source, model, str(stream), overwrite=True)
    decode(stream, decoded, model, overwrite=True)
    print(
        f"{sent.events} rows: {sent.bits_in} bits in, {EncoderDefinition.from_model(model).latent_bits} of latents out; "
        f"{sent.bits_out:.0f} on average with headers and with {sent.raw / sent.events:.2%} of the rows sent raw"
    )
    with baler_root.open(decoded) as file:
        arrays = file[tree].arrays(names)
    return {name: np.asarray(arrays[name]) for name in names}
