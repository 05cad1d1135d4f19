"""`baler-root demo`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, console, echo, print_json, size_text, user_errors
from baler_root.errors import OutputError

if TYPE_CHECKING:
    from rich.table import Table

    from baler_root.analyses.samples.demo import DemoRow


def demo(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="An existing folder for the files.",
            show_default="a new temporary folder",
        ),
    ] = None,
    entries: Annotated[int, typer.Option(min=1, help="Number of toy events.")] = 50_000,
    seed: Annotated[int, typer.Option(min=0, help="Random seed; the same seed gives the same events.")] = 1,
    as_json: Json = False,
) -> None:
    """Compress toy events at several bounds, read them back, and print a table of sizes, errors and times.

    The events look like CMS NanoAOD: muons, jets, missing momentum, trigger
    bits and weights. The demonstration needs no network.

    baler-root demo
    baler-root demo --output files --entries 200000
    """
    with user_errors():
        from baler_root.analyses.samples.demo import run_demo

        if output is not None and not output.is_dir():
            raise OutputError(f"{output}: no such folder; create it first")
        folder = Path(tempfile.mkdtemp(prefix="baler-root-demo-")) if output is None else output
        rows = list(run_demo(folder, entries, seed, lambda text: echo(f"{text} ...", err=True)))
        missed = sum(row.violations for row in rows)
        if as_json:
            print_json({"folder": str(folder), "entries": entries, "seed": seed, "rows": rows})
        else:
            terminal = console()
            terminal.print(_table(rows))
            terminal.print(
                "The bound holds for floating-point branches; integers, flags, identifiers, weights and list structure "
                "are exact. The largest error is relative to |x|, over all values. The ROOT files are lossless."
            )
            terminal.print(
                "Every value is within its bound." if not missed else f"{missed} values MISS their bound."
            )
            terminal.print(f"The files are in {folder}; to inspect one:", soft_wrap=True)
            terminal.print(f"  baler-root inspect {folder / 'sample-rel1e-3.baler'}", soft_wrap=True)
        if missed:
            raise typer.Exit(1)


def _table(rows: Sequence[DemoRow]) -> Table:
    from baler_root.cli.tables import plain_table

    table = plain_table()
    table.add_column("file", no_wrap=True)
    for name in ("size", "of ZLIB-1", "of LZMA-9", "largest error", "write", "read all"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.what,
            size_text(row.size),
            f"{row.to_zlib:.1%}",
            f"{row.to_lzma:.1%}",
            f"{row.largest_error:.2e}" if row.largest_error else "0",
            f"{row.write_seconds:.2f} s",
            f"{row.read_seconds:.2f} s",
        )
    return table
