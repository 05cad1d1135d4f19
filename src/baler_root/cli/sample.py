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
    echo,
    print_json,
    size_text,
    user_errors,
)
from baler_root.cli.progress import progress_bar

if TYPE_CHECKING:
    from rich.table import Table

    from baler_root.analyses.samples.making import SampleSummary


def sample(  # noqa: PLR0913, PLR0917 - one parameter for each option
    name: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            show_default=False,
            help="Sample gamgam or 4lep, or one process: ggH-yy, VBF-yy, yy, yj, ggH-4l, ZZ-4l, Zjets.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="The ROOT file to write.", show_default=False),
    ],
    entries: Annotated[int, typer.Option("--entries", "-n", help="Number of events in the file.")] = 200_000,
    schema: Annotated[
        str,
        typer.Option(
            metavar="[2020|2025]",
            help="Release whose schema is used: 2020 (tree mini, MeV) or 2025 (tree analysis, GeV).",
        ),
    ] = "2020",
    generator: Annotated[
        str,
        typer.Option(
            metavar="[pythia|quick]",
            help='Generator: pythia needs pip install "baler-root\\[samples]"; quick is simpler and needs no extra.',
        ),
    ] = "pythia",
    luminosity: Annotated[
        float | None,
        typer.Option(
            metavar="FB⁻¹",
            help="Luminosity of the pseudo-data. For gamgam it sets only the signal: more luminosity, higher peak.",
            show_default="gamgam: that of the entries, 7.6 for 200 000; 4lep: 10.064",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same events.")] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Generate collision events with the schema of the ATLAS Open Data, to try analyses and compression.

    baler-root sample gamgam -o gamgam.root
    baler-root sample gamgam -n 20000 --generator quick -o small.root
    baler-root sample gamgam -n 16000 -o weak.root
    baler-root sample 4lep --schema 2025 -o 4lep.root
    baler-root sample ggH-yy -n 50000 --seed 7 -o signal.root

    200 000 entries of gamgam have the significance of the 10 fb⁻¹ release
    (Z about 3); 16 000 have Z about 1.

    gamgam and 4lep hold pseudo-data (channelNumber = runNumber, no weights),
    followed by simulated events; a single process is simulation only. Weights
    scale simulation to a luminosity: weight × luminosity × XSection /
    SumWeights. The detector is a parametrisation; analyses/README.md lists
    what is simpler than in reality.
    """
    with user_errors():
        from baler_root.analyses.samples.making import SampleOptions, make

        options = SampleOptions(schema, generator, luminosity, seed)
        with progress_bar(name, quiet) as progress:
            summary = make(output, name, entries, options, overwrite=overwrite, progress=progress)
        if as_json:
            print_json(summary)
        elif not quiet:
            echo(
                f"{count_text(summary.entries, 'entry', 'entries')} → {summary.path}: {size_text(summary.size)}, "
                f"tree {summary.tree}, in {summary.seconds:.3g} s"
            )
            console().print(_table(summary))


def _table(summary: SampleSummary) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("process", "kind", "entries", "of generated", "luminosity"):
        table.add_column(name, justify="left" if name in ("process", "kind") else "right")
    for part in summary.parts:
        if part.data:
            luminosity = f"{summary.luminosity:.4g} fb⁻¹" if part.counted else "fills up"
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
