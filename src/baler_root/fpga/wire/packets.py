"""Packets: latents of some events, or the input codes of one as they are, as bits on a wire (formats/wire.md)."""

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
from baler_root.fpga.encoder import Definition

VERSION = 1


SYNC = b"\xb4"
"""How every packet begins."""


HEAD_SIZE, CRC_SIZE = 12, 4


EVENTS_AT, WORDS_AT = 2, 3
"""The bytes of a header with the number of events, and the length of the payload."""


MAX_WORDS = MAX_EVENTS = 255
"""Words of 64 bits, and events, that a packet can carry."""


Values = NDArray[np.int64]
"""(rows, fields)"""


class Flag(IntFlag):
    """What a header says of its packet."""

    NONE = 0
    SATURATED = 1
    """A latent of an event is at a limit of the last layer: it may stand for something beyond."""
    RAW = 2
    """Pass-through: the payload are the input codes of one event."""
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
            ("sync", "u1"),
            ("kind", "u1"),
            ("events", "u1"),
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
        if self.most < 1 or words_of(self.inputs) > MAX_WORDS:
            raise ConfigError(
                f"{sum(self.inputs)} bits of input codes, {sum(self.latents)} of latents: a packet carries at most "
                f"{64 * MAX_WORDS}"
            )

    @classmethod
    def of(cls, definition: Definition) -> Self:
        """The packets of one encoder; raises ConfigError where they would be too long."""
        widths = tuple(latent.width for latent in definition.latents)
        return cls(definition.digest, widths, (definition.input.width,) * definition.width)

    @cached_property
    def row(self) -> np.dtype[Any]:
        """A received event: its number, its flags, and its latents or input codes, filled up with zeros."""
        width = max(len(self.latents), len(self.inputs))
        return np.dtype([("entry", "<i8"), ("flags", "u1"), ("values", "<i2", (width,))])

    @property
    def most(self) -> int:
        """Events of which a packet can carry the latents."""
        return min(MAX_EVENTS, 64 * MAX_WORDS // sum(self.latents))

    @cached_property
    def model(self) -> int:
        """The digest as far as headers have it."""
        return int.from_bytes(self.digest[:4], "little")

    def fields(self, flags: int, events: int) -> tuple[int, ...]:
        """The widths of all fields of a packet."""
        return self.inputs if flags & Flag.RAW else self.latents * events

    def fits(self, flags: int, events: int, words: int) -> bool:
        """Whether there can be such a packet."""
        if flags > int(sum(Flag)):
            return False
        alone = 0 if flags & Flag.END else 1 if flags & Flag.RAW else events
        return (
            events == alone and (events > 0) != (flags & Flag.END > 0) and words == self._words(flags, events)
        )

    def pack(
        self,
        counters: NDArray[np.integer],
        values: NDArray[np.integer],
        flags: NDArray[np.uint8],
        raw: bool = False,
    ) -> list[bytes]:
        """Packets of equally many events, in their order.

        `values`: (packets, events, latents), or with `raw` (packets, 1, inputs), input codes. `counters`: of each
        packet's first event. Neither RAW nor END is among the `flags`.
        """
        events = values.shape[1]
        kinds = flags | np.uint8(Flag.RAW) if raw else flags
        widths = self.fields(Flag.RAW if raw else Flag.NONE, events)
        return _sealed(
            self.model, counters, kinds, events, pack_fields(values.reshape(len(values), -1), widths)
        )

    def pack_end(self, events: int) -> bytes:
        """What says that the run is over and had so many events."""
        flags = np.array([Flag.END], np.uint8)
        return _sealed(self.model, np.array([events]), flags, 0, np.zeros((1, 0), np.uint64))[0]

    def _words(self, flags: int, events: int) -> int:
        return words_of(self.fields(flags, events))


def _sealed(
    model: int,
    counters: NDArray[np.integer],
    flags: NDArray[np.uint8],
    events: int,
    payload: NDArray[np.uint64],
) -> list[bytes]:
    """Packets with their checksums."""
    packets = np.empty(len(counters), packet_dtype(payload.shape[1]))
    packets["sync"] = SYNC[0]
    packets["kind"] = VERSION | flags << 4
    packets["events"] = events
    packets["words"] = payload.shape[1]
    packets["model"] = model
    packets["counter"] = (counters & 0xFFFFFFFF).astype(np.uint32)
    packets["payload"] = payload
    size, data = packets.itemsize, packets.tobytes()
    out = []
    for start in range(0, len(data), size):
        body = data[start : start + size - CRC_SIZE]
        out.append(body + zlib.crc32(body).to_bytes(CRC_SIZE, "little"))
    return out


def _mask(width: int) -> np.uint64:
    return np.uint64((1 << width) - 1)
