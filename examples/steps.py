"""What both examples do: train, build, send through a board in software, decode."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import baler_root
from baler_root.api.train import train
from baler_root.fpga.build.project import BuildOptions, build
from baler_root.fpga.encoder import EncoderDefinition
from baler_root.fpga.wire.decode import decode
from baler_root.fpga.wire.software_board import send
from baler_root.training.hardware.limits import HardwareLimits


def arguments(description: str | None, folder: str) -> argparse.ArgumentParser:
    """What both take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--folder", type=Path, default=Path(folder), help="where all files go")
    parser.add_argument("--seconds", type=float, default=60.0, help="of training; longer is better")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-build", action="store_true", help="no firmware, only software")
    return parser


def learn(
    source: Path, target: Path, tree: str, latents: int, hardware: HardwareLimits, seconds: float, **more: Any
) -> None:
    """Train a model for the wire and say what came of it."""
    done = train(
        source,
        target,
        trees=[tree],
        codec="autoencoder",
        latents=latents,
        residual="none",
        hardware=hardware,
        train_seconds=seconds,
        overwrite=True,
        **more,
    )
    print(f"{target}: {done.size} B in {done.seconds:.0f} s", *done.notes, sep="\n  ")


def firmware(model: Path, data: Path, folder: Path, levels: int) -> None:
    """Build it and say what agrees."""
    report = build(model, folder, BuildOptions(adder_levels=levels), data=data, overwrite=True, log=print)
    print(json.dumps(report.to_json(), indent=1))


def through_wire(
    model: Path, source: Path, folder: Path, tree: str, names: list[str]
) -> dict[str, NDArray[Any]]:
    """The branches as they come out of the decoder, row by row."""
    stream, out = folder / "stream.bin", folder / "decoded.baler"
    sent = send(source, model, str(stream), overwrite=True)
    decode(stream, out, model, overwrite=True)
    print(
        f"{sent.events} rows: {sent.bits_in} bits in, {EncoderDefinition.from_model(model).latent_bits} of latents out; "
        f"{sent.bits_out:.0f} in the mean with headers and {sent.raw / sent.events:.2%} rows that were sent raw"
    )
    with baler_root.open(out) as file:
        arrays = file[tree].arrays(names)
    return {name: np.asarray(arrays[name]) for name in names}
