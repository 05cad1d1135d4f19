"""Compresses a ROOT file into a `.baler` file."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from baler_root._types import Progress
from baler_root.api.file_compression import FileCompression
from baler_root.api.options import (
    ModelReuse,
    latent_options,
    one_file,
    rules_from,
    training_options,
    tree_names,
    with_residual,
)
from baler_root.api.unreadable import Unreadable, retry_without_unreadable
from baler_root.compression.rules.rules import BoundOptions
from baler_root.compression.summary import Summary
from baler_root.compression.workers import processes
from baler_root.errors import ConfigError
from baler_root.format.container.atomic_file import check_not_input
from baler_root.format.container.write import ContainerWriter
from baler_root.format.model_file import read_model_file
from baler_root.rootio.source import RootSource
from baler_root.training.effort import TrainingEffort
from baler_root.training.options import LatentOptions, TrainingOptions

CLUSTER_SIZE = "64 MB"
"""Default size of a cluster in memory: large enough that per-page costs vanish, small enough that many fit in
memory."""


def compress(  # noqa: PLR0913 - the public verb; options as objects
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    trees: str | Sequence[str] | None = None,
    codec: str | LatentOptions | None = None,
    training: str | TrainingOptions = "default",
    model: str | os.PathLike[str] | ModelReuse | None = None,
    cluster_size: int | str = CLUSTER_SIZE,
    jobs: int = 1,
    overwrite: bool = False,
    skip_unsupported: bool = False,
    progress: Progress | None = None,
    **bounds: Unpack[BoundOptions],
) -> Summary:
    """Compress the ROOT file `source` into the new file `target`; returns sizes, bounds and errors made.

    Every value is decoded and checked before `target` appears. The same input and options give the same
    bytes.

    Parameters
    ----------
    source
        Path or URL of a ROOT file.
    target
        Path of the `.baler` file to write.
    trees
        Paths of the TTrees and RNTuples to compress; all without it.
    codec
        `None`: dependencies between columns are learned where that pays, and become part of the file.
        `"conditional"` is the same. `"classic"`: nothing is learned. A codec that
        stores latents: its name (`"autoencoder"`, `"transformer"`, `"convolutional"`), or `LatentOptions`.
    training
        How much is learned: `"fast"`, `"default"`, `"max"`, or `TrainingOptions`. Level `"max"` and codecs
        that store latents need torch (`pip install "baler-root[train]"`); without it, `"max"` does what
        `"default"` does, and a note of the result says so.
    model
        Use the models of a `.balermodel` file that `train` made from similar files instead of training: its
        path, or `ModelReuse` to leave the models in that file. They are used where they make the output
        smaller (or have no residual), and need no torch. Notes of the result say which were not used, and
        why.
    cluster_size
        Entries that are held in memory at a time: a number of entries, or a size in memory such as `"64 MB"`.
    jobs
        Processes that encode clusters. With more than one, a script needs the usual
        `if __name__ == "__main__":` guard.
    overwrite
        Replace `target` if it exists.
    skip_unsupported
        Leave out branches and objects that cannot be carried, and list them in the result, instead of
        raising.
    progress
        Function that is called with (entries done, all entries).
    **bounds
        Error bounds, as in `Rules.build`: `bound="rel=1e-3"` for floating-point branches, `bounds={"Muon_*":
        "bits=12"}` for some branches, `preset`, `independent`, and `rules` for a TOML file or a `Rules`
        object to start from.

    Raises SourceError, ConfigError, OutputError, KeyInFileError, UnknownCodecError, or FormatError (of
    `model`); no output remains then.
    """
    started = time.perf_counter()
    source, target = one_file(source), Path(target)
    latents = latent_options(codec)
    rules = with_residual(rules_from("compress", bounds), bounds.get("bound") is not None, latents)
    effort = TrainingEffort.of(training_options(training), latents, rules.masses)
    reuse = model if isinstance(model, ModelReuse) or model is None else ModelReuse(model)
    if reuse is None:
        effort.check_level()
    elif isinstance(codec, LatentOptions):
        raise ConfigError(
            "latents, their residual and outliers are settled when a model is trained: leave them out"
        )
    models = None if reuse is None else read_model_file(reuse.path)
    check_not_input(target, source)
    if target.suffix.lower() == ".root":
        raise ConfigError(
            f"{target}: the output is a .baler file, not a ROOT file; name it {target.with_suffix('.baler')} "
            "(several inputs need a folder as output)"
        )
    if reuse is not None:
        check_not_input(target, reuse.path, "the model file")

    def attempt(unreadable: Unreadable) -> Summary:
        with (
            RootSource(source) as root,
            ContainerWriter(target, overwrite) as writer,
            processes(source, jobs, root.size) as pool,
        ):
            run = FileCompression(
                root,
                writer,
                target,
                rules,
                effort,
                trees=tree_names(trees),
                codec=codec.codec if isinstance(codec, LatentOptions) else codec,
                models=models,
                detach=reuse is not None and reuse.detach,
                always_reuse=reuse is not None and reuse.always,
                cluster_size=cluster_size,
                skip_unsupported=skip_unsupported,
                unreadable=unreadable,
                progress=progress,
            )
            plan = run.learn(run.plan())
            return run.finish(plan, run.encode(plan, pool, ahead=2 * jobs), started)

    return retry_without_unreadable(attempt, allowed=skip_unsupported)
