"""`baler-root fpga explore`."""

from __future__ import annotations

from typing import Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, console, print_json, user_errors
from baler_root.cli.options import Bound, Branches, Seed, rules_of


def explore(
    source: Annotated[
        str, typer.Argument(metavar="IN", show_default=False, help="A ROOT file to learn from.")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FOLDER", show_default=False, help="The folder to write.")
    ],
    hidden: Annotated[
        str, typer.Option(metavar="N,N;N;…", help="Hidden layers: width and depth; none for no layer.")
    ] = "32,16;16;none",
    weight_bits: Annotated[str, typer.Option(metavar="N,N,…", help="Bits of weights, 2 to 8.")] = "4,6",
    latents: Annotated[str, typer.Option(metavar="N,N,…", help="Latents of a row.")] = "8",
    activation_bits: Annotated[int, typer.Option(metavar="N", help="Bits of activations.")] = 8,
    input_bits: Annotated[int, typer.Option(metavar="N", help="Bits of the codes that encoders get.")] = 8,
    latent_bits: Annotated[int, typer.Option(metavar="N", help="Bits of each latent.")] = 9,
    luts: Annotated[
        float | None, typer.Option(metavar="N", help="Prune to so many LUTs.", show_default="no pruning")
    ] = None,
    clock: Annotated[float, typer.Option(metavar="MHZ", help="Of the pipeline.")] = 200.0,
    levels: Annotated[int, typer.Option(metavar="N", min=1, help="Adders between two registers.")] = 3,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Of each training; without it all steps.", show_default=False),
    ] = None,
    response: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BRANCH",
            help="Whose resolution from latents alone is measured; repeatable.",
            show_default="pt, energy or E, mass: two at most",
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="ROOT",
            help="A file like IN on whose last 20 000 rows all is measured.",
            show_default="IN itself, which is learned from",
        ),
    ] = None,
    tree: Annotated[str | None, typer.Option(metavar="PATH", help="Of which tree.")] = None,
    bound: Bound = None,
    branch: Branches = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train encoders of several sizes, and plot what each gives back against what it takes of an FPGA.

    baler-root fpga explore jets.root -o scan/ --latents 8,14 --seconds 20
    baler-root fpga build scan/models/03.balermodel -o firmware/

    LUTs and latency are estimates: by da4ml where it is installed. Errors are
    root mean squares on the axes of the columns, where each is about standard
    logistic. The resolution of a branch is half of the shortest interval that
    holds 68.27 % of decoded / original - 1; only values whose original is 0, or
    not finite, are left out. explore.json and .csv have all points, models/
    their encoders.
    """
    from baler_root.fpga.explore.scan import Scan
    from baler_root.fpga.explore.scan import explore as run
    from baler_root.training.hardware.limits import numbers

    with user_errors():
        scan = Scan(
            tuple(numbers(part, "hidden layers") or () for part in hidden.split(";")),
            numbers(weight_bits, "bits of weights") or (),
            numbers(latents, "latents") or (),
            activation_bits,
            input_bits,
            latent_bits,
            luts,
            clock,
            levels,
        )
        points = run(
            source,
            output,
            scan,
            rules=rules_of(bound, branch),
            tree=tree,
            seconds=seconds,
            responses=response,
            test=test,
            seed=seed,
            overwrite=overwrite,
            say=(lambda _: None) if quiet or as_json else (lambda text: typer.echo(text, err=True)),
        )
        if as_json:
            print_json(points)
        elif not quiet:
            from rich.table import Table

            names = list(points[0].responses)
            table = Table("point", "encoder", "latents", "error", *names, "LUTs", "edges", "ns", "Pareto")
            for point in sorted(points, key=lambda point: point.luts):
                front = "yes" if point.on_front else ""
                table.add_row(
                    point.name,
                    point.hardware,
                    f"{point.latents} ({point.latent_bits} bits)",
                    f"{point.error:.3f}",
                    *("—" if (found := point.responses[name]) is None else f"{found:.2%}" for name in names),
                    f"{point.luts:.0f}",
                    str(point.edges),
                    f"{point.latency:.0f}",
                    front,
                )
            console().print(table)
            typer.echo(f"LUTs and edges estimated by {points[0].estimated_by}; written: {output}")
