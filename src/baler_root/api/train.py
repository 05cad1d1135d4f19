"""Learns models from a sample of files that are alike, for all others of their kind."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from baler_root._types import Progress
from baler_root.api.model_training import LearnedModels, ModelTraining
from baler_root.api.options import (
    latent_options,
    note_on_masses,
    rules_from,
    training_options,
    tree_names,
    with_residual,
)
from baler_root.api.provenance import provenance_of_models
from baler_root.api.unreadable import Unreadable, retry_without_unreadable
from baler_root.compression.rules.rules import BoundOptions
from baler_root.errors import ConfigError, listed
from baler_root.format.codecs.base import ModelCodec
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.model import Conditional
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.registry import get_codec
from baler_root.format.container.atomic_file import check_not_input, check_output
from baler_root.format.container.layout import HEAD_MAGIC
from baler_root.format.container.manifest import Json
from baler_root.format.model_file import StoredModel, write_model_file
from baler_root.rootio.source import RootSource
from baler_root.training.effort import TrainingEffort
from baler_root.training.options import LatentOptions, TrainingOptions


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One model for columns of one table."""

    tree: str
    columns: tuple[str, ...]
    networks: int
    """Number of networks in the model."""
    histograms: int
    """Number of columns that have histograms."""
    weights: int
    latents: int
    """Latents per row; 0 for a model that has none."""
    size: int
    """Bytes of the model."""
    sha256: str
    history: dict[str, Any]
    """Account of its training."""


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """A `.balermodel` file that was just written."""

    sources: tuple[str, ...]
    target: str
    size: int
    """Bytes of the file."""
    entries: int
    """Entries of all trees that were learned from."""
    seconds: float
    models: tuple[TrainedModel, ...]
    notes: tuple[str, ...] = ()


def train(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    trees: str | Sequence[str] | None = None,
    codec: str | LatentOptions = "conditional",
    training: str | TrainingOptions = "default",
    overwrite: bool = False,
    progress: Progress | None = None,
    **bounds: Unpack[BoundOptions],
) -> TrainingSummary:
    """Learn from the ROOT files `sources`, which are alike, and write the models to the new file `target`.

    `compress(..., model=target)` uses the models; it needs the same bounds and trees.

    Parameters
    ----------
    sources
        Path or URL of a ROOT file, or several. Entries are taken from all of them.
    target
        Path of the `.balermodel` file to write.
    trees
        Paths of the TTrees and RNTuples to learn from; all without it.
    codec
        Codec that will use the models: `"conditional"`, or one that stores latents (its name, or
        `LatentOptions`).
    training
        How much is learned: `"fast"` and `"default"` fill histograms, `"max"` also trains networks; or
        `TrainingOptions`. Level `"max"` and codecs that store latents need torch (`pip install
        "baler-root[train]"`); using the models does not.
    overwrite
        Replace `target` if it exists.
    progress
        Function that is called with (steps done, all steps).
    **bounds
        Error bounds, as in `compress`.

    Raises SourceError, ConfigError (files that differ, too few rows, nothing to be learned, no torch),
    OutputError or KeyInFileError; no output remains then.
    """
    started = time.perf_counter()
    paths = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not paths:
        raise ConfigError("no files to learn from")
    rules = rules_from("train", bounds)
    trees = tree_names(trees)
    for path in paths:
        check_not_input(target, path, "an input")
    check_output(Path(target), overwrite, HEAD_MAGIC)
    latents = latent_options(codec)
    name = codec.codec if isinstance(codec, LatentOptions) else codec
    if not isinstance(get_codec(name), ModelCodec):
        raise ConfigError(f"the codec {name!r} learns nothing")
    rules = with_residual(rules, bounds.get("bound") is not None, latents)
    effort = TrainingEffort.of(training_options(training), latents, rules.masses).for_models()
    effort.check()

    def attempt(unreadable: Unreadable) -> tuple[LearnedModels, Json]:
        with ExitStack() as stack:
            roots = [stack.enter_context(RootSource(path)) for path in paths]
            learned = ModelTraining(roots, rules, effort, name, trees, unreadable, progress).learn()
            return learned, provenance_of_models(roots, rules, trees) | effort.to_json()

    learned, provenance = retry_without_unreadable(attempt)
    if not learned.models:
        names = listed([os.fspath(path) for path in paths], 3)
        raise ConfigError(f"{names}: no model: {'; '.join(learned.notes)}")
    size = write_model_file(target, learned.models, provenance, overwrite)
    notes = (*effort.notes, *learned.left_out, *note_on_masses(rules, effort), *learned.notes)
    return TrainingSummary(
        tuple(os.fspath(path) for path in paths),
        os.fspath(target),
        size,
        learned.entries,
        time.perf_counter() - started,
        tuple(map(_trained_model, learned.models)),
        notes,
    )


def _trained_model(stored: StoredModel) -> TrainedModel:
    """The summary of one model."""
    model = stored.model
    conditionals = [column.conditional for column in model.columns]
    networks = [conditional.net for conditional in conditionals if isinstance(conditional, Conditional)]
    weights, latents = sum(layer.weight.size for net in networks for layer in net.layers), 0
    if isinstance(model, AutoencoderModel):
        weights, latents = model.encoder.weights + model.decoder.weights, model.latents
    return TrainedModel(
        stored.trained.tree,
        tuple(column.name for column in stored.trained.columns),
        len(networks),
        sum(isinstance(conditional, Histograms) for conditional in conditionals),
        weights,
        latents,
        len(stored.data),
        stored.trained.digest.hex(),
        stored.trained.history,
    )
