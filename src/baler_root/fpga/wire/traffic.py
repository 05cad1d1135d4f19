"""`Traffic`: bits on the wire that rows of data need after the firmware, rows that are sent raw included."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from baler_root.fpga.build.packetiser import expected_packets
from baler_root.fpga.front_end import InputRows
from baler_root.fpga.link import Link


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts of rows, and their mean size on the wire."""

    rows: int
    saturated: int
    """Rows with a latent at a limit of the last layer; the firmware itself sends them raw."""
    out_of_range: int
    """Rows with a value that has no symbol on its column's axis.

    The front end has the firmware send them raw.
    """
    raw: int
    """Rows sent raw, for either reason."""
    bits: float
    """Mean bits of a row in the firmware's packets, headers and checksums included."""

    @classmethod
    def of(cls, link: Link, rows: InputRows) -> Self:
        """The traffic of at least one row; the end packet of the run is not counted."""
        latents = link.latents(rows.codes)
        packets = expected_packets(link.definition, rows.codes, rows.out_of_range)
        size = len(packets) - len(link.layout.pack_end(0))
        return cls(
            len(latents),
            int(np.count_nonzero(link.saturated(latents))),
            int(np.count_nonzero(rows.out_of_range)),
            int(np.count_nonzero(link.passed_through(latents, rows.out_of_range))),
            8 * size / len(latents),
        )

    @property
    def raw_share(self) -> float:
        """Share of rows that are sent raw."""
        return self.raw / self.rows

    def to_json(self) -> dict[str, Any]:
        """The entry `traffic` of `report.json`."""
        return {("odd" if name == "out_of_range" else name): value for name, value in asdict(self).items()}
