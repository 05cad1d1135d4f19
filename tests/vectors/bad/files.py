"""The file that bad files start from, and ways to change it with every checksum right."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from baler_root.format.binary.varint import pack_varint
from tests.helpers.forge import Forger
from tests.vectors.source import Source, flat, write_trees

ENTRIES = 8
"""Entries of the good file: tree `Events`, columns i (int32), x (float64), l (counts, int16), in 3 pages."""


CORRUPT, TRUNCATED, UNSUPPORTED, UNKNOWN, MISSING = (
    "CorruptFileError", "TruncatedFileError", "UnsupportedFeatureError", "UnknownCodecError", "MissingModelError",
)  # fmt: skip


@dataclass(frozen=True)
class Bad:
    """A file, its fault, and the error that it must give."""

    about: str
    error: str
    message: str
    build: Callable[[], bytes]
    suffix: str = ".baler"


BAD: dict[str, Bad] = {}


def bad(name: str, about: str, message: str, build: Callable[[], bytes], error: str = CORRUPT) -> None:
    """Add one file."""
    BAD[f"bad/{name}"] = Bad(about, error, message, build)


def good() -> bytes:
    """The file that the others are made from."""
    with tempfile.TemporaryDirectory() as folder:
        return _good(Path(folder)).read_bytes()


def _good(folder: Path) -> Path:
    lists = ak.unflatten(np.arange(6, dtype="i2"), [1, 0, 2, 0, 0, 3, 0, 0])
    x = np.random.default_rng(0).normal(size=ENTRIES)
    arrays = {"i": flat(np.arange(ENTRIES) ** 3 - 99, "i4"), "x": ak.Array(x), "l": lists}
    write_trees(folder / "good.baler", Source("Events", arrays, groups=(1, 1, 2)))
    return folder / "good.baler"


def forged(**changes: Any) -> Callable[[], bytes]:
    """The good file with some parts changed and all checksums right."""

    def build() -> bytes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            return Forger(_good(folder)).write(folder / "bad.baler", **changes).read_bytes()

    return build


def edited(change: Callable[[bytearray], Any]) -> Callable[[], bytes]:
    """The good file with bytes changed in place."""

    def build() -> bytes:
        data = bytearray(good())
        out = change(data)
        return bytes(data if out is None else out)

    return build


def flipped(position: int) -> Callable[[], bytes]:
    """The good file with one bit flipped at a byte (negative: from the end)."""

    def change(data: bytearray) -> None:
        data[position] ^= 4

    return edited(change)


def tree(key: str, value: Any) -> Callable[[], bytes]:
    """The good file with another value in its tree's entry of the manifest."""
    return forged(manifest=lambda document: document["trees"][0].update({key: value}))


def page(group: int, payload: bytes) -> Callable[[], bytes]:
    """The good file with another payload of one page."""
    return forged(page=lambda place, old: payload if place.group == group else old)


def claiming(length: int, frame: bytes) -> bytes:
    """Packed bytes that say that a frame holds this many."""
    body = pack_varint(length) + frame
    return pack_varint(len(body) << 1 | 1) + body
