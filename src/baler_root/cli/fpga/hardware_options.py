"""Options of `train` for an encoder that will become firmware."""

from __future__ import annotations

from typing import Annotated

import typer

_PANEL = "Firmware (docs/guide/firmware.md)"


FpgaBudget = Annotated[
    str | None,
    typer.Option(
        metavar="LIMITS",
        help='Limits of the encoder in an FPGA, such as "luts<15000,latency<100ns"; also edges<12 (clock cycles), '
        "clock=200MHz or 5ns, and levels=3 (adders per cycle). Layers and bits that are not set are searched, and "
        "weights are pruned.",
        rich_help_panel=_PANEL,
    ),
]


Hidden = Annotated[
    str | None,
    typer.Option(
        metavar="N,N",
        help="Neurons of each hidden layer of the encoder; none for no hidden layer.",
        rich_help_panel=_PANEL,
    ),
]


WeightBits = Annotated[
    str | None,
    typer.Option(
        metavar="N|N,N",
        help="Bits of weights, 2 to 8: one number for all layers, or one for each.",
        rich_help_panel=_PANEL,
    ),
]


ActivationBits = Annotated[
    str | None,
    typer.Option(
        metavar="N|N,N",
        help="Bits of activations, 3 to 12: one number for all hidden layers, or one for each.",
        rich_help_panel=_PANEL,
    ),
]


InputBits = Annotated[
    int | None,
    typer.Option(metavar="N", help="Bits of the encoder's input codes, 4 to 12.", rich_help_panel=_PANEL),
]


LatentBits = Annotated[
    int | None, typer.Option(metavar="N", help="Bits of each latent, 2 to 12.", rich_help_panel=_PANEL)
]
