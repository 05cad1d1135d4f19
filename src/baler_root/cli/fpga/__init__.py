"""`baler-root fpga`: firmware from an autoencoder model."""

from __future__ import annotations

import typer

from baler_root.cli.fpga.build import build, verify
from baler_root.cli.fpga.explore import explore
from baler_root.cli.fpga.wire import decode, receive, send

app = typer.Typer(
    name="fpga",
    no_args_is_help=True,
    help="Write firmware that computes a model's encoder bit for bit, and decode the packets that a board sends.",
)


for verb in (build, verify, explore, decode, receive, send):
    app.command()(verb)
