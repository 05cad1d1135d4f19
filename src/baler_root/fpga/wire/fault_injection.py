"""Faults on a wire, put in on purpose."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass
from typing import Literal

import numpy as np

from baler_root.errors import ConfigError

Fault = Literal["lost", "repeated", "reordered", "flipped"]


REACH = 64
"""Packets over which a reordered one may be carried, at most."""


@dataclass(frozen=True, slots=True)
class Faults:
    """The share of packets that each fault hits, 0 to 1."""

    loss: float = 0.0
    duplication: float = 0.0
    reorder: float = 0.0
    flip: float = 0.0
    """One bit is the other."""

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in astuple(self)):
            raise ConfigError(f"shares of packets from 0 to 1 are needed, not {astuple(self)}")


class FaultyWire:
    """What packets go in, and what comes out."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._random = np.random.default_rng(seed)
        self.counts: Counter[Fault] = Counter()
        """Packets that each fault has hit."""

    def carry(self, packets: list[bytes]) -> list[bytes]:
        """What comes out for these packets; they are reordered among each other only."""
        faults, random = self._faults, self._random
        kept = self._hit("lost", len(packets), faults.loss, hits=False)
        again = self._hit("repeated", len(kept), faults.duplication)
        out = [packets[at] for at in np.sort(np.concatenate([kept, kept[again]]))]
        moved = self._hit("reordered", len(out), faults.reorder)
        place = np.arange(len(out), dtype=np.float64)
        place[moved] += random.integers(1, REACH + 1, len(moved)) + 0.5
        out = [out[at] for at in np.argsort(place, kind="stable")]
        for at in self._hit("flipped", len(out), faults.flip):
            packet = bytearray(out[at])
            bit = int(random.integers(8 * len(packet)))
            packet[bit // 8] ^= 1 << bit % 8
            out[at] = bytes(packet)
        return out

    def _hit(self, fault: Fault, count: int, share: float, hits: bool = True) -> np.ndarray:
        """Which of so many packets a fault hits, or the others."""
        hit = self._random.random(count) < share
        self.counts[fault] += int(np.count_nonzero(hit))
        return np.flatnonzero(hit if hits else ~hit)
