"""Same bits everywhere: decoded values equal, to the last bit, those of the machine that made the digests.

Nothing below depends on a random generator or a mathematical library; a digest that differs on some machine,
system or library version is a bug of the decoder there. To make the table anew, run this file as a script.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
import xxhash
from numpy.typing import NDArray

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.format.encodings.double32 import PackedFloat
from baler_root.format.encodings.grid import MAX_STEPS, Grid
from baler_root.format.encodings.quantiser import Quantiser

BOUNDS = ["lossless", "rel=1e-2", "rel=1e-3", "rel=1e-4", "abs=1e-2", "abs=1e-4", "bits=4", "bits=10"]
GRIDS = [
    *(
        ("log", code, steps)
        for code in ("f2", "f4", "f8")
        for steps in (1, 35, 347, 3466, 1 << 20, MAX_STEPS)
    ),
    *(("linear", code, size) for code in ("f2", "f4", "f8") for size in (2e-3, 0.1, 1 / 3)),
    *(
        ("shift", code, dropped_bits)
        for code, dropped_bits in (("f2", 3), ("f4", 13), ("f8", 40), ("i4", 45), ("u8", 42))
    ),
    *(("linear", code, size) for code in ("i2", "u4", "i8") for size in (3, 21)),
]


def noise(seed: int, n: int) -> NDArray[np.uint64]:
    """Well mixed 64-bit integers (splitmix64), the same everywhere."""
    z = (np.arange(1, n + 1, dtype=np.uint64) + np.uint64(seed << 20)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def uniform(seed: int, n: int) -> NDArray[np.float64]:
    """Exact multiples of 2**-40 in [0, 1)."""
    return (noise(seed, n) >> np.uint64(24)).astype(np.float64) * 2.0**-40


def columns(n: int = 3000) -> dict[str, Any]:
    """Physics-like columns made with correctly rounded operations only."""
    pt = 15.0 / (1.0 - 0.97 * uniform(1, n))
    eta = 5.0 * (uniform(2, n) + uniform(3, n) + uniform(4, n)) - 7.5
    special = np.where(noise(5, n) % np.uint64(5) == 0, -999.0, eta * pt)
    special[:4] = [np.nan, np.inf, -np.inf, -0.0]
    counts = (noise(6, n) % np.uint64(4)).astype(np.int64)
    lists = ak.unflatten(uniform(7, int(counts.sum())).astype(np.float32) - np.float32(0.5), counts)
    return {
        "event": np.arange(n, dtype=np.uint64) + np.uint64(10**12),
        "pt": pt.astype(np.float32),
        "eta": eta,
        "special": special.astype(np.float32),
        "matrix": (pt[:, None] * np.arange(1, 5)).astype(np.float32),
        "charge": (noise(8, n) % np.uint64(2)).astype(np.int32) * 2 - 1,
        "hits": lists,
    }


def decoded_digest(bound: str, folder: Path) -> str:
    """XXH3-64 of every value of the sample after `classic` at this bound; golden files show other codecs."""
    root, path = folder / "in.root", folder / "in.baler"
    sample = columns()
    with uproot.recreate(root) as file:
        types = {
            name: np.dtype((v.dtype, v.shape[1:])) if isinstance(v, np.ndarray) else ak.type(v).content
            for name, v in sample.items()
        }
        file.mktree("t", types)
        file["t"].extend(sample)
    baler_root.compress(root, path, bound=bound, codec="classic", cluster_size=1000, overwrite=True)
    state = xxhash.xxh3_64()
    with open_file(path) as opened:
        tree = opened.trees[0]
        for part in tree.read_columns(range(3), range(len(tree.columns))):
            for number in sorted(part):
                state.update(part[number].tobytes())
    return state.hexdigest()


def grid_digest(kind: Any, code: str, size: float) -> str:
    """XXH3-64 of the values of symbols all over a grid: no encoder takes part."""
    dtype = np.dtype(code)
    grid = Grid(kind, dtype, size)
    low, high = grid.limits()
    if kind == "log":
        reach = {2: 14, 4: 120, 8: 1000}[dtype.itemsize] * int(size)
        low, high = max(low, -reach), min(high, reach)
    elif kind == "shift" and code == "i4":
        low, high = 1023 << (52 - int(size)), (1023 + 30) << (52 - int(size))
    elif kind == "shift" and code == "u8":
        low, high = 1023 << (52 - int(size)), (1023 + 63) << (52 - int(size))
    elif kind == "linear" and dtype.kind == "f":
        low, high = -30_000, 30_000
    span = high - low + 1
    quantiser = (
        Quantiser(kind, dtype, size, low, 0, span)
        if grid.folded
        else Quantiser(kind, dtype, size, 0, low, span)
    )
    assert Quantiser.from_bytes(quantiser.to_bytes())[0].to_bytes() == quantiser.to_bytes()
    symbols = np.unique(noise(9, 20_000) % np.uint64(span))
    return xxhash.xxh3_64_hexdigest(quantiser.values(symbols).tobytes())


def lattice_digest(code: str) -> str:
    """XXH3-64 of values on a Double32 lattice."""
    integers = (noise(10, 10_000) >> np.uint64(32)).astype(np.uint32)
    return xxhash.xxh3_64_hexdigest(
        PackedFloat(6.2 / (1 << 32), -3.1).values(integers, np.dtype(code)).tobytes()
    )


FILES = {
    "lossless": "a044e5d696ba1d3a",
    "rel=1e-2": "6c3febf33c12477f",
    "rel=1e-3": "ea9a3cbb5d921d3b",
    "rel=1e-4": "b060b5b297d64aa0",
    "abs=1e-2": "8d7bc015b7dd7af9",
    "abs=1e-4": "5e101098e5049292",
    "bits=4": "dbc95014be47751c",
    "bits=10": "609783f35eec4947",
}

VALUES = {
    "log f2 1": "ab23d0813bdbdfdc",
    "log f2 35": "fa6b41db454c3f92",
    "log f2 347": "85da288c236e6740",
    "log f2 3466": "62cf02e15f14c308",
    "log f2 1048576": "6ee4858ef098973a",
    "log f2 4194304": "b911ffd8ff697634",
    "log f4 1": "49175a610e6695ff",
    "log f4 35": "8fc9e29af0a68b7f",
    "log f4 347": "fd5c331f87a787d6",
    "log f4 3466": "2e053aa09f571ceb",
    "log f4 1048576": "041200487ab454fc",
    "log f4 4194304": "16c38afa97f53379",
    "log f8 1": "2a55c3c7dbbe94d7",
    "log f8 35": "25e3b662756bd4db",
    "log f8 347": "c1e51a67b7c61681",
    "log f8 3466": "f11f80074339ad3e",
    "log f8 1048576": "d59c18c6b268ccb0",
    "log f8 4194304": "0b5f2a59e9aa533a",
    "linear f2 0.002": "442a60b42b7bf431",
    "linear f2 0.1": "fae8a5a3108140f3",
    "linear f2 0.3333333333333333": "c0b4c3f47d1c048e",
    "linear f4 0.002": "fd0fe8ee1b191512",
    "linear f4 0.1": "812da641d3af7f1b",
    "linear f4 0.3333333333333333": "150d6dcf2623edfe",
    "linear f8 0.002": "0dad53aeecce7f0f",
    "linear f8 0.1": "3110f38f493574ad",
    "linear f8 0.3333333333333333": "0fc43783ebb8eef1",
    "shift f2 3": "effcac9282bdabf2",
    "shift f4 13": "052c153cd1eb26c2",
    "shift f8 40": "7185e6af54780de6",
    "shift i4 45": "b1970dd518b2de45",
    "shift u8 42": "798aeecd482a3913",
    "linear i2 3": "8e937a4d5e6447a9",
    "linear i2 21": "8f3834c57f1c988a",
    "linear u4 3": "ea24dfaed585f6f2",
    "linear u4 21": "e2925d8774ba6681",
    "linear i8 3": "62921bd920ce023e",
    "linear i8 21": "13080ecd6f07aa9d",
    "lattice f4": "2b215490852f61f5",
    "lattice f8": "27af2b49afc393d7",
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_decoded_files(bound: str, tmp_path: Path) -> None:
    assert decoded_digest(bound, tmp_path) == FILES[bound]


@pytest.mark.parametrize(("kind", "code", "size"), GRIDS)
def test_decoded_grids(kind: str, code: str, size: float) -> None:
    assert grid_digest(kind, code, size) == VALUES[f"{kind} {code} {size!r}"]


@pytest.mark.parametrize("code", ["f4", "f8"])
def test_decoded_lattices(code: str) -> None:
    assert lattice_digest(code) == VALUES[f"lattice {code}"]


def test_all_digests_differ() -> None:
    assert len(set(FILES.values())) == len(FILES) == len(BOUNDS)
    assert len(set(VALUES.values())) == len(VALUES) == len(GRIDS) + 2


INPUT = "b5765e4dad61630b"


def test_input_is_the_same_everywhere() -> None:
    """If this differs, the digests above say nothing of the decoder."""
    state = xxhash.xxh3_64()
    for values in columns().values():
        state.update(ak.to_numpy(ak.flatten(values, axis=None)).tobytes())
    assert state.hexdigest() == INPUT


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for each in BOUNDS:
            print(f'    "{each}": "{decoded_digest(each, Path(name))}",')
    for kind, code, size in GRIDS:
        print(f'    "{kind} {code} {size!r}": "{grid_digest(kind, code, size)}",')
    for code in ("f4", "f8"):
        print(f'    "lattice {code}": "{lattice_digest(code)}",')
    state = xxhash.xxh3_64()
    for values in columns().values():
        state.update(ak.to_numpy(ak.flatten(values, axis=None)).tobytes())
    print(f'INPUT = "{state.hexdigest()}"')
