"""Branches of real files that uproot reads, that `.baler` gives back, and that `decompress` gives back.

Each branch is compared without loss. Each file is also compressed with default bounds, at the default level,
verified against the original, decompressed, and its trees are opened by uproot.

`python -m benchmarks run coverage` runs each file of `coverage/` and `real/` in a separate process. With a
file as argument it runs that file, and prints one row of JSON per branch.
"""

from __future__ import annotations

import collections
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import awkward as ak
import uproot

import baler_root
from benchmarks.data import sources
from benchmarks.record import command_line, results
from benchmarks.record.same import difference
from benchmarks.rivals import uproot_files

WITHIN = "within bounds"
"""Result of a file that passes all steps with default bounds."""

RAW = "raw"
"""Result of a branch that is carried as the bytes of its baskets."""

COLUMNS = ("file", "tree", "branch", "uproot", "baler", "decompress", "default")
"""Columns of a row; the last one is that of a whole file."""

MEMORY = 8 << 30
"""Address space [bytes] that the process of one file may use."""
SECONDS = 600


def read(branch: Any) -> tuple[ak.Array | None, str]:
    """The array of a branch, or None and the reason."""
    try:
        return branch.array(library="ak"), ""
    except Exception as error:  # noqa: BLE001  # uproot raises errors of many types
        return None, cause(error)


def cause(error: Exception) -> str:
    """Type and first line of an error, without paths and numbers."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {re.sub(r'[0-9]+', 'N', re.sub(r'/[^ ]+', '…', text))}"[:100]


def branches_of(file: Any, tree: str) -> dict[str, Any]:
    """Branches of a tree of another file, by path, and by path in letters, digits and underscores only."""
    if file is None or tree not in file:
        return {}
    branches = dict(file[tree].iteritems(recursive=True, full_paths=True))
    return {uproot_files.safe(path): branch for path, branch in branches.items()} | branches


def compare(original: ak.Array, branches: dict[str, Any], path: str, *, names: bool = True) -> str:
    """`same`, or how the branch of another file differs.

    If the parents of a branch could not be written, it is looked up by its path with dots and by its name,
    also with characters replaced that RNTuple does not allow. `names=False` ignores class names of objects.
    """
    dotted, short = path.replace("/", "."), path.rpartition("/")[2]
    candidates = (path, dotted, uproot_files.safe(path), short, uproot_files.safe(short))
    branch = next((branches[name] for name in candidates if name in branches), None)
    if branch is None:
        split = any(name.startswith(f"{dotted}.") for name in branches)
        return "written as branches of its members" if split else "missing"
    try:
        again = branch.array(library="ak")
        if not names:
            original, again = ak.without_parameters(original), ak.without_parameters(again)
        return difference(original, again) or "same"
    except Exception as error:  # noqa: BLE001  # any error is a result: the table lists causes
        return cause(error)


def compare_baskets(original: Any, branch: Any) -> str:
    """`raw` if another branch of uproot has the same baskets, or the first part of them that differs."""
    if branch is None:
        return "missing"
    try:
        pairs = zip(baskets(original), baskets(branch), strict=True)
        difference = next((part for a, b in pairs for part in a if a[part] != b[part]), "")
    except Exception as error:  # noqa: BLE001  # any error is a result: the table lists causes
        return cause(error)
    return f"other {difference} of a basket" if difference else RAW


def baskets(branch: Any) -> Iterator[dict[str, Any]]:
    """Entry range, length of the key, bytes and byte offsets of each basket of a branch of uproot."""
    for number in range(branch.num_baskets):
        basket = branch.basket(number)
        offsets = basket.byte_offsets
        yield {
            "entries": tuple(map(int, branch.basket_entry_start_stop(number))),
            "length of the key": int(basket.member("fKeylen")),
            "bytes": bytes(basket.data),
            "byte offsets": None if offsets is None else offsets.tolist(),
        }


def attempt(action: Any, *arguments: Any, **options: Any) -> tuple[Any, str]:
    """Result of the action and an empty text, or None and the reason for its failure."""
    try:
        return action(*arguments, **options), ""
    except Exception as error:  # noqa: BLE001
        return None, cause(error)


def default_bounds(path: Path, folder: Path) -> str:
    """`within bounds` if a file passes compress, verify and decompress with default options, or why not."""
    packed, back = folder / "default.baler", folder / "default.root"
    try:
        baler_root.compress(path, packed, skip_unsupported=True)
        problems = baler_root.verify(packed, against=path).problems
        if problems:
            return cause(ValueError(problems[0]))
        baler_root.decompress(packed, back)
        with uproot.open(back) as file, baler_root.open(packed) as ours:
            for name in ours.keys(cycle=False, filter_classname=["TTree", "ROOT::*RNTuple"]):
                if file[name].num_entries != ours[name].num_entries:
                    return "other number of entries"
    except Exception as error:  # noqa: BLE001  # any error is a result: the table lists causes
        return cause(error)
    return WITHIN


def cover(path: Path) -> Iterator[dict[str, str]]:
    """One row per branch of the file, and one of the whole file with default bounds."""
    with tempfile.TemporaryDirectory() as folder, uproot.open(path) as source:
        packed, back = Path(folder) / "out.baler", Path(folder) / "back.root"
        _, failed = attempt(
            baler_root.compress, str(path), str(packed), bound="lossless", skip_unsupported=True
        )
        if not failed:
            _, back_failed = attempt(baler_root.decompress, str(packed), str(back))
        baler, _ = (None, "") if failed else attempt(baler_root.open, str(packed))
        root, _ = (None, "") if failed or back_failed else attempt(uproot.open, back)
        names = source.keys(filter_classname=["TTree", "TNtuple*", "ROOT::*RNTuple"], cycle=False)
        for name in dict.fromkeys(names):
            in_baler = branches_of(baler, name)
            in_root = branches_of(root, f"{name}_rntuple") | branches_of(root, name)
            for key, branch in sources.leaves(source[name]):
                array, unread = read(branch)
                row = {"file": path.stem, "tree": name, "branch": key, "uproot": unread or "same"}
                row["baler"] = row["decompress"] = ""
                if (raw := in_baler.get(key)) is not None and raw.is_raw:
                    row["baler"] = RAW
                    row["decompress"] = back_failed or compare_baskets(branch, in_root.get(key))
                elif array is None:
                    row["baler"] = failed or "lost"
                else:
                    row["baler"] = failed or compare(array, in_baler, key)
                    row["decompress"] = failed or back_failed or compare(array, in_root, key, names=False)
                yield row
        yield {"file": path.stem, "default": default_bounds(path, Path(folder))}


def cover_apart(path: Path) -> list[dict[str, str]]:
    """Rows of `cover`, measured in a process with limits on time and memory."""
    command = [sys.executable, "-m", "benchmarks", "run", "coverage", str(path)]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        output, end = process.stdout, f"exit {process.returncode}" if process.returncode else ""
    except subprocess.TimeoutExpired as late:
        output, end = (late.stdout or b"").decode(), f"over {SECONDS} s"
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if end:
        rows.append({"file": path.stem, "uproot": end})
    return [dict.fromkeys(COLUMNS, "") | row for row in rows]


def causes(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Number of branches, or of files, and an example for each stage and cause."""
    table: list[dict[str, Any]] = []
    for stage in ("uproot", "baler", "decompress", "default"):
        counter = collections.Counter(row[stage] for row in rows if row[stage])
        example = {row[stage]: f"{row['file']}: {row['tree']}/{row['branch']}" for row in rows}
        for why, number in counter.most_common():
            kind = "file" if stage == "default" else "branch"
            table.append(
                {
                    "stage": stage,
                    "cause": why,
                    "of": kind,
                    "number": number,
                    "example": example[why].removesuffix(": /")[:80],
                }
            )
    return table


def main() -> None:
    """Run one file, or all files and store the results."""
    warnings.simplefilter("ignore")
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="measure this file alone, and print its rows"
    )
    file: Path | None = parser.parse_args().file
    if file is not None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for row in cover(file):
            print(json.dumps(row), flush=True)
        return
    rows: list[dict[str, str]] = []
    files = sources.files("coverage", "real")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, file_rows in zip(files, pool.map(cover_apart, files), strict=True):
            rows += file_rows
            print(f"{path.stem}: {len(rows)} branches so far", file=sys.stderr, flush=True)
    readable = [row for row in rows if row["uproot"] == "same"]
    share = {stage: sum(row[stage] == "same" for row in readable) for stage in ("baler", "decompress")}
    summary = {
        "branches": sum(bool(row["branch"]) for row in rows),
        "read by uproot": len(readable),
        **{f"same through {k}": f"{n} ({n / max(1, len(readable)):.2%})" for k, n in share.items()},
        "raw": sum(row["baler"] == RAW for row in rows),
        "raw, same bytes through decompress": sum(row["decompress"] == RAW for row in rows),
        "lost": sum(row["baler"] == "lost" for row in rows),
        "files": sum(bool(row["default"]) for row in rows),
        "files within default bounds": sum(row["default"] == WITHIN for row in rows),
    }
    table = causes(rows)
    results.store("coverage", table, summary)
    good = {"same", RAW}
    failed = [
        row
        for row in rows
        if (row["branch"] and not good >= {row["baler"], row["decompress"]})
        or row["default"] not in ("", WITHIN)
    ]
    results.store("coverage_failures", failed, summary)
    results.show("Coverage", [{**row, "example": row["example"][:40]} for row in table], summary)
