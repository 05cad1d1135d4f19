"""Models that learned from some files, used for others that they have not seen, beside learning from each file itself.

CMS H→ττ: from DY and TT (simulated processes) to W1J, W2J and VBF; jets: from the first half of the events to the second.
Every value of every file is checked against its bound again. `flagged %` are rows that are unlike the others, as told
by a threshold above which 1 % of those learned from were; they are kept exactly, by another model with the same
networks, so that sizes of the other rows hold nothing but what bounds ask for. That one is used whether it makes a
file smaller or not; files that were learned from are there only with it.

`python -m benchmarks run transfer [NAME…] [--bound BOUND] [--codec CODEC]… [--train-seconds S]` replaces the groups whose name holds
one of the words.
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
from baler_root.errors import ConfigError
from benchmarks.data import sources
from benchmarks.record import command_line, results
from benchmarks.run import autoencoders

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
    """Files to learn from, and files of the same kind that are none of them."""

    name: str
    seen: list[Path]
    unseen: list[Path]


def processes(_: Path) -> Group:
    """Simulated processes in one schema."""
    seen, unseen = ([sources.chosen([name])[0] for name in names] for names in PROCESSES)
    return Group("cms_htt", seen, unseen)


def halves(where: Path) -> Group:
    """The jets of the first and of the second half of the events, as files in a folder."""
    (path,) = sources.chosen([JETS])
    with uproot.open(path) as file:
        arrays = file["Events"].arrays(filter_name="jet_*")
    jets = ak.zip({name.removeprefix("jet_"): arrays[name] for name in arrays.fields})
    middle = len(jets) // 2
    first, second = (
        [autoencoders.write(where / f"jets_{name}_half.root", {"jet": ak.to_packed(half)})]
        for name, half in (("first", jets[:middle]), ("second", jets[middle:]))
    )
    return Group("jets", first, second)


GROUPS: dict[str, Callable[[Path], Group]] = {"cms_htt": processes, "jets": halves}


def compare(
    group: Group, bound: str, codecs: list[str], counted: autoencoders.Trainings, seconds: float, where: Path
) -> Iterator[dict[str, Any]]:
    """The rows of one group."""

    def row(path: Path, codec: str, way: str, keywords: dict[str, Any]) -> dict[str, Any]:
        found = autoencoders.measured(path, counted, bound=bound, **keywords)
        out = {"group": group.name, "file": path.stem, "bound": bound, "codec": codec, "way": way}
        return out | {name: found[name] for name in KEPT}

    for codec in codecs:
        makes_latents = codec in autoencoders.networks()
        limits: dict[str, Any] = {"train_seconds": seconds} if makes_latents else {}
        for path in group.unseen:
            way = "nothing learned" if codec == "classic" else "learned from itself"
            yield row(path, codec, way, {"codec": codec, **limits})
        if codec == "classic":
            continue
        model = where / f"{codec}.balermodel"
        counted.start()
        try:
            baler_root.train(group.seen, model, bound=bound, codec=codec, **limits)
        except ConfigError as error:
            out = {"group": group.name, "file": None, "bound": bound, "codec": codec, "way": "no model"}
            yield {**out, **dict.fromkeys(KEPT), "notes": str(error).replace(f"{group.seen[0].parent}/", "")}
            continue
        trained = {"training s": round(counted.seconds, 1)}
        for path in group.unseen:
            for place, detach in (("inside", False), ("beside", True)):
                used = {"model": model, "detach_model": detach}
                yield row(path, codec, f"model {place}", used) | trained
        if makes_latents:
            found = np.concatenate([autoencoders.latents(path, model, bound) for path in group.seen])
            model, _ = autoencoders.flagging(model, found, SHARE, 1, where / f"{codec}-flagging.balermodel")
            way = f"model beside, {SHARE:.0%} flagged"
            for path in (*group.seen, *group.unseen):
                with autoencoders.insisting():
                    flagged = row(path, codec, way, {"model": model, "detach_model": True})
                yield flagged | trained


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--bound", default=BOUND)
    parser.add_argument("--codec", action="append")
    parser.add_argument("--train-seconds", type=float, default=autoencoders.SECONDS)
    return parser.parse_args()


def main() -> None:
    """Measure, print and store row by row."""
    warnings.simplefilter("ignore")
    asked = arguments()
    codecs = asked.codec or ["classic", "conditional", *autoencoders.networks()]
    for name, make in GROUPS.items():
        if asked.names and not any(word in name for word in asked.names):
            continue
        new = []
        with tempfile.TemporaryDirectory() as folder, autoencoders.trainings() as counted:
            where = Path(folder)
            for row in compare(make(where), asked.bound, codecs, counted, asked.train_seconds, where):
                new.append(row)
                print(row, file=sys.stderr, flush=True)
                rows = results.merged("transfer", new, *KEYS)
                autoencoders.against(rows, "file", "bound", one="classic")
                summary = {"training seconds of latents": asked.train_seconds}
                results.update("transfer", rows, summary)
        results.show(name, [{k: v for k, v in row.items() if k not in ("group", "notes")} for row in new], {})
