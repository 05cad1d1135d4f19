"""`baler-root sample`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import (
    Json,
    Overwrite,
    Quiet,
    console,
    count_text,
    print_json,
    progress_bar,
    size_text,
    user_errors,
)

if TYPE_CHECKING:
    from rich.table import Table

    from baler_root.analyses.samples.making import Sample


def sample(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            show_default=False,
            help="gamgam, 4lep, or one process: ggH-yy, VBF-yy, yy, yj, ggH-4l, ZZ-4l, Zjets.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="The ROOT file to write.", show_default=False),
    ],
    entries: Annotated[int, typer.Option("--entries", "-n", help="Events in the file.")] = 200_000,
    schema: Annotated[
        str,
        typer.Option(
            metavar="[2020|2025]", help="Release whose tree is written: mini (MeV) or analysis (GeV)."
        ),
    ] = "2020",
    generator: Annotated[
        str,
        typer.Option(
            metavar="[pythia|quick]",
            help='pythia needs pip install "baler-root\\[samples]"; quick needs nothing and is simpler.',
        ),
    ] = "pythia",
    luminosity: Annotated[
        float | None,
        typer.Option(
            metavar="FB⁻¹",
            help="Of the pseudo-data. Of gamgam it sets the signal alone: more of it makes a higher peak.",
            show_default="gamgam: what the entries stand for, 7.6 for 200 000; 4lep: 10.064",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same events.")] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make collision events with the schema of the ATLAS Open Data, to try analyses and compression on.

    baler-root sample gamgam -o gamgam.root
    baler-root sample gamgam -n 20000 --generator quick -o small.root
    baler-root sample gamgam -n 16000 -o weak.root
    baler-root sample 4lep --schema 2025 -o 4lep.root
    baler-root sample ggH-yy -n 50000 --seed 7 -o signal.root

    200 000 entries of gamgam have the significance of the 10 fb⁻¹ release, Z
    about 3; 16 000 have Z about 1.

    gamgam and 4lep hold pseudo-data (channelNumber is runNumber, no weights)
    and after them simulated events; a process is simulation alone. Weights,
    XSection and SumWeights scale simulation: weight × luminosity × XSection /
    SumWeights. A parametrised detector stands in for the real one; what is
    simpler than reality is told in analyses/README.md.
    """
    with user_errors():
        from baler_root.analyses.samples.making import make

        with progress_bar(what, quiet) as progress:
            made = make(
                output,
                what,
                entries,
                schema=schema,
                generator=generator,
                luminosity=luminosity,
                seed=seed,
                overwrite=overwrite,
                progress=progress,
            )
        if as_json:
            print_json(made)
        elif not quiet:
            typer.echo(
                f"{count_text(made.entries, 'entry', 'entries')} → {made.path}: {size_text(made.size)}, "
                f"tree {made.tree}, in {made.seconds:.3g} s"
            )
            console().print(_table(made))


def _table(made: Sample) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("process", "is", "entries", "of generated", "luminosity"):
        table.add_column(name, justify="left" if name in ("process", "is") else "right")
    for part in made.parts:
        if part.data:
            luminosity = f"{made.luminosity:.4g} fb⁻¹" if part.counted else "fills"
        else:
            luminosity = f"{part.sum_of_weights / part.cross_section / 1000:.4g} fb⁻¹"
        table.add_row(
            part.process,
            "pseudo-data" if part.data else "simulation",
            f"{part.entries:,}".replace(",", " "),
            f"{part.entries / part.generated:.1%}" if part.generated else "",
            luminosity,
        )
    return table
