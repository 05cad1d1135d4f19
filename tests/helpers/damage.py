"""Loops over damaged copies of a file, each in a separate process with limited memory."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from baler_root.api.verify import verify
from baler_root.dataset.reader.file_reader import FileReader, open_file
from baler_root.errors import FormatError, UnknownCodecError
from baler_root.format.container.layout import HEAD
from tests.helpers.forge import Forger, Json
from tests.helpers.processes import run_python

MEMORY = 3 * 2**30
"""Address space for a loop: the libraries take most of the first GB."""


Case = tuple[str, bytes]


def everything(file: FileReader, arrays: bool = True) -> list[Any]:
    """All a file says, to be compared bit by bit; with `arrays`, the awkward arrays are made too."""
    out: list[Any] = [file.objects, file.directories, file.objects_blob]
    for tree in file.trees:
        clusters, columns = range(len(tree.stored.clusters)), range(len(tree.columns))
        parts = tree.read_columns(clusters, columns)
        out.append((tree.schema, tree.bounds, tree.statistics.tobytes()))
        out.append([[(part[i].dtype, part[i].tobytes()) for i in columns] for part in parts])
        if arrays:
            read = tree.read(tree.schema.stored(), 0, tree.schema.num_entries)
            assert all(len(array.to_list()) == tree.schema.num_entries for array in read.values())
    return out


def examine(data: bytes, whole: list[Any], number: int = 0) -> str:
    """Outcome of a damaged file: `refused`, `reported`, `same`, or `other` values; anything else raises.

    Of what `verify` reports, only every fourth is read too.
    """
    try:
        problems = verify(io.BytesIO(data)).problems
        verdict = "reported" if problems else "fine"
    except FormatError:
        verdict = "refused"
    if verdict != "fine" and number % 4:
        return verdict
    try:
        with open_file(io.BytesIO(data)) as file:
            found = everything(file, number % 8 == 0)
    except (FormatError, UnknownCodecError):
        return "unreadable, yet verified" if verdict == "fine" else verdict
    if verdict == "fine":
        return "same" if found == whole else "other"
    return verdict


def flips(data: bytes, bits: Iterable[int], step: int = 1) -> Iterator[Case]:
    """The file with one bit flipped, for each `step`th byte and each of `bits`, from a moving start."""
    for position in range(0, len(data), step):
        for bit in bits:
            broken = bytearray(data)
            broken[position] ^= 1 << (bit + position) % 8
            yield f"byte {position} bit {(bit + position) % 8}", bytes(broken)


def truncations(data: bytes) -> Iterator[Case]:
    for size in range(len(data)):
        yield f"first {size} bytes", data[:size]


def additions(data: bytes) -> Iterator[Case]:
    for extra in (b"\0", b"\n", data[-68:], data[: HEAD.size], data, bytes(100_000)):
        yield f"{len(extra)} bytes appended", data + extra
        yield f"{len(extra)} bytes in front", extra + data
    yield "a byte lost", data[:1000] + data[1001:]
    yield "a byte gained", data[:1000] + b"\0" + data[1000:]
    yield "middle zeroed", data[:500] + bytes(500) + data[1000:]
    yield "halves swapped", data[len(data) // 2 :] + data[: len(data) // 2]


def pages_resealed(path: Path, step: int) -> Iterator[Case]:
    """Every `step`th byte of each page changed, and every checksum made right again."""
    forger = Forger(path)
    for number, payload, _ in forger.pages:
        for position in range(0, len(payload), step):
            broken = bytearray(payload)
            broken[position] ^= 1 << position % 8

            def changed(page: Any, old: bytes, number: Any = number, broken: bytes = bytes(broken)) -> bytes:
                return broken if page == number else old

            yield f"page {number} byte {position}", forger.build(page=changed)


def blocks_resealed(path: Path) -> Iterator[Case]:
    """Verdicts on files with some bytes changed of statistics and carried objects."""
    forger = Forger(path)
    blocks = forger.blocks
    for number, (kind, tree, payload) in enumerate(blocks):
        for position in range(0, len(payload), 7):
            broken = bytearray(payload)
            broken[position] ^= 1 << position % 8
            forger.blocks = [*blocks[:number], (kind, tree, bytes(broken)), *blocks[number + 1 :]]
            yield f"block {number} byte {position}", forger.build()


ODD = [None, True, -1, 0, 1, 3, 1 << 31, 1 << 60, 1 << 64, 1.5, "", "x", "9" * 5000, [], [[]], [0, 1], {}]


def leaves(document: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of each value in a JSON document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        yield document, key
        if isinstance(value, dict | list):
            yield from leaves(value)


def manifests_resealed(path: Path, most: int) -> Iterator[Case]:
    """Each value of the manifest replaced by up to `most` others, or left out."""
    forger = Forger(path)
    count = sum(1 for _ in leaves(forger.document))
    rng = np.random.default_rng(5)
    for place in range(count):
        for odd in [*rng.choice(len(ODD), most, replace=False).tolist(), None]:

            def spoil(document: Json, place: int = place, odd: int | None = odd) -> None:
                owner, key = list(leaves(document))[place]
                if odd is None:
                    del owner[key]
                else:
                    owner[key] = ODD[odd]

            yield f"manifest value {place} odd {odd}", forger.build(manifest=spoil)


LOOPS: dict[str, Callable[[Path], Iterator[Case]]] = {
    "some flips": lambda path: flips(path.read_bytes(), [0], step=5),
    "all flips": lambda path: flips(path.read_bytes(), range(8)),
    "truncations": lambda path: truncations(path.read_bytes()),
    "additions": lambda path: additions(path.read_bytes()),
    "some of the pages": lambda path: pages_resealed(path, step=5),
    "pages": lambda path: pages_resealed(path, step=1),
    "blocks": blocks_resealed,
    "some of the manifest": lambda path: manifests_resealed(path, most=2),
    "manifest": lambda path: manifests_resealed(path, most=len(ODD)),
}


def loop(name: str, path: str) -> None:
    """Examine every case; prints how many had which outcome. Called in a separate process."""
    import resource

    warnings.simplefilter("error")
    with open_file(path) as file:
        whole = everything(file)
    assert examine(Path(path).read_bytes(), whole) == "same"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: dict[str, list[str]] = {}
    failures = []
    for number, (case, data) in enumerate(LOOPS[name](Path(path))):
        try:
            outcomes.setdefault(examine(data, whole, number), []).append(case)
        except BaseException as error:  # noqa: BLE001 - any other error is what the loop looks for
            failures.append(f"{case}: {type(error).__name__}: {error}"[:500])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"outcomes": outcomes, "failures": failures, "grown": grown}))


def run(name: str, path: Path) -> dict[str, list[str]]:
    """The cases by outcome, once it is sure that none ended otherwise or took much memory."""
    printed = run_python(f"from tests.helpers.damage import loop; loop({name!r}, {str(path)!r})")
    result = json.loads(printed)
    assert result["failures"] == []
    assert result["grown"] < 400_000  # kB
    outcomes: dict[str, list[str]] = result["outcomes"]
    assert sum(map(len, outcomes.values())) > 0
    return outcomes
