"""Options of `train` for an encoder that is to be firmware."""

from __future__ import annotations

from typing import Annotated

import typer

_PANEL = "Firmware (docs/guide/firmware.md)"


FpgaBudget = Annotated[
    str | None,
    typer.Option(
        metavar="LIMITS",
        help='What the encoder may take, such as "luts<15000,latency<100ns" (with edges<12, clock=200MHz, levels=3 '
        "adders an edge): layers and bits that are not given are searched, weights are pruned.",
        rich_help_panel=_PANEL,
    ),
]


Hidden = Annotated[
    str | None,
    typer.Option(
        metavar="N,N",
        help="Numbers of each hidden layer of the encoder; none for no layer.",
        rich_help_panel=_PANEL,
    ),
]


WeightBits = Annotated[
    str | None,
    typer.Option(
        metavar="N|N,N", help="Bits of weights, 2 to 8: for all layers, or each.", rich_help_panel=_PANEL
    ),
]


ActivationBits = Annotated[
    str | None,
    typer.Option(
        metavar="N|N,N",
        help="Bits of activations, 3 to 12: for all hidden layers, or each.",
        rich_help_panel=_PANEL,
    ),
]


InputBits = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Bits of the codes that the encoder gets, 4 to 12.", rich_help_panel=_PANEL
    ),
]


LatentBits = Annotated[
    int | None, typer.Option(metavar="N", help="Bits of each latent, 2 to 12.", rich_help_panel=_PANEL)
]
