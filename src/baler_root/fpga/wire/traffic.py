"""`Traffic`: what rows of data take on the wire behind the firmware, those that are passed through included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from baler_root.fpga.build.packetiser import expected_packets
from baler_root.fpga.front_end import Rows
from baler_root.fpga.link import Link


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts of rows."""

    rows: int
    saturated: int
    """A latent is at a limit of the last layer: the firmware sends these raw by itself."""
    odd: int
    """A value has no symbol on the axis of its column: the front end tells the firmware to send these raw."""
    raw: int
    """Either."""
    bits: float
    """Of a row, in the mean: of the packets that the firmware makes, headers and checksums included."""

    @classmethod
    def of(cls, link: Link, rows: Rows) -> Self:
        """That of at least one row; the end of the run is not counted."""
        latents = link.latents(rows.codes)
        size = len(expected_packets(link.definition, rows.codes, rows.odd)) - len(link.layout.pack_end(0))
        return cls(
            len(latents),
            int(np.count_nonzero(link.saturated(latents))),
            int(np.count_nonzero(rows.odd)),
            int(np.count_nonzero(link.alone(latents, rows.odd))),
            8 * size / len(latents),
        )

    @property
    def rate(self) -> float:
        """The part of the rows that is sent raw."""
        return self.raw / self.rows
