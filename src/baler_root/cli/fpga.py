"""`baler-root fpga`: firmware of a model's encoder, and what it sends."""

from __future__ import annotations

import typer

from baler_root.cli.fpga_wire import decode, receive, send

app = typer.Typer(
    name="fpga",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Firmware of a model's encoder, and what it sends.",
)
for verb in (decode, receive, send):
    app.command()(verb)
