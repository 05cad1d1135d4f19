"""Models applied to files that they were not trained on, beside models trained on each file.

CMS H→ττ: trained on DY and TT (simulated processes), applied to W1J, W2J and VBF. Jets: trained on the
first half of the events, applied to the second. Every value of every file is checked against its bound
again. `flagged %` is the share of outlier rows, with a threshold that 1 % of the training rows exceed. They
are stored exactly, by another model with the same networks, so that the sizes of all other rows don't
include them. This model is always used, even if it makes a file larger; files of the training appear only
with it.

`python -m benchmarks run transfer [NAME…] [--bound BOUND] [--codec CODEC]… [--train-seconds S]` replaces
the groups whose name contains one of the words.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

import baler_root
from baler_root import ModelReuse, TrainingOptions
from baler_root.errors import ConfigError
from benchmarks.data import sources
from benchmarks.record import command_line, latent_files, results

BOUND = "rel=1e-2"
SHARE = 0.01

PROCESSES = ("cms_htt_DY_35k", "cms_htt_TT_13k"), ("cms_htt_W1J_7k", "cms_htt_W2J_11k", "cms_htt_VBF_5k")
JETS = "pythia_jets_365k"

KEYS = ("group", "file", "bound", "codec", "way")
KEPT = (
    "size", "model bytes", "latents bits/row", "residual bits/row", "largest error / bound", "rms error / bound",
    "flagged %", "training s", "notes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Files for training (`seen`), and other files of the same kind (`unseen`)."""

    name: str
    seen: list[Path]
    unseen: list[Path]


def processes(_: Path) -> Group:
    """Simulated processes with the same branches."""
    seen, unseen = ([sources.chosen([name])[0] for name in names] for names in PROCESSES)
    return Group("cms_htt", seen, unseen)


def halves(folder: Path) -> Group:
    """Jets of the first and of the second half of the events, written as files to a folder."""
    (path,) = sources.chosen([JETS])
    with uproot.open(path) as file:
        arrays = file["Events"].arrays(filter_name="jet_*")
    jets = ak.zip({name.removeprefix("jet_"): arrays[name] for name in arrays.fields})
    middle = len(jets) // 2
    first, second = (
        [latent_files.write_root(folder / f"jets_{name}_half.root", {"jet": ak.to_packed(half)})]
        for name, half in (("first", jets[:middle]), ("second", jets[middle:]))
    )
    return Group("jets", first, second)


GROUPS: dict[str, Callable[[Path], Group]] = {"cms_htt": processes, "jets": halves}


def compare(
    group: Group,
    bound: str,
    codecs: list[str],
    counted: latent_files.TrainingTime,
    seconds: float,
    folder: Path,
) -> Iterator[dict[str, Any]]:
    """Rows of one group."""

    def row(path: Path, codec: str, way: str, keywords: dict[str, Any]) -> dict[str, Any]:
        latents = latent_files.measure(path, counted, bound=bound, **keywords)
        result = {"group": group.name, "file": path.stem, "bound": bound, "codec": codec, "way": way}
        return result | {name: latents[name] for name in KEPT}

    for codec in codecs:
        makes_latents = codec in latent_files.latent_codecs()
        limits: dict[str, Any] = {"training": TrainingOptions(seconds=seconds)} if makes_latents else {}
        for path in group.unseen:
            way = "nothing learned" if codec == "classic" else "learned from itself"
            yield row(path, codec, way, {"codec": codec, **limits})
        if codec == "classic":
            continue
        model = folder / f"{codec}.balermodel"
        counted.start()
        try:
            baler_root.train(group.seen, model, bound=bound, codec=codec, **limits)
        except ConfigError as error:
            result = {"group": group.name, "file": None, "bound": bound, "codec": codec, "way": "no model"}
            yield {
                **result,
                **dict.fromkeys(KEPT),
                "notes": str(error).replace(f"{group.seen[0].parent}/", ""),
            }
            continue
        trained = {"training s": round(counted.seconds, 1)}
        for path in group.unseen:
            for place, detach in (("inside", False), ("beside", True)):
                used = {"model": ModelReuse(model, detach)}
                yield row(path, codec, f"model {place}", used) | trained
        if makes_latents:
            latents = np.concatenate([latent_files.latents_of(path, model, bound) for path in group.seen])
            model, _ = latent_files.with_outlier_rows(
                model, latents, SHARE, 1, folder / f"{codec}-flagging.balermodel"
            )
            way = f"model beside, {SHARE:.0%} flagged"
            for path in (*group.seen, *group.unseen):
                flagged = row(path, codec, way, {"model": ModelReuse(model, detach=True, always=True)})
                yield flagged | trained


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="groups whose name contains one of these words"
    )
    parser.add_argument("--bound", default=BOUND, help="error bound")
    parser.add_argument("--codec", action="append", help="codec; may be repeated")
    latent_files.add_time_limit(parser)
    return parser.parse_args()


def main() -> None:
    """Measure, print and store the results row by row."""
    warnings.simplefilter("ignore")
    options = arguments()
    codecs = options.codec or ["classic", "conditional", *latent_files.latent_codecs()]
    for name, make in GROUPS.items():
        if options.names and not any(word in name for word in options.names):
            continue
        new = []
        with tempfile.TemporaryDirectory() as temporary, latent_files.timed_training() as counted:
            folder = Path(temporary)
            for row in compare(make(folder), options.bound, codecs, counted, options.train_seconds, folder):
                new.append(row)
                print(row, file=sys.stderr, flush=True)
                rows = results.merged("transfer", new, *KEYS)
                latent_files.add_ratios(rows, "file", "bound", reference="classic")
                summary = {"training seconds of latents": options.train_seconds}
                results.update("transfer", rows, summary)
        results.show(name, [{k: v for k, v in row.items() if k not in ("group", "notes")} for row in new], {})
