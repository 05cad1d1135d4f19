"""`baler-root fpga build` and `fpga verify`."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, console, count_text, echo, print_json, user_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baler_root.fpga.build.agreement import Agreement
    from baler_root.fpga.build.report import Report


def build(  # noqa: PLR0913, PLR0917 - one parameter for each option
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", show_default=False, help="A .balermodel file of the codec autoencoder."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", show_default=False, help="The folder to write."),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="ROOT",
            show_default=False,
            help="A ROOT file whose rows become test vectors; the share of rows sent raw is measured on it.",
        ),
    ] = None,
    tree: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            show_default=False,
            help="Tree of the model, if the file has models of several trees.",
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The FPGA: vu13p, ku115, or a TOML file like those in fpga/targets/."
        ),
    ] = "vu13p",
    clock: Annotated[
        str | None,
        typer.Option(
            metavar="CLOCK", help="Clock, such as 200MHz or 5ns.", show_default="that of the target"
        ),
    ] = None,
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="Backend of hls4ml: vitis, vivado or catapult.")
    ] = "vitis",
    strategy: Annotated[
        str,
        typer.Option(metavar="NAME", help="Strategy of hls4ml: latency, resource or distributed_arithmetic."),
    ] = "latency",
    reuse: Annotated[
        int,
        typer.Option(metavar="N", help="Uses of each multiplier per row; needs --strategy resource."),
    ] = 1,
    levels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Most adders in series between two registers, in rtl/.",
            show_default="that of the target",
        ),
    ] = None,
    synthesis_seconds: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Time limit of the synthesis by yosys; 0 for no synthesis."),
    ] = 600.0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write firmware of a model's encoder: HLS project, Verilog, test benches, comparison and report.

    baler-root train jets.root -o jets.balermodel --codec autoencoder \\
        --latents 14
    baler-root fpga build jets.balermodel -o firmware/ --data jets.root

    All computations of the latents are compared on at least 10 000 rows; any
    difference is an error. Steps whose tools are not installed are skipped
    and listed: hls4ml (pip install "baler-root\\[fpga]"), da4ml (pip install
    "baler-root\\[rtl]", LGPLv3), g++, verilator and yosys (apt install).
    """
    from baler_root.fpga.build.project import BuildOptions
    from baler_root.fpga.build.project import build as run

    with user_errors(), _status(quiet or as_json) as log:
        options = BuildOptions(target, clock, backend, strategy, reuse, levels, synthesis_seconds)
        report = run(model, output, options, tree=tree, data=data, overwrite=overwrite, log=log)
    if as_json:
        print_json(report.to_json())
    elif not quiet:
        _print_report(report, output)


def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", show_default=False, help="A folder that `fpga build` wrote.")
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare all computations of the latents again, on the test vectors in a firmware folder.

    baler-root fpga verify firmware/

    The exit code is 1 if a row differs, or if a file was changed after it was
    written.
    """
    from baler_root.fpga.build.project import verify as run

    with user_errors(), _status(quiet or as_json) as log:
        agreement = run(folder, log)
    if as_json:
        print_json(agreement.to_json())
    elif not quiet:
        _print_agreement(agreement)


@contextmanager
def _status(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A callback that prints each step to stderr, with the seconds since the start."""
    import time

    from rich.text import Text

    from baler_root.cli.terminal import EscapingConsole

    started = time.monotonic()
    stderr = EscapingConsole(stderr=True, quiet=quiet)

    def log(text: str) -> None:
        seconds = (f"{time.monotonic() - started:6.1f} s", "dim")
        stderr.print(Text.assemble(seconds, f"  {text}"), soft_wrap=True)

    yield log


def _print_agreement(agreement: Agreement) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("path", "rows identical", "tool"):
        table.add_column(name)
    for row in agreement.table():
        table.add_row(*row)
    console().print(table)


def _print_report(report: Report, output: Path) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for figure in report.figures():
        table.add_row(figure.name, figure.text, figure.origin)
    console().print(table)
    echo()
    _print_agreement(report.agreement)
    for gap in report.gaps:
        echo(f"  skipped: {gap}")
    echo(
        f"{output}: firmware in {report.seconds['all']:.3g} s; {count_text(len(report.gaps), 'step')} skipped"
    )
