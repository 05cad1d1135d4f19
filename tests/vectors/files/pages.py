"""Golden files of quantised and exact columns, and of the forms of arrays."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np

from tests.vectors.source import Made, Source, bits, flat, write_trees

# ---- the files


def integers(target: Path) -> Made:
    """Flat integers and booleans, lossless."""
    rng = np.random.default_rng(1)
    arrays = {
        f"{kind}{size}": rng.integers(0, 100, 200) for kind in ("int", "uint") for size in (8, 16, 32, 64)
    }
    branches = {name: flat(values - (50 if name[0] == "i" else 0), name) for name, values in arrays.items()}
    branches["run"] = flat(np.full(200, 362204), "uint32")
    branches["event"] = flat(10**12 + np.cumsum(rng.integers(1, 9, 200)), "uint64")
    branches["extremes"] = flat([2**63 - 1, -(2**63)] * 100, "int64")
    branches["passed"] = flat(rng.random(200) < 0.2, "bool")
    branches["always"] = flat(np.ones(200), "bool")
    return write_trees(target, Source("Events", branches, aliases={"twice": "2*run"}))


def floats(target: Path) -> Made:
    """Flat floats, lossless, with NaN payloads, infinities, zeros of both signs and subnormals."""
    special = {
        "float16": [0x7C00, 0xFC00, 0x7E00, 0x7D01, 0xFE55, 0x8000, 0x0001, 0x3C00],
        "float32": [0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFC12345, 0x80000000, 1, 0x3F800000],
        "float64": [
            0x7FF << 52,
            0xFFF << 52,
            0x7FF8 << 48,
            (0x7FF << 52) + 1,
            (0xFFF8 << 48) + 99,
            1 << 63,
            1,
            0x3FF << 52,
        ],
    }
    arrays = {f"special_{dtype}": ak.concatenate([bits(v, dtype)] * 5) for dtype, v in special.items()}
    normal = np.random.default_rng(2).normal(size=40)
    arrays |= {dtype: flat(normal, dtype) for dtype in special}
    arrays["float_in_double"] = flat(normal.astype("f4"), "f8")
    return write_trees(target, Source("Events", arrays))


def relative(target: Path) -> Made:
    """`rel` bounds: log recipes with few and many steps, atoms, outliers."""
    rng = np.random.default_rng(3)
    pt = rng.exponential(30, 300) + 3
    pt[::40], pt[5], pt[7], pt[8], pt[9] = -999.0, np.nan, np.inf, -0.0, 1e-30
    arrays = {"half": flat(np.clip(pt, -999, 6e4), "f2"), "single": flat(pt, "f4"), "double": flat(pt, "f8")}
    arrays["signed"] = flat(rng.normal(0, 10, 300), "f4")
    bounds = {"half": "rel=0.01", "single": "rel=0.001", "double": "rel=1e-05", "signed": "rel=0.05"}
    return write_trees(target, Source("Events", arrays, bounds))


def absolute(target: Path) -> Made:
    """`abs` bounds: linear recipes of floats and integers."""
    rng = np.random.default_rng(4)
    phi = rng.uniform(-3.14, 3.14, 300)
    phi[::50], phi[3] = -999.0, np.nan
    arrays = {
        "half": flat(rng.uniform(-3, 3, 300), "f2"),
        "single": flat(phi, "f4"),
        "double": flat(phi, "f8"),
    }
    arrays["adc"] = flat(rng.normal(2000, 100, 300), "i4")
    arrays["wide"] = flat(rng.normal(0, 1e15, 300), "i8")
    arrays["unsigned"] = ak.Array(np.uint64(1 << 63) + rng.integers(0, 10**12, 300).astype("u8"))
    bounds = {"half": "abs=0.1", "single": "abs=0.001", "double": "abs=1e-06"}
    bounds |= {"adc": "abs=10", "wide": "abs=1000000", "unsigned": "abs=5"}
    return write_trees(target, Source("Events", arrays, bounds))


def mantissa(target: Path) -> Made:
    """`bits` bounds and mantissas that are short already: shift recipes."""
    rng = np.random.default_rng(5)
    energy = rng.normal(0, 1, 300) * np.exp(rng.normal(3, 2, 300))
    energy[::60] = -1.0
    truncated = (flat(energy, "f4").to_numpy().view("u4") & np.uint32(0xFFFFE000)).view("f4")
    arrays = {
        "half": flat(np.clip(energy, -6e4, 6e4), "f2"),
        "single": flat(energy, "f4"),
        "double": flat(energy, "f8"),
    }
    arrays |= {"truncated": ak.Array(truncated), "large": flat(rng.normal(0, 1e12, 300), "i8")}
    bounds = {"half": "bits=5", "single": "bits=10", "double": "bits=16", "large": "bits=12"}
    return write_trees(target, Source("Events", arrays, bounds))


def jagged(target: Path) -> Made:
    """Lists with shared counts (copies), nested lists, strings, an empty column."""
    rng = np.random.default_rng(6)
    counts = rng.poisson(1.5, 80)
    total = int(counts.sum())
    arrays = {
        f"Muon_{name}": ak.unflatten(rng.normal(20, 5, total).astype("f4"), counts) for name in ("pt", "eta")
    }
    arrays["Muon_charge"] = ak.unflatten(rng.choice(np.array([-1, 1], "i4"), total), counts)
    arrays["nMuon"] = flat(counts, "i4")
    inner = rng.poisson(1, total)
    arrays["nested"] = ak.unflatten(ak.unflatten(np.arange(inner.sum(), dtype="i2"), inner), counts)
    words = ["", "µ", "HLT_IsoMu24", "a longer text"]
    arrays["word"] = ak.Array([words[i % 4] for i in range(80)])
    arrays["words"] = ak.Array([words[: i % 4] for i in range(80)])
    arrays["none"] = ak.unflatten(np.zeros(0, "f4"), np.zeros(80, "i8"))
    return write_trees(target, Source("Events", arrays, {"Muon_pt": "rel=0.001"}, groups=(2, 4, 11)))


def fixed(target: Path) -> Made:
    """Fixed-size arrays: smooth grids that need Lorenzo sums, lists of arrays, complex numbers."""
    rng = np.random.default_rng(7)
    x = np.arange(12)
    grid = (x[:, None] ** 2 + 3 * x[None, :] ** 2)[None] * rng.integers(1, 90, (20, 1, 1)) + rng.integers(
        0, 2, (20, 12, 12)
    )
    arrays = {"grid": flat(grid, "i4"), "vector": flat(rng.normal(size=(20, 3)), "f4")}
    smooth = np.sin(x[:, None] / 9 + x[None, :] / 9)[None] * rng.uniform(1, 2, (20, 1, 1))
    arrays["smooth"] = flat(smooth, "f8")
    arrays["pairs"] = ak.unflatten(ak.Array(rng.integers(0, 9, (30, 2)).astype("i2")), [3] * 10 + [0] * 10)
    arrays["wave"] = flat(np.exp(1j * np.arange(20)), "c8")
    return write_trees(target, Source("Events", arrays, {"smooth": "abs=0.001"}))


def records(target: Path) -> Made:
    """Records, tuples, options and unions as awkward has them."""
    rng = np.random.default_rng(9)
    maybe = ak.Array([None if i % 3 == 0 else i * 0.5 for i in range(30)])
    lists = ak.Array([None if i % 7 == 0 else [i] * (i % 4) for i in range(30)])
    point = ak.zip({"x": rng.normal(size=30).astype("f4"), "n": np.arange(30, dtype="i4")})
    pairs = ak.zip((np.arange(30, dtype="i2"), np.arange(30, dtype="u1")))
    mask = np.arange(30) % 4 == 1
    numbers = ak.contents.NumpyArray(np.arange(30, dtype="i4"))
    byte_masked = ak.Array(
        ak.contents.ByteMaskedArray(ak.index.Index8(mask.astype("i1")), numbers, valid_when=False)
    )
    unmasked = ak.Array(ak.contents.UnmaskedArray(numbers))
    packed = np.packbits(mask, bitorder="little")
    bit_masked = ak.contents.BitMaskedArray(
        ak.index.IndexU8(packed), numbers, valid_when=False, length=30, lsb_order=True
    )
    union = ak.Array([i if i % 2 else [i * 1.5] for i in range(30)])
    words = ak.Array(["a", "b", "unused"]).layout
    positions = ak.index.Index64(np.arange(30) % 2)
    category = ak.Array(ak.contents.IndexedArray(positions, words, parameters={"__array__": "categorical"}))
    arrays = {"maybe": maybe, "lists": lists, "point": point, "pairs": pairs, "byte_masked": byte_masked}
    arrays |= {"bit_masked": ak.Array(bit_masked), "nothing": ak.Array([[]] * 30)}
    arrays |= {"unmasked": unmasked, "union": union, "category": category}
    arrays["deep"] = ak.zip(
        {"a": ak.unflatten(point, [3] * 10), "b": ak.unflatten(maybe, [3] * 10)}, depth_limit=1
    )[np.arange(30) % 10]
    return write_trees(target, Source("Events", arrays, {"point": "abs=0.01"}))


def lattice(target: Path) -> Made:
    """`Double32_t` and `Float16_t` with a range, kept as integers."""
    rng = np.random.default_rng(10)
    integers = rng.integers(0, 1 << 12, 100).astype("u4")
    double = integers.astype("f8") * (20.0 / 4096) + -10.0
    single = (integers.astype("f8") * (6.5 / 4096) + -3.25).astype("f4")
    storage = {"double": "AsDouble32(-10.0, 10.0, 12)", "single": "AsFloat16(-3.25, 3.25, 12)"}
    return write_trees(
        target, Source("Events", {"double": ak.Array(double), "single": ak.Array(single)}, storage=storage)
    )
