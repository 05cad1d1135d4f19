"""`baler-root compress`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, complain, console, echo, print_json, user_errors
from baler_root.cli.files import plan_files
from baler_root.cli.options import (
    CODECS,
    Bound,
    Branches,
    Clusters,
    Config,
    Independent,
    Latents,
    LevelName,
    Outliers,
    Preset,
    Residual,
    Seed,
    TrainSeconds,
    Trees,
    codec_of,
    rules_of,
    training_of,
)
from baler_root.cli.progress import progress_bar
from baler_root.errors import BalerError, ConfigError, UnknownCodecError

if TYPE_CHECKING:
    from baler_root.compression.summary import Summary


def compress(  # noqa: PLR0913, PLR0917 - one parameter for each option
    sources: Annotated[
        list[str], typer.Argument(metavar="IN", show_default=False, help="ROOT files: paths, globs or URLs.")
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            show_default=False,
            help="The .baler file, or a folder for one .baler file per input.",
        ),
    ],
    bound: Bound = None,
    branch: Branches = None,
    independent: Independent = None,
    config: Config = None,
    preset: Preset = None,
    tree: Trees = None,
    codec: Annotated[
        str | None,
        typer.Option(
            metavar=f"[{CODECS}]",
            help="classic learns nothing from the data, conditional (the default) does. "
            "autoencoder and transformer store latents of tables, convolutional those of grids.",
            show_default="conditional where it pays",
        ),
    ] = None,
    level: LevelName = "default",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Use the models of this .balermodel file (see `baler-root train`) instead of training; needs no torch.",
        ),
    ] = None,
    detach_model: Annotated[
        bool,
        typer.Option(
            "--detach-model", help="Leave the models in their file, which is then needed to read the output."
        ),
    ] = False,
    train_seconds: TrainSeconds = None,
    latents: Latents = None,
    residual: Residual = None,
    outliers: Outliers = None,
    clusters: Clusters = None,
    seed: Seed = 0,
    cluster_size: Annotated[
        str,
        typer.Option(
            help="Entries per cluster, which is held in memory at a time: a size such as '64 MB', or a number of entries."
        ),
    ] = "64 MB",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Number of processes.")] = 1,
    overwrite: Overwrite = False,
    skip_unsupported: Annotated[
        bool,
        typer.Option(
            "--skip-unsupported",
            help="Leave out branches and objects that cannot be stored even as bytes, and list them, instead of failing.",
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compress ROOT files; each output appears under its name only after every value is checked.

    baler-root compress events.root events.baler
    baler-root compress 'data/*.root' compressed/ --jobs 4
    baler-root compress in.root out.baler --bound bits=10 \\
        --branch 'Muon_*=bits=12' --branch 'gen*=lossless'
    baler-root compress nano.root nano.baler --preset nanoaod
    baler-root compress in.root out.baler --config rules.toml
    baler-root compress in.root out.baler --level fast
    baler-root compress in.root out.baler --level max --train-seconds 600
    baler-root compress in.root out.baler --model higgs.balermodel
    baler-root compress 'data/*.root' out/ --model higgs.balermodel --detach-model

    By default, floating-point branches have a relative error of at most 1e-3.
    Everything else is exact: integers, booleans, strings, list structure, and
    branches whose names mark them as identifiers (run, event, ...) or weights.
    NaN, infinities and sentinels such as -999 are always exact.

    A PATTERN is the name or path of a branch, or a glob ('Muon_*'). A glob
    changes the bound of floating-point branches; of identifiers and weights
    only if the pattern itself looks like their names ('LHE*Weight=rel=1e-4').
    A full name changes the bound of a branch of any type, integers too.

    The codecs autoencoder, transformer and convolutional (for grids) store
    latents: a few integers per row, from which a decoder predicts the values.
    The residual corrects the predictions: to within the bounds (--residual
    bounded), to the last bit (lossless), or not at all, and rows beyond a
    bound are stored in full (none). All bounds hold in each case. Rows whose
    latents are far from all others can be stored exactly (--outliers 1%).

    Models (--model) are used where they make the file smaller; those trained
    with --residual none are always used. The report lists models that are not
    used, and why. The output contains the models that it needs; with
    --detach-model, many files share one model file instead.

    A rules file is TOML; all its entries are optional:

    preset = "nanoaod"       # rules to start from
    default = "rel=1e-3"     # bound of floating-point branches
    sentinels = \\[-99.5]      # exact, in addition to the usual ones
    independent = \\["E_*"]    # never recomputed from other branches
    relations = \\["E = pt * cosh(eta)"]  # in addition to those found
    \\[\\[rules]]                # repeatable; the last match wins
    branch = "Muon_*"
    bound = "bits=12"
    tree = "Events"
    \\[\\[physics]]              # masses that training preserves
    mass = \\["mu_pt", "mu_eta", "mu_phi", "tau_pt", "tau_eta", "tau_phi"]
    """
    from baler_root.api.compress import compress as run
    from baler_root.api.options import ModelReuse

    with user_errors(UnknownCodecError):
        rules = rules_of(bound, branch, independent, config, preset)
        chosen = codec_of(codec, latents, residual, outliers, clusters)
        training = training_of(level, train_seconds, seed)
        if detach_model and model is None:
            raise ConfigError("--detach-model needs --model, the file that the models stay in")
        reuse = None if model is None else ModelReuse(model, detach_model)
        jobs_to_do = plan_files(sources, output)
        failed = 0
        summaries: list[Summary] = []
        for source, target in jobs_to_do:
            try:
                with progress_bar(Path(source).name, quiet) as progress:
                    summary = run(
                        source,
                        target,
                        rules=rules,
                        trees=tree or None,
                        codec=chosen,
                        training=training,
                        model=reuse,
                        cluster_size=cluster_size,
                        jobs=jobs,
                        overwrite=overwrite,
                        skip_unsupported=skip_unsupported,
                        progress=progress,
                    )
            except (BalerError, OSError) as error:
                if len(jobs_to_do) == 1 or isinstance(error, ConfigError | UnknownCodecError):
                    raise
                complain(error)
                failed += 1
                continue
            summaries.append(summary)
            _report(summary, as_json, quiet)
        if len(jobs_to_do) > 1 and not as_json and not quiet:
            _report_all(summaries, failed)
        if failed:
            raise typer.Exit(1)


def _report(summary: Summary, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(summary)
    elif not quiet:
        from baler_root.cli.compression_report import compression

        output = console()
        for part in compression(summary):
            output.print(part)


def _report_all(summaries: Sequence[Summary], failed: int) -> None:
    from baler_root.cli.common import count_text, size_text

    before, after = (sum(getattr(summary, name) for summary in summaries) for name in ("source_size", "size"))
    share = f", {after / before:.1%} of the input" if before else ""
    lost = f"; {failed} failed" if failed else ""
    echo(f"{count_text(len(summaries), 'file')}: {size_text(before)} → {size_text(after)}{share}{lost}")
