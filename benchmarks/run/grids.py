"""Grids, such as frames of a fluid: sizes of `.baler` files beside SZ3 and zfp at the same bound.

The data are 60 frames of 50 × 50 values that Baler shows, and a simulated fluid of any size
(`data/fluids`), both float64. Bounds are shares of the range of all values. For `.baler` the whole file is
counted. SZ3 and zfp get the same blocks of frames, in two and three dimensions, and no metadata. zfp stays
well within its tolerance, so it gets the largest multiple of the bound by a power of two that still keeps
the bound. Neither keeps zeros exact (as inside an obstacle); `.baler` does.

The last row has pages of `classic` without interpolation, where frames are encoded by differences only.

`python -m benchmarks run grids [--size MB]… [--only cfd]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import uproot

import baler_root
from baler_root.compression.quantisation.quantise import quantise
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.page import EncodedColumn, pack_page
from benchmarks.data import sources
from benchmarks.data.fluids import Fluid, Frames
from benchmarks.record import command_line, results
from benchmarks.record.timing import processor_time
from benchmarks.rivals.compressors import SZ3, ZFP

CFD = sources.DATA / "grid" / "cfd_animation.npz"
TREE, BRANCH = "frames", "field"
SHARES = (1e-2, 1e-3)
SIZES = (20.0, 300.0)
"""Amounts of simulated frames [MB]."""
BLOCK = 64_000_000
"""Frames [bytes] that rivals compress at once, as much as a cluster of a `.baler` file."""
CODECS: list[tuple[str, dict[str, Any]]] = [("classic", {"codec": "classic"}), ("default", {})]
DIFFERENCES = "classic, differences alone"
LORENZO = {1e-2: 2.0, 1e-3: 4.4}
"""Size [% of float64] of `CFD` with integer Lorenzo prediction along axes and entries, by bound."""


def write(frames: Iterable[Frames], target: Path) -> tuple[int, float]:
    """Write a TTree with one branch of fixed-size arrays; returns bytes and range of its values."""
    size, low, high = 0, np.inf, -np.inf
    with uproot.recreate(target, compression=uproot.ZLIB(1)) as file:
        for number, part in enumerate(frames):
            if number == 0:
                file.mktree(TREE, {BRANCH: (part.dtype, part.shape[1:])})
            file[TREE].extend({BRANCH: part})
            size += part.nbytes
            low, high = min(low, float(part.min())), max(high, float(part.max()))
    return size, high - low


def blocks(source: Path) -> Iterator[Frames]:
    """Frames of the file, in blocks."""
    with uproot.open(source) as file:
        tree = file[TREE]
        frame = tree[BRANCH].array(entry_stop=1, library="np").nbytes
        for start in range(0, tree.num_entries, max(1, BLOCK // frame)):
            stop = start + max(1, BLOCK // frame)
            yield tree[BRANCH].array(entry_start=start, entry_stop=stop, library="np")


def baler(source: Path, bound: str, keywords: dict[str, Any]) -> dict[str, Any]:
    """Size of the file and of its pages [bytes], and processor time [s] to write and to read it."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.baler"
        encoding, summary = processor_time(
            partial(baler_root.compress, source, target, bound=bound, **keywords)
        )

        def read() -> None:
            with baler_root.open(target) as file:
                for _ in file[TREE].iterate(step_size="64 MB"):
                    pass

        decoding, _ = processor_time(read)
    return {
        "size": summary.size,
        "pages": summary.parts.get("pages"),
        "encoding": encoding,
        "decoding": decoding,
    }


Compressor = Callable[[Frames, float], tuple[bytes, Callable[[], Frames]]]
"""Returns the bytes of compressed frames, and a function that decompresses them."""


def sz3(frames: Frames, tolerance: float) -> tuple[bytes, Callable[[], Frames]]:
    """SZ3 with the algorithm that is smallest, in as many dimensions as the array has."""
    from pysz import sz

    data = SZ3.compress(np.ascontiguousarray(frames), tolerance)
    return data, lambda: sz.decompress(np.frombuffer(data, np.uint8), frames.dtype, frames.shape)[0]


def zfp(frames: Frames, tolerance: float) -> tuple[bytes, Callable[[], Frames]]:
    """zfp with the largest tolerance (bound times a power of two) whose errors are within the bound."""
    frames = np.ascontiguousarray(frames)
    data, times = ZFP.compress(frames, tolerance), 2
    while not missed(
        frames, ZFP.decompress(larger := ZFP.compress(frames, times * tolerance), frames.dtype, 0), tolerance
    ):
        data, times = larger, 2 * times
    return data, lambda: ZFP.decompress(data, frames.dtype, 0)


def missed(frames: Frames, decoded: Frames, tolerance: float) -> bool:
    """Whether an error exceeds the tolerance. Zeros may change here; `.baler` keeps them."""
    return bool(np.abs(frames - decoded).max() > tolerance)


def tall(compressor: Compressor) -> Compressor:
    """The compressor applied in two dimensions: frames are stacked, none is predicted from another."""

    def flat(frames: Frames, tolerance: float) -> tuple[bytes, Callable[[], Frames]]:
        data, decompress = compressor(frames.reshape(-1, frames.shape[-1]), tolerance)
        return data, lambda: decompress().reshape(frames.shape)

    return flat


RIVALS: dict[str, Compressor] = {
    "SZ3, 2-d": tall(sz3),
    "SZ3, 3-d": sz3,
    "zfp, 2-d": tall(zfp),
    "zfp, 3-d": zfp,
}


def rival(source: Path, bound: ErrorBound, compressor: Compressor) -> dict[str, Any]:
    """Size of all blocks [bytes], each decoded and checked, and processor times [s]."""
    size, encoding, decoding = 0, 0.0, 0.0
    for frames in blocks(source):
        seconds, (data, decompress) = processor_time(partial(compressor, frames, bound.value))
        decode_seconds, decoded = processor_time(decompress)
        if missed(frames, decoded, bound.value):
            raise ValueError("a rival misses the bound")
        size, encoding, decoding = size + len(data), encoding + seconds, decoding + decode_seconds
    return {"size": size, "encoding": encoding, "decoding": decoding}


def differences(source: Path, bound: ErrorBound) -> int:
    """Bytes of pages of `classic` without interpolation."""
    size = 0
    for frames in blocks(source):
        column = EncodedColumn.of(quantise(frames.reshape(-1), bound), frames.shape[1:])
        payload, _ = pack_page(Classic(), [column])
        size += len(payload)
    return size


def compare(name: str, source: Path, raw: int, span: float) -> list[dict[str, Any]]:
    """Rows of one source."""
    rows: list[dict[str, Any]] = []

    def note(share: float, what: str, size: int, **more: Any) -> None:
        rates = {
            f"{key} MB/s": round(raw / 1e6 / more[f"{key[:-1]}ing"], 1) if f"{key[:-1]}ing" in more else None
            for key in ("encode", "decode")
        }
        row = {"grid": name, "MB": round(raw / 1e6, 2), "bound": f"{share:g} of the range", "what": what}
        row |= {"size": size, "% of float64": round(100 * size / raw, 3)}
        rows.append({**row, "pages": more.get("pages"), **rates})
        print(rows[-1], file=sys.stderr)

    for share in SHARES:
        bound = ErrorBound("abs", share * span)
        for label, keywords in CODECS:
            note(share, label, **baler(source, f"abs={bound.value!r}", keywords))
        for what, compressor in RIVALS.items():
            note(share, what, **rival(source, bound, compressor))
        note(share, DIFFERENCES, differences(source, bound))
    return rows


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "--size", type=float, action="append", metavar="MB", help="amount of simulated frames"
    )
    parser.add_argument("--only", choices=("cfd", "fluid"), help="source of frames")
    return parser.parse_args()


def main() -> None:
    """Compare, print and store."""
    warnings.simplefilter("ignore")
    options = arguments()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "frames.root"
        if options.only != "fluid" and CFD.exists():
            with np.load(CFD) as file:
                rows += compare("cfd_animation", source, *write([file["data"]], source))
        for size in (options.size or SIZES) if options.only != "cfd" else ():
            fluid = Fluid()
            number = max(1, round(size * 1e6 / (8 * fluid.side**2)))
            rows += compare("fluid", source, *write(fluid.frames(number), source))
    table = results.merged("grids", rows, "grid", "MB", "bound", "what")
    summary = {
        "classic over the smallest rival": {
            f"{grid}, {mb} MB, {bound}": over(table, grid, mb, bound)
            for grid, mb, bound in dict.fromkeys((row["grid"], row["MB"], row["bound"]) for row in table)
        },
        "% of float64 wanted for cfd_animation": {
            f"{share:g} of the range": size for share, size in LORENZO.items()
        },
    }
    results.show("Grids", rows, summary)
    results.update("grids", table, summary)


def over(table: list[dict[str, Any]], grid: str, mb: float, bound: str) -> float:
    """Size of `classic` over that of the smallest result of SZ3 and zfp."""
    size = {
        row["what"]: row["size"]
        for row in table
        if (row["grid"], row["MB"], row["bound"]) == (grid, mb, bound)
    }
    return round(float(size["classic"] / min(size[what] for what in RIVALS)), 3)
