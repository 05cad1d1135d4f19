"""`baler-root train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, count_text, echo, print_json, size_text, user_errors
from baler_root.cli.files import expand
from baler_root.cli.fpga.hardware_options import (
    ActivationBits,
    FpgaBudget,
    Hidden,
    InputBits,
    LatentBits,
    WeightBits,
)
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
from baler_root.errors import UnknownCodecError

if TYPE_CHECKING:
    from baler_root.api.train import TrainingSummary


def train(  # noqa: PLR0913, PLR0917 - one parameter for each option
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="IN", show_default=False, help="ROOT files with the same branches: paths, globs or URLs."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The .balermodel file to write.", show_default=False
        ),
    ],
    bound: Bound = None,
    branch: Branches = None,
    independent: Independent = None,
    config: Config = None,
    preset: Preset = None,
    tree: Trees = None,
    codec: Annotated[
        str,
        typer.Option(
            metavar=f"[{CODECS}]",
            help="Codec that will use the models: conditional, or one that stores latents. classic has no models.",
        ),
    ] = "conditional",
    level: LevelName = "default",
    train_seconds: TrainSeconds = None,
    latents: Latents = None,
    residual: Residual = None,
    outliers: Outliers = None,
    clusters: Clusters = None,
    fpga_budget: FpgaBudget = None,
    hidden: Hidden = None,
    weight_bits: WeightBits = None,
    activation_bits: ActivationBits = None,
    input_bits: InputBits = None,
    latent_bits: LatentBits = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train models on some files, to compress all files with the same branches.

    baler-root train dy.root ttbar.root -o higgs.balermodel
    baler-root train 'data/*_1.root' -o jets.balermodel \\
        --codec autoencoder --latents 6
    baler-root train jets.root -o trigger.balermodel --codec autoencoder \\
        --latents 14 --fpga-budget 'luts<10000,edges<12'
    baler-root inspect higgs.balermodel
    baler-root compress 'data/*.root' out/ --model higgs.balermodel --detach-model

    Entries are taken from all files. Bounds are part of the models:
    `compress --model` needs the same bounds. Files unlike the training files
    compress less; all bounds still hold.

    Networks (--level max) and latents need torch (pip install
    "baler-root\\[train]"). Compressing with the models and reading the files
    do not.
    """
    from baler_root.api.train import train as run
    from baler_root.training.hardware.limits import HardwareLimits

    with user_errors(UnknownCodecError):
        rules = rules_of(bound, branch, independent, config, preset)
        hardware = HardwareLimits.parse(
            fpga_budget, hidden, weight_bits, activation_bits, input_bits, latent_bits
        )
        files = [source for text in sources for source in expand(text)]
        with progress_bar("learning", quiet) as progress:
            summary = run(
                files,
                output,
                rules=rules,
                trees=tree or None,
                codec=codec_of(codec, latents, residual, outliers, clusters, hardware) or codec,
                training=training_of(level, train_seconds, seed),
                overwrite=overwrite,
                progress=progress,
            )
        if as_json:
            print_json(summary)
        elif not quiet:
            _report(summary)


def _report(summary: TrainingSummary) -> None:
    files = count_text(len(summary.sources), "file")
    entries = count_text(summary.entries, "entry", "entries")
    echo(f"{files}, {entries} → {summary.target}: {size_text(summary.size)} in {summary.seconds:.3g} s")
    for model in summary.models:
        learned = []
        if model.latents:
            learned.append(
                f"{count_text(model.latents, 'latent')} from {count_text(model.weights, 'weight')}"
            )
        if model.networks:
            learned.append(
                f"{count_text(model.networks, 'network')} of {count_text(model.weights, 'weight')}"
            )
        if model.histograms:
            learned.append(f"histograms of {count_text(model.histograms, 'column')}")
        echo(
            f"  {model.tree}: {' and '.join(learned)} for {count_text(len(model.columns), 'column')}, "
            f"{size_text(model.size)}; model {model.sha256[:12]}…"
        )
    for note in summary.notes:
        echo(f"  note: {note}")
