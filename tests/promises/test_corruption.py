"""Damage is found: any flipped byte, any truncation, any lie is a FormatError, a reported problem, or no change.

The loops run in processes of their own, with the memory they may use limited.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.api.verify import verify
from baler_root.dataset.reader.file_reader import FileReader, open_file
from baler_root.errors import FormatError, UnknownCodecError
from baler_root.format.binary.packed import pack_bytes
from baler_root.format.binary.varint import pack_varint
from baler_root.format.codecs.registry import get_codec
from baler_root.format.container.layout import HEAD
from baler_root.format.page import Page
from tests.conftest import fixed_columns, flat_columns, jagged_columns, nested_columns
from tests.helpers.forge import Forger, Json

ROOT = Path(__file__).parents[2]
MEMORY = 3 * 2**30
"""Address space for a loop: the libraries take most of the first GB."""

Case = tuple[str, bytes]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with something of everything: trees of both kinds, a histogram, tables, a bound, two clusters."""
    folder = tmp_path_factory.mktemp("corruption")
    root, path = folder / "in.root", folder / "in.baler"
    n, kept = 16, ("event", "energy", "energy_copy", "special", "trigger", "i16")
    with uproot.recreate(root) as file:
        flat = {name: values for name, values in flat_columns(n).items() if name in kept} | fixed_columns(n)
        types = {name: np.dtype((values.dtype, values.shape[1:])) for name, values in flat.items()}
        jagged = jagged_columns(n)
        file.mktree("Events", {**types, "Muon": ak.type(jagged["Muon"]).content})
        file["Events"].extend({**flat, **jagged})
        file.mkrntuple(
            "dir/Nested", ak.Array({**nested_columns(n), "option": ak.Array([1.5, None] * (n // 2))})
        )
        file["h"] = np.histogram([1.0, 2.0])
    baler_root.compress(root, path, cluster_size=9, bounds={"grid": "abs=1e-3", "Muon_*": "bits=8"})
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest file with a page, a bound and a list."""
    folder = tmp_path_factory.mktemp("tiny")
    root, path = folder / "in.root", folder / "in.baler"
    with uproot.recreate(root) as file:
        file.mktree("t", {"x": "f4", "y": "var * int32"})
        file["t"].extend(
            {"x": np.linspace(1, 2, 50, dtype="f4"), "y": ak.Array([[1], [], [2, 3]] * 16 + [[], []])}
        )
    baler_root.compress(root, path)
    return path


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
    """What becomes of a damaged file: `refused`, `reported`, `same`, or `other` values; anything else raises.

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
    """The file with one bit flipped, for each `step`th byte and each of `bits` (counted from a moving start)."""
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


def pages_resealed(path: Path) -> Iterator[Case]:
    """Every second byte of each page changed, and every checksum made right again."""
    forger = Forger(path)
    for number, payload, _ in forger.pages:
        for position in range(0, len(payload), 2):
            broken = bytearray(payload)
            broken[position] ^= 1 << position % 8

            def changed(page: Any, old: bytes, number: Any = number, broken: bytes = bytes(broken)) -> bytes:
                return broken if page == number else old

            yield f"page {number} byte {position}", forger.build(page=changed)


def blocks_resealed(path: Path) -> Iterator[Case]:
    """The same for some bytes of statistics and carried objects."""
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


def manifests_resealed(path: Path) -> Iterator[Case]:
    """Each value of the manifest replaced by odd ones, or left out."""
    forger = Forger(path)
    count = sum(1 for _ in leaves(forger.document))
    rng = np.random.default_rng(5)
    for place in range(count):
        for odd in [*rng.choice(np.arange(len(ODD)), 4, replace=False).tolist(), None]:

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
    "pages": pages_resealed,
    "blocks": blocks_resealed,
    "manifests": manifests_resealed,
}


def loop(name: str, path: str) -> None:
    """Examine every case; prints how many had which outcome. Called in a process of its own."""
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
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.promises.test_corruption import loop; loop({name!r}, {str(path)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["failures"] == []
    assert result["grown"] < 400_000  # kB
    outcomes: dict[str, list[str]] = result["outcomes"]
    assert sum(map(len, outcomes.values())) > 0
    return outcomes


def test_every_flipped_bit_is_detected(tiny: Path) -> None:
    outcomes = run("all flips", tiny)
    assert set(outcomes) <= {"refused", "reported"}
    assert sum(map(len, outcomes.values())) == 8 * tiny.stat().st_size


def test_flipped_bytes_of_any_part_are_detected(small: Path) -> None:
    assert set(run("some flips", small)) == {"refused", "reported"}


@pytest.mark.slow
def test_every_flipped_bit_of_any_part_is_detected(small: Path) -> None:
    assert set(run("all flips", small)) == {"refused", "reported"}


def test_every_truncation_is_refused(small: Path) -> None:
    assert set(run("truncations", small)) == {"refused"}


def test_every_addition_is_detected(small: Path) -> None:
    assert set(run("additions", small)) <= {"refused", "reported"}


def test_pages_that_lie_under_right_checksums(small: Path) -> None:
    """What decodes to other values is found by the digest of the values."""
    assert set(run("pages", small)) <= {"refused", "reported", "same"}


@pytest.mark.parametrize("name", ["autoencoder_alone", "transformer"])
def test_pages_with_latents_that_lie_under_right_checksums(name: str) -> None:
    """`same`: rows that are said to be unlike others change no value."""
    path = ROOT / "formats" / "vectors" / f"{name}.baler"
    assert set(run("pages", path)) <= {"refused", "reported", "same"}


def test_blocks_that_lie_under_right_checksums(small: Path) -> None:
    """Statistics have no second witness: they may change, but never break the reader."""
    assert set(run("blocks", small)) <= {"refused", "reported", "same", "other"}


def test_manifests_that_lie_under_right_checksums(small: Path) -> None:
    """Names and titles may be any; what contradicts the pages is refused."""
    assert set(run("manifests", small)) <= {"refused", "reported", "same", "other"}


def test_damage_is_named_and_the_rest_stays_readable(small: Path, tmp_path: Path) -> None:
    """One bad page: its columns are lost with a message saying which, all others come back."""
    path = tmp_path / "damaged.baler"
    data = bytearray(small.read_bytes())
    with open_file(small) as file:
        tree = file.trees[0]
        page = file.container.page_ids()[-1]
        row = file.container.pages[file.container.page_row(page)]
        data[int(row["offset"]) + int(row["size"]) - 1] ^= 1
        expected = tree.read(tree.schema.stored(), 0, 16)
    path.write_bytes(data)
    problems = verify(path).problems
    assert len(problems) == 1
    assert "page 0 of cluster 1 of tree 'dir/Nested'" in problems[0]
    assert "checksum" in problems[0]
    assert "other pages remain readable" in problems[0]
    with open_file(path) as file:
        found = file.trees[0].read(tree.schema.stored(), 0, 16)
        assert all(ak.array_equal(found[i], expected[i], equal_nan=True) for i in expected)
        nested = file.trees[1]
        assert nested.read(nested.schema.stored(), 0, 9)
        with pytest.raises(FormatError, match="cluster 1 of tree 'dir/Nested'"):
            nested.read(nested.schema.stored(), 8, 10)


def hostile(path: Path, page: bytes) -> FormatError:
    """The error for a file whose first page has this payload."""
    forger = Forger(path)
    first = forger.pages[0][0]
    data = forger.build(page=lambda number, payload: page if number == first else payload)
    with open_file(io.BytesIO(data)) as file, pytest.raises(FormatError) as caught:
        file.trees[0].read(file.trees[0].schema.stored(), 0, 1)
    return caught.value


def exact(length: int, code: int = 10) -> bytes:
    """The directory entry of a column of this many exact values (float32), no outliers."""
    return bytes([0]) + pack_varint(length) + bytes([0, code, 0])


def test_pages_that_claim_huge_columns(small: Path) -> None:
    with open_file(small) as file:
        tree = file.trees[0]
        count = tree.stored.groups(0)[0]
    for length in (1 << 29, 1 << 60):
        error = hostile(small, pack_bytes(exact(length) * count))
        assert "values in one cluster; at most 268435456 are allowed" in str(error)
    error = hostile(small, pack_varint(1000 << 1 | 1) + pack_varint(1 << 40) + bytes(998))
    assert "claim to hold 1099511627776" in str(error)


def test_a_page_is_refused_before_its_columns_are_made(small: Path) -> None:
    """Columns of 2**28 values each are within the limits; three of them are too much for one page."""
    with open_file(small) as file:
        column = next(c for c in file.trees[0].columns if c.dtype == np.float32 and c.table != 0)
    directory = exact(1 << 26) * 5
    with pytest.raises(FormatError, match="a page claims to hold more than"):
        Page(memoryview(pack_bytes(directory)), [column] * 5).symbols(get_codec("classic"))


def test_zstd_bombs(small: Path) -> None:
    forger = Forger(small)
    bomb = pack_bytes(b" " * (1 << 26) + b"{}")
    huge = pack_varint((len(bomb) + 4) << 1 | 1) + pack_varint(1 << 29) + bomb[8:]
    for data in (
        forger.build(packed=lambda _: bomb),
        forger.build(packed=lambda _: huge),
        forger.build(page=lambda _, __: bomb),
    ):
        assert len(data) < 100_000
        with pytest.raises(FormatError), open_file(io.BytesIO(data)) as file:
            file.trees[0].read(file.trees[0].schema.stored(), 0, 1)
