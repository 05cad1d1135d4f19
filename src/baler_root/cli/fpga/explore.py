"""`baler-root fpga explore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, console, echo, print_json, user_errors
from baler_root.cli.options import Bound, Branches, Seed, rules_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baler_root.fpga.explore.point import ScanPoint


def explore(  # noqa: PLR0913, PLR0917 - one parameter for each option
    source: Annotated[str, typer.Argument(metavar="IN", show_default=False, help="A ROOT file to train on.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FOLDER", show_default=False, help="The folder to write.")
    ],
    hidden: Annotated[
        str,
        typer.Option(
            metavar="N,N;N;…",
            help="Neurons of each hidden layer, for each network to try; none for no hidden layer.",
        ),
    ] = "32,16;16;none",
    weight_bits: Annotated[
        str, typer.Option(metavar="N,N,…", help="Bits of weights to try, 2 to 8.")
    ] = "4,6",
    latents: Annotated[str, typer.Option(metavar="N,N,…", help="Latents per row to try.")] = "8",
    activation_bits: Annotated[int, typer.Option(metavar="N", help="Bits of activations.")] = 8,
    input_bits: Annotated[int, typer.Option(metavar="N", help="Bits of the encoders' input codes.")] = 8,
    latent_bits: Annotated[int, typer.Option(metavar="N", help="Bits of each latent.")] = 9,
    luts: Annotated[
        float | None,
        typer.Option(metavar="N", help="Most LUTs; larger encoders are pruned.", show_default="no pruning"),
    ] = None,
    clock: Annotated[float, typer.Option(metavar="MHZ", help="Clock frequency of the pipeline.")] = 200.0,
    levels: Annotated[
        int, typer.Option(metavar="N", min=1, help="Most adders in series between two registers.")
    ] = 3,
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Time limit of each training; none by default.", show_default=False
        ),
    ] = None,
    response: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BRANCH",
            help="A branch whose resolution, with latents alone, is measured; repeatable.",
            show_default="at most two of pt, energy, E, mass",
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="ROOT",
            help="A file with the same branches as IN; errors are measured on its last 20 000 rows.",
            show_default="IN itself",
        ),
    ] = None,
    tree: Annotated[str | None, typer.Option(metavar="PATH", help="The tree to train on.")] = None,
    bound: Bound = None,
    branch: Branches = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train encoders of several sizes, and plot their accuracy against their resources in an FPGA.

    baler-root fpga explore jets.root -o scan/ --latents 8,14 --seconds 20
    baler-root fpga build scan/models/03.balermodel -o firmware/

    LUTs and latency are estimates, by da4ml if it is installed. The error is
    the root mean square over all columns, each in units in which its
    distribution is roughly standard logistic. The resolution of a branch is
    half of the shortest interval that holds 68.27 % of decoded / original - 1;
    originals that are 0 or not finite are left out. explore.json and
    explore.csv contain all points, models/ their encoders.
    """
    from baler_root.fpga.explore.options import ExploreOptions, ScanGrid
    from baler_root.fpga.explore.scan import explore as run
    from baler_root.training.hardware.limits import parse_integers

    with user_errors():
        grid = ScanGrid(
            tuple(parse_integers(part, "hidden layers") or () for part in hidden.split(";")),
            parse_integers(weight_bits, "bits of weights") or (),
            parse_integers(latents, "latents") or (),
            activation_bits,
            input_bits,
            latent_bits,
            luts,
            clock,
            levels,
        )
        rules = rules_of(bound, branch)
        options = ExploreOptions(rules, tree, seconds, seed, response, test)
        log = (lambda _: None) if quiet or as_json else (lambda text: echo(text, err=True))
        points = run(source, output, grid, options, overwrite=overwrite, log=log)
    if as_json:
        print_json([point.to_json() for point in points])
    elif not quiet:
        _print_points(points, output)


def _print_points(points: Sequence[ScanPoint], output: str) -> None:
    from rich.table import Table

    names = list(points[0].responses)
    table = Table("point", "encoder", "latents", "error", *names, "LUTs", "cycles", "ns", "Pareto")
    for point in sorted(points, key=lambda point: point.luts):
        resolutions = [point.responses[name] for name in names]
        table.add_row(
            point.name,
            point.hardware,
            f"{point.latents} ({point.latent_bits} bits)",
            f"{point.error:.3f}",
            *("—" if value is None else f"{value:.2%}" for value in resolutions),
            f"{point.luts:.0f}",
            str(point.latency_cycles),
            f"{point.latency:.0f}",
            "yes" if point.on_front else "",
        )
    console().print(table)
    echo(f"LUTs and clock cycles estimated by {points[0].estimated_by}; written: {output}")
