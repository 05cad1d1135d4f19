"""Test vectors: input codes with the latents they must give, as hexadecimal text that benches of all kinds read.

A line is a row; its codes are one number, the first in the least significant bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.fpga.code_format import CodeFormat
from baler_root.fpga.encoder import Codes, Definition

LEAST_ROWS = 10_000
"""Vectors of every build."""


CODES, LATENTS = "codes.hex", "latents.hex"


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Rows to test with."""

    codes: Codes
    latents: Codes
    physics: int
    """How many rows, the first ones, are of a data file."""

    @classmethod
    def make(cls, definition: Definition, physics: Codes | None, seed: int = 0) -> Self:
        """Rows of a data file if there are any, and corner cases; at least `LEAST_ROWS` together."""
        rows = np.zeros((0, definition.width), np.int64) if physics is None else physics
        corners = _corners(
            definition, np.random.default_rng(seed), max(LEAST_ROWS // 2, LEAST_ROWS - len(rows))
        )
        codes = np.concatenate([rows, corners])
        return cls(codes, definition(codes), len(rows))

    def write(self, folder: Path, definition: Definition) -> None:
        """Write them where the benches are."""
        inputs = [definition.input] * definition.width
        (folder / CODES).write_text(to_hex(self.codes, inputs), encoding="ascii")
        (folder / LATENTS).write_text(to_hex(self.latents, definition.latents), encoding="ascii")

    @classmethod
    def read(cls, folder: Path, definition: Definition, physics: int) -> Self:
        """What `write` wrote; raises CorruptFileError where it is damaged, or not what the definition gives."""
        codes = from_hex(folder / CODES, [definition.input] * definition.width)
        latents = from_hex(folder / LATENTS, definition.latents)
        if len(codes) != len(latents) or not len(codes):
            raise CorruptFileError(f"{folder}: {len(codes)} rows of codes, {len(latents)} of latents")
        return cls(codes, latents, physics)


def _corners(definition: Definition, rng: np.random.Generator, count: int) -> Codes:
    """Rows at the limits, rows that drive outputs as far as they go, and random rows."""
    low, high, width = definition.input.low, definition.input.high, definition.width
    fixed = [np.full((1, width), value) for value in (low, high, 0, -1 if definition.input.signed else 1)]
    ends = np.zeros((2 * width, width), np.int64)
    np.fill_diagonal(ends[:width], low)
    np.fill_diagonal(ends[width:], high)
    # Which way each input drives an output, ReLUs aside: the worst rows for sums and for saturation.
    paths = np.eye(width)
    driven: list[Codes] = []
    for layer in definition.layers:
        paths = layer.weights @ paths
        driven += [np.where(paths > 0, high, low), np.where(paths > 0, low, high)]
    known = np.concatenate([*fixed, ends, *driven])
    left = max(0, count - len(known))
    uniform = rng.integers(low, high + 1, (left // 2, width))
    extreme = np.where(rng.random((left // 8, width)) < 0.5, low, high)
    # Codes of columns are about standard logistic, in units of 1/8 of the eighth part of the range.
    usual = rng.logistic(0.0, (high - low) / 16, (left - left // 2 - left // 8, width))
    usual = np.clip(np.round(usual), low, high).astype(np.int64)
    return np.concatenate([known, uniform, extreme, usual])


def pack_bits(rows: Codes, formats: Sequence[CodeFormat]) -> NDArray[np.uint8]:
    """Each row's codes in two's complement one behind the other, the first in the lowest bits; (rows, bytes)."""
    parts = [
        (rows[:, at, None] >> np.arange(one.width) & 1).astype(np.uint8) for at, one in enumerate(formats)
    ]
    return np.packbits(np.concatenate(parts, axis=1), axis=1, bitorder="little")


def unpack_bits(data: NDArray[np.uint8], formats: Sequence[CodeFormat]) -> Codes:
    """The codes of which `pack_bits` made these bytes."""
    bits = np.unpackbits(data, axis=1, bitorder="little")
    out = np.empty((len(data), len(formats)), np.int64)
    start = 0
    for at, one in enumerate(formats):
        stop = start + one.width
        code = bits[:, start:stop].astype(np.int64) @ (1 << np.arange(one.width, dtype=np.int64))
        out[:, at] = code - ((code >> (one.width - 1) & one.signed) << one.width)
        start = stop
    return out


def to_hex(rows: Codes, formats: Sequence[CodeFormat]) -> str:
    """A line for each row."""
    return "".join(f"{row[::-1].tobytes().hex()}\n" for row in pack_bits(rows, formats))


def from_hex(path: Path, formats: Sequence[CodeFormat]) -> Codes:
    """The rows in a file; raises CorruptFileError for anything that `to_hex` does not give."""
    size = -(-sum(one.width for one in formats) // 8)
    try:
        rows = [bytes.fromhex(line) for line in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path}: no test vectors ({error})") from None
    if any(len(row) != size for row in rows):
        raise CorruptFileError(f"{path}: rows that are not of {size} bytes")
    data: NDArray[Any] = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, size)[:, ::-1]
    return unpack_bits(np.ascontiguousarray(data), formats)
