"""Packets on a wire: latents of several events, or the raw input codes of one, as bits (formats/wire.md)."""

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
from baler_root.fpga.encoder import EncoderDefinition

VERSION = 1


SYNC = b"\xb4"
"""First byte of every packet."""


HEAD_SIZE, CRC_SIZE = 12, 4
"""Bytes of the header and of the checksum."""


EVENTS_OFFSET, WORDS_OFFSET = 2, 3
"""Header bytes with the number of events and with the number of payload words."""


MAX_WORDS = MAX_EVENTS = 255
"""Most 64-bit words, and most events, that a packet can carry."""


Values = NDArray[np.int64]
"""(rows, fields)"""


class Flag(IntFlag):
    """Flags in the header of a packet."""

    NONE = 0
    SATURATED = 1
    """A latent of an event is at a limit of the last layer, so its true value may lie beyond."""
    RAW = 2
    """The payload is the input codes of one event, passed through."""
    END = 4
    """End of the run: no events; the counter is the number of events of the run."""


def pack_fields(values: NDArray[np.integer], widths: Sequence[int]) -> NDArray[np.uint64]:
    """Pack (rows, fields) into (rows, words).

    Fields are in two's complement, `widths` (1 to 64) bits wide, the first one in the lowest bits.
    Bits beyond a field's width are cut off without a check.
    """
    words = np.zeros((len(values), words_of(widths)), np.uint64)
    start = 0
    for field, width in enumerate(widths):
        bits = values[:, field].astype(np.int64).view(np.uint64) & _mask(width)
        word, offset = divmod(start, 64)
        words[:, word] |= bits << np.uint64(offset)
        if offset + width > 64:
            words[:, word + 1] |= bits >> np.uint64(64 - offset)
        start += width
    return words


def unpack_fields(words: NDArray[np.uint64], widths: Sequence[int]) -> Values:
    """The fields that `pack_fields` packed, (rows, fields)."""
    values = np.empty((len(words), len(widths)), np.int64)
    start = 0
    for field, width in enumerate(widths):
        word, offset = divmod(start, 64)
        bits = words[:, word] >> np.uint64(offset)
        if offset + width > 64:
            bits |= words[:, word + 1] << np.uint64(64 - offset)
        unused = np.int64(
            64 - width
        )  # shifting left and right again fills the bits above the field with its sign
        values[:, field] = (bits << np.uint64(unused)).view(np.int64) >> unused
        start += width
    return values


def words_of(widths: Sequence[int]) -> int:
    """Number of 64-bit words that hold fields of these widths."""
    return -(-sum(widths) // 64)


def packet_dtype(words: int) -> np.dtype[Any]:
    """Structured dtype of a packet with `words` payload words."""
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
class PacketLayout:
    """Model and bit widths of a link's packets, known to both ends of the wire."""

    digest: bytes
    """SHA-256 of the model; packets carry its first four bytes."""
    latents: tuple[int, ...]
    """Bits of each latent."""
    inputs: tuple[int, ...]
    """Bits of each input code."""

    def __post_init__(self) -> None:
        if self.max_events < 1 or words_of(self.inputs) > MAX_WORDS:
            raise ConfigError(
                f"{sum(self.inputs)} bits of input codes, {sum(self.latents)} of latents: a packet carries at most "
                f"{64 * MAX_WORDS}"
            )

    @classmethod
    def of(cls, definition: EncoderDefinition) -> Self:
        """The layout for an encoder; raises ConfigError if its packets would be too long."""
        widths = tuple(latent.width for latent in definition.latents)
        return cls(definition.digest, widths, (definition.input.width,) * definition.width)

    @cached_property
    def event_dtype(self) -> np.dtype[Any]:
        """Structured dtype of a received event: number, flags, and zero-padded latents or input codes."""
        width = max(len(self.latents), len(self.inputs))
        return np.dtype([("entry", "<i8"), ("flags", "u1"), ("values", "<i2", (width,))])

    @property
    def max_events(self) -> int:
        """Most events whose latents fit into a packet."""
        return min(MAX_EVENTS, 64 * MAX_WORDS // sum(self.latents))

    @cached_property
    def model_id(self) -> int:
        """The first four bytes of the digest as an integer, as headers carry it."""
        return int.from_bytes(self.digest[:4], "little")

    def field_widths(self, flags: int, events: int) -> tuple[int, ...]:
        """Bits of each payload field of a packet."""
        return self.inputs if flags & Flag.RAW else self.latents * events

    def is_possible(self, flags: int, events: int, words: int) -> bool:
        """Whether a header with these entries can be valid."""
        if flags > int(sum(Flag)):
            return False
        if flags & Flag.END:
            return events == 0 and words == words_of(self.field_widths(flags, events))
        if flags & Flag.RAW and events != 1:
            return False
        return events > 0 and words == words_of(self.field_widths(flags, events))

    def pack(
        self,
        counters: NDArray[np.integer],
        values: NDArray[np.integer],
        flags: NDArray[np.uint8],
        raw: bool = False,
    ) -> list[bytes]:
        """Packets with equally many events, in their order.

        `values` are latents, (packets, events, latents), or with `raw` input codes, (packets, 1, inputs).
        `counters` has the number of each packet's first event; `flags` must not contain RAW or END.
        """
        events = values.shape[1]
        kinds = flags | np.uint8(Flag.RAW) if raw else flags
        widths = self.field_widths(Flag.RAW if raw else Flag.NONE, events)
        payload = pack_fields(values.reshape(len(values), -1), widths)
        return _seal(self.model_id, counters, kinds, events, payload)

    def pack_end(self, events: int) -> bytes:
        """The packet that ends a run of `events` events."""
        flags = np.array([Flag.END], np.uint8)
        return _seal(self.model_id, np.array([events]), flags, 0, np.zeros((1, 0), np.uint64))[0]


def _seal(
    model: int,
    counters: NDArray[np.integer],
    flags: NDArray[np.uint8],
    events: int,
    payload: NDArray[np.uint64],
) -> list[bytes]:
    """Packets with headers and checksums."""
    packets = np.empty(len(counters), packet_dtype(payload.shape[1]))
    packets["sync"] = SYNC[0]
    packets["kind"] = VERSION | flags << 4
    packets["events"] = events
    packets["words"] = payload.shape[1]
    packets["model"] = model
    packets["counter"] = (counters & 0xFFFFFFFF).astype(np.uint32)
    packets["payload"] = payload
    size, data = packets.itemsize, packets.tobytes()
    sealed = []
    for start in range(0, len(data), size):
        body = data[start : start + size - CRC_SIZE]
        sealed.append(body + zlib.crc32(body).to_bytes(CRC_SIZE, "little"))
    return sealed


def _mask(width: int) -> np.uint64:
    return np.uint64((1 << width) - 1)
