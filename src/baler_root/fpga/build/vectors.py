"""Test vectors: input codes and expected latents, as hexadecimal text that any bench can read.

Each line is a row: its codes as one number, the first code in the least significant bits.
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
from baler_root.fpga.encoder import Codes, EncoderDefinition

MIN_ROWS = 10_000
"""Fewest test vectors of a build."""


CODES, LATENTS = "codes.hex", "latents.hex"
"""Names of the files."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Rows to test with."""

    codes: Codes
    latents: Codes
    data_rows: int
    """Number of rows from a data file; these come first."""

    @classmethod
    def make(cls, definition: EncoderDefinition, data: Codes | None, seed: int = 0) -> Self:
        """Vectors from the rows of a data file, if any, followed by corner cases.

        At least `MIN_ROWS` in all.
        """
        rows = np.zeros((0, definition.width), np.int64) if data is None else data
        count = max(MIN_ROWS // 2, MIN_ROWS - len(rows))
        codes = np.concatenate([rows, _corner_cases(definition, np.random.default_rng(seed), count)])
        return cls(codes, definition(codes), len(rows))

    def write(self, folder: Path, definition: EncoderDefinition) -> None:
        """Write the files into the folder of the benches."""
        inputs = [definition.input] * definition.width
        (folder / CODES).write_text(to_hex(self.codes, inputs), encoding="ascii")
        (folder / LATENTS).write_text(to_hex(self.latents, definition.latents), encoding="ascii")

    @classmethod
    def read(cls, folder: Path, definition: EncoderDefinition, data_rows: int) -> Self:
        """The vectors that `write` wrote; raises CorruptFileError if they are damaged."""
        codes = from_hex(folder / CODES, [definition.input] * definition.width)
        latents = from_hex(folder / LATENTS, definition.latents)
        if len(codes) != len(latents) or not len(codes):
            raise CorruptFileError(f"{folder}: {len(codes)} rows of codes, {len(latents)} of latents")
        return cls(codes, latents, data_rows)


def _corner_cases(definition: EncoderDefinition, rng: np.random.Generator, count: int) -> Codes:
    """Rows at the limits, rows that drive each output to its extremes, and random rows; at least `count`."""
    low, high, width = definition.input.low, definition.input.high, definition.width
    fixed = [np.full((1, width), value) for value in (low, high, 0, -1 if definition.input.signed else 1)]
    ends = np.zeros((2 * width, width), np.int64)
    np.fill_diagonal(ends[:width], low)
    np.fill_diagonal(ends[width:], high)
    # The sign with which each input drives an output, ReLUs aside: worst cases for sums and saturation.
    paths = np.eye(width)
    extremes: list[Codes] = []
    for layer in definition.layers:
        paths = layer.weights @ paths
        extremes += [np.where(paths > 0, high, low), np.where(paths > 0, low, high)]
    systematic = np.concatenate([*fixed, ends, *extremes])
    remaining = max(0, count - len(systematic))
    uniform = rng.integers(low, high + 1, (remaining // 2, width))
    limits = np.where(rng.random((remaining // 8, width)) < 0.5, low, high)
    # Codes of real columns are roughly standard logistic; 1 in these units is 1/16 of the range.
    typical = rng.logistic(0.0, (high - low) / 16, (remaining - remaining // 2 - remaining // 8, width))
    typical = np.clip(np.round(typical), low, high).astype(np.int64)
    return np.concatenate([systematic, uniform, limits, typical])


def pack_bits(rows: Codes, formats: Sequence[CodeFormat]) -> NDArray[np.uint8]:
    """Each row's codes in two's complement, the first in the lowest bits; (rows, bytes)."""
    bits = [
        (rows[:, column, None] >> np.arange(code.width) & 1).astype(np.uint8)
        for column, code in enumerate(formats)
    ]
    return np.packbits(np.concatenate(bits, axis=1), axis=1, bitorder="little")


def unpack_bits(data: NDArray[np.uint8], formats: Sequence[CodeFormat]) -> Codes:
    """The codes that `pack_bits` packed, (rows, codes)."""
    bits = np.unpackbits(data, axis=1, bitorder="little")
    rows = np.empty((len(data), len(formats)), np.int64)
    start = 0
    for column, code in enumerate(formats):
        stop = start + code.width
        unsigned = bits[:, start:stop].astype(np.int64) @ (1 << np.arange(code.width, dtype=np.int64))
        rows[:, column] = unsigned - ((unsigned >> (code.width - 1) & code.signed) << code.width)
        start = stop
    return rows


def to_hex(rows: Codes, formats: Sequence[CodeFormat]) -> str:
    """The rows as text, one line each."""
    return "".join(f"{row[::-1].tobytes().hex()}\n" for row in pack_bits(rows, formats))


def from_hex(path: Path, formats: Sequence[CodeFormat]) -> Codes:
    """The rows in a file; raises CorruptFileError for anything that `to_hex` does not write."""
    size = -(-sum(code.width for code in formats) // 8)
    try:
        rows = [bytes.fromhex(line) for line in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path}: no test vectors ({error})") from None
    if any(len(row) != size for row in rows):
        raise CorruptFileError(f"{path}: some rows do not have {size} bytes")
    data: NDArray[Any] = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, size)[:, ::-1]
    return unpack_bits(np.ascontiguousarray(data), formats)
