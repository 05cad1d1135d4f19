"""The command line: thin commands around the library. `--help` imports no ROOT or array library."""

from __future__ import annotations

from typing import Annotated

import typer

from baler_root import __version__
from baler_root.cli.compress import compress
from baler_root.cli.decompress import decompress
from baler_root.cli.demo import demo
from baler_root.cli.fpga import app as fpga
from baler_root.cli.inspect import inspect
from baler_root.cli.merge import merge
from baler_root.cli.opendata import opendata
from baler_root.cli.presets import presets
from baler_root.cli.recover import recover
from baler_root.cli.report import report
from baler_root.cli.sample import sample
from baler_root.cli.scan import scan
from baler_root.cli.train import train
from baler_root.cli.tune import tune
from baler_root.cli.verify import verify

app = typer.Typer(
    name="baler-root",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 failure, 2 usage error. With BALER_ROOT_DEBUG=1, errors show their traceback.",
)


for verb in (
    compress, decompress, inspect, verify, train, merge, recover, report, scan, tune, sample, opendata, demo, presets,
):  # fmt: skip
    app.command()(verb)


app.add_typer(fpga)


def _print_version(is_set: bool) -> None:
    if is_set:
        typer.echo(f"baler-root {__version__}")
        raise typer.Exit


@app.callback()
def overview(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Make ROOT files several times smaller, with a guaranteed bound on the error of every value.

    baler-root demo
    baler-root compress events.root events.baler
    baler-root verify events.baler --against events.root
    baler-root inspect events.baler
    baler-root decompress events.baler back.root
    baler-root report events.root events.baler -a hgamgam -o report.html

    In Python, baler_root.open("events.baler") reads as uproot.open does.
    """


def main() -> None:
    """Run the command line; exits with 0 (success), 1 (failure) or 2 (usage error)."""
    app()
