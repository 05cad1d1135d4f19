"""Packets: latents, or input codes as they are, of one event each, as bits on a wire (formats/wire.md)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError
from baler_root.fpga.definition import Definition

VERSION = 1

SYNC = b"\xb4\x1e"
"""How every packet begins."""

HEAD_SIZE, CRC_SIZE = 12, 4
MAX_WORDS = 255
"""Words of 64 bits that a packet can carry."""

Bytes = NDArray[np.uint8]
Values = NDArray[np.int64]
"""(rows, fields)"""


class Flag(IntFlag):
    """What a header says of its packet."""

    NONE = 0
    SATURATED = 1
    """A latent is at a limit of its last layer: it may stand for something beyond."""
    RAW = 2
    """Pass-through: the payload are the input codes and not the latents."""
    END = 4
    """The end of the run: no event, and the counter is how many there were."""


def pack_fields(values: NDArray[np.integer], widths: Sequence[int]) -> NDArray[np.uint64]:
    """Fields of these widths (1 to 64 bits), two's complement, as (rows, words): the first in the lowest bits.

    `values`: (rows, fields). Bits beyond a field's width are lost: who calls knows that there are none.
    """
    words = np.zeros((len(values), words_of(widths)), np.uint64)
    at = 0
    for field, width in enumerate(widths):
        bits = values[:, field].astype(np.int64).view(np.uint64) & _mask(width)
        word, offset = divmod(at, 64)
        words[:, word] |= bits << np.uint64(offset)
        if offset + width > 64:
            words[:, word + 1] |= bits >> np.uint64(64 - offset)
        at += width
    return words


def unpack_fields(words: NDArray[np.uint64], widths: Sequence[int]) -> Values:
    """The fields that `pack_fields` packed."""
    values = np.empty((len(words), len(widths)), np.int64)
    at = 0
    for field, width in enumerate(widths):
        word, offset = divmod(at, 64)
        bits = words[:, word] >> np.uint64(offset)
        if offset + width > 64:
            bits |= words[:, word + 1] << np.uint64(64 - offset)
        unused = np.int64(64 - width)  # shifted up and down again, the sign fills what is above the field
        values[:, field] = (bits << np.uint64(unused)).view(np.int64) >> unused
        at += width
    return values


def words_of(widths: Sequence[int]) -> int:
    """How many words of 64 bits hold fields of these widths."""
    return -(-sum(widths) // 64)


def packet_dtype(words: int) -> np.dtype[Any]:
    """A packet with so many words of payload."""
    return np.dtype(
        [
            ("sync", "S2"),
            ("kind", "u1"),
            ("words", "u1"),
            ("model", "<u4"),
            ("counter", "<u4"),
            ("payload", "<u8", (words,)),
            ("crc", "<u4"),
        ]
    )


@dataclass(frozen=True)
class Layout:
    """What both ends of a wire know of its packets."""

    digest: bytes
    """SHA-256 of the model; packets have the first four bytes."""
    latents: tuple[int, ...]
    """Bits of each."""
    inputs: tuple[int, ...]
    """Bits of each input code."""

    def __post_init__(self) -> None:
        if max(self.latent_words, self.input_words) > MAX_WORDS:
            raise ConfigError(
                f"{sum(self.inputs)} bits of input codes and {sum(self.latents)} of latents: a packet carries at most "
                f"{64 * MAX_WORDS}"
            )

    @classmethod
    def of(cls, definition: Definition) -> Self:
        """The packets of one encoder; raises ConfigError where they would be too long."""
        widths = tuple(latent.width for latent in definition.latents)
        return cls(definition.digest, widths, (definition.input.width,) * definition.width)

    @property
    def latent_words(self) -> int:
        """Words of payload with latents."""
        return words_of(self.latents)

    @property
    def input_words(self) -> int:
        """Words of payload with input codes."""
        return words_of(self.inputs)

    @cached_property
    def model(self) -> int:
        """The digest as far as headers have it."""
        return int.from_bytes(self.digest[:4], "little")

    def words(self, flags: int) -> int:
        """Words of payload of a packet with these flags."""
        if flags & Flag.END:
            return 0
        return self.input_words if flags & Flag.RAW else self.latent_words

    @cached_property
    def row(self) -> np.dtype[Any]:
        """A received packet whose header was checked: its entry, its flags, and its payload, filled up with zeros."""
        words = max(self.latent_words, self.input_words)
        return np.dtype([("entry", "<i8"), ("flags", "u1"), ("payload", "<u8", (words,))])

    def pack(
        self, counters: NDArray[np.integer], latents: NDArray[np.integer], flags: NDArray[np.uint8]
    ) -> list[bytes]:
        """A packet for each row of latents, in their order; none of the flags may be RAW or END."""
        return _sealed(self.model, counters, flags, pack_fields(latents, self.latents))

    def pack_raw(
        self, counters: NDArray[np.integer], codes: NDArray[np.integer], flags: NDArray[np.uint8]
    ) -> list[bytes]:
        """The same for rows of input codes, with RAW among the flags."""
        return _sealed(self.model, counters, flags | np.uint8(Flag.RAW), pack_fields(codes, self.inputs))

    def pack_end(self, events: int) -> bytes:
        """What says that the run is over and had so many events."""
        one = np.array([Flag.END], np.uint8)
        return _sealed(self.model, np.array([events]), one, np.zeros((1, 0), np.uint64))[0]

    def unpack(self, rows: NDArray[Any]) -> Values:
        """The latents of received rows that are not RAW, (rows, latents)."""
        return unpack_fields(rows["payload"], self.latents)

    def unpack_raw(self, rows: NDArray[Any]) -> Values:
        """The input codes of received rows that are RAW, (rows, inputs)."""
        return unpack_fields(rows["payload"], self.inputs)


def _sealed(
    model: int, counters: NDArray[np.integer], flags: NDArray[np.uint8], payload: NDArray[np.uint64]
) -> list[bytes]:
    """Packets with their checksums."""
    dtype = packet_dtype(payload.shape[1])
    packets = np.empty(len(counters), dtype)
    packets["sync"] = SYNC
    packets["kind"] = VERSION | flags << 4
    packets["words"] = payload.shape[1]
    packets["model"] = model
    packets["counter"] = (counters & 0xFFFFFFFF).astype(np.uint32)
    packets["payload"] = payload
    size = dtype.itemsize
    data = packets.tobytes()
    out = []
    for start in range(0, len(data), size):
        body = data[start : start + size - CRC_SIZE]
        out.append(body + zlib.crc32(body).to_bytes(CRC_SIZE, "little"))
    return out


def _mask(width: int) -> np.uint64:
    return np.uint64((1 << width) - 1)
