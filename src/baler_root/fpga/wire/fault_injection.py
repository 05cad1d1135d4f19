"""Faults of a wire, injected on purpose: packets are lost, repeated, reordered or damaged."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass
from typing import Literal

import numpy as np

from baler_root.errors import ConfigError

Fault = Literal["lost", "repeated", "reordered", "flipped"]


MAX_DISPLACEMENT = 64
"""Most packets that overtake a reordered one."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Share of packets, 0 to 1, that each fault hits."""

    loss: float = 0.0
    duplication: float = 0.0
    reorder: float = 0.0
    flip: float = 0.0
    """Share of packets in which one bit is flipped."""

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in astuple(self)):
            raise ConfigError(f"shares of packets must be from 0 to 1, not {astuple(self)}")


class FaultyWire:
    """A wire that injects faults into packets; the same seed gives the same faults."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._random = np.random.default_rng(seed)
        self.counts: Counter[Fault] = Counter()
        """Packets that each fault has hit."""

    def transmit(self, packets: list[bytes]) -> list[bytes]:
        """The packets as they leave the wire; reordering is among these packets only."""
        faults, random = self._faults, self._random
        transmitted = self._hit("lost", len(packets), faults.loss, hits=False)
        repeated = self._hit("repeated", len(transmitted), faults.duplication)
        result = [packets[index] for index in np.sort(np.concatenate([transmitted, transmitted[repeated]]))]
        moved = self._hit("reordered", len(result), faults.reorder)
        order = np.arange(len(result), dtype=np.float64)
        order[moved] += random.integers(1, MAX_DISPLACEMENT + 1, len(moved)) + 0.5
        result = [result[index] for index in np.argsort(order, kind="stable")]
        for index in self._hit("flipped", len(result), faults.flip):
            packet = bytearray(result[index])
            bit = int(random.integers(8 * len(packet)))
            packet[bit // 8] ^= 1 << bit % 8
            result[index] = bytes(packet)
        return result

    def _hit(self, fault: Fault, count: int, share: float, hits: bool = True) -> np.ndarray:
        """Indices, below `count`, of the packets that a fault hits; of the others with `hits=False`."""
        hit = self._random.random(count) < share
        self.counts[fault] += int(np.count_nonzero(hit))
        return np.flatnonzero(hit if hits else ~hit)
