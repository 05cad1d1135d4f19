"""`baler-root tune`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.analysis_options import AnalysisName, Sources
from baler_root.cli.common import (
    Json,
    Overwrite,
    Quiet,
    console,
    count_text,
    print_json,
    size_text,
    user_errors,
)
from baler_root.cli.progress import staged_progress
from baler_root.errors import OutputError

if TYPE_CHECKING:
    from baler_root.evaluation.tuning.budget import Budget
    from baler_root.evaluation.tuning.tune import TuningResult


def tune(  # noqa: PLR0913, PLR0917 - one parameter for each option
    sources: Sources,
    analysis: AnalysisName,
    budget: Annotated[
        str,
        typer.Option(
            metavar="LIMITS",
            help="Largest shifts of the results, such as 'dZ<0.01,dm<10MeV'; also 5% (of the value) or 0.1sigma (of its error).",
            show_default=False,
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The rules file (TOML) to write.", show_default=False
        ),
    ],
    bound: Annotated[
        str, typer.Option(metavar="BOUND", help="Bound of the branches that the analysis does not read.")
    ] = "rel=1e-3",
    margin: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Share of the budget that may be used in the half of the events that tunes; the rest allows for chance.",
        ),
    ] = 0.5,
    offsets: Annotated[
        int,
        typer.Option(
            "--lattices",
            metavar="N",
            help="Rounding offsets that each choice of bounds is tried with; the largest shift counts.",
        ),
    ] = 3,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the loosest error bounds that keep the results of an analysis within a budget.

    baler-root tune data.root mc.root -a hgamgam \\
        --budget "dZ<0.02,dm<10MeV" -o rules.toml
    baler-root compress data.root data.baler --config rules.toml

    Every second entry is used for tuning. The other entries validate the
    bounds: if they exceed the budget, nothing is written and the exit code
    is 1. Branches that the analysis does not read have --bound.
    """
    from baler_root.evaluation.analysis.analysis import load
    from baler_root.evaluation.tuning.budget import Budget
    from baler_root.evaluation.tuning.search import BudgetError
    from baler_root.evaluation.tuning.tune import TuneOptions, write_rules
    from baler_root.evaluation.tuning.tune import tune as run

    with user_errors():
        limits = Budget.parse(budget)
        if Path(output).exists() and not overwrite:
            raise OutputError(f"{output}: exists; --overwrite replaces it")
        options = TuneOptions(bound, margin, offsets)
        with staged_progress(quiet) as log:
            tuned = run(load(analysis), sources, limits, options, log=log)
        if as_json:
            print_json(asdict(tuned) | {"validated": tuned.validated})
        elif not quiet:
            _show(tuned, limits)
        if not tuned.validated:
            broken = ", ".join(
                f"d{name} uses {share:.3g} ×" for name, share in tuned.validation.items() if share > 1
            )
            raise BudgetError(
                f"events that were not used for tuning break the budget ({broken}): no rules written; try a smaller "
                "--margin"
            )
        heading = [
            f"baler-root tune {' '.join(sources)} --analysis {analysis} --budget '{limits}'",
            "Share of the budget in events that were not used for tuning: "
            + ", ".join(f"d{name} {share:.0%}" for name, share in tuned.validation.items()),
        ]
        write_rules(tuned, output, heading, bound=bound, overwrite=overwrite)


def _show(tuned: TuningResult, budget: Budget) -> None:
    from baler_root.cli.tables import plain_table

    bounds = plain_table(f"bounds found in {count_text(tuned.trials, 'trial')}")
    bounds.add_column("branch")
    bounds.add_column("bound", justify="right")
    for name, value in tuned.bounds.items():
        bounds.add_row(name, f"rel={value:g}")
    shares = plain_table("share of the budget that is used")
    for title in ("limit", "tuned", "validation"):
        shares.add_column(title, justify="left" if title == "limit" else "right")
    for limit in budget.limits:
        name = limit.quantity
        shares.add_row(str(limit), f"{tuned.spent[name]:.0%}", f"{tuned.validation[name]:.0%}")
    terminal = console()
    terminal.print(bounds)
    terminal.print(shares)
    terminal.print(
        f"size with codec classic: {size_text(tuned.default_size)} with the default bound, "
        f"{size_text(tuned.tuned_size)} tuned; size of the input: {size_text(tuned.source_size)}"
    )
