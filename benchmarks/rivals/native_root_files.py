"""RNTuples with low-precision columns, written by ROOT: Real32Trunc, or Real32Quant if that takes fewer bits.

The environment variable BALER_ROOT_ROOT_PYTHON names a Python with ROOT and NumPy; without it this rival is
skipped, by name. Floats are rounded to nearest before they are truncated. Columns that do not come back
within the bound are written again without loss. The script writes flat numbers, fixed-size arrays and lists
of numbers; a file with anything else (text, nested lists) has no size.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from baler_root.evaluation.report.rounded_floats import rounded_values
from baler_root.format.bounds import LOSSLESS, ErrorBound, violations
from benchmarks.data.columns import plain
from benchmarks.data.sources import Tree, flatten, is_text
from benchmarks.rivals import uproot_files

NAME = "rntuple-real32"
NAMES = (NAME,)
VARIABLE = "BALER_ROOT_ROOT_PYTHON"
SCRIPT = Path(__file__).with_name("native_root_writer.py")

SIGN_AND_EXPONENT = 9
MIN_BITS, MAX_BITS = 10, 31
"""Smallest and largest number of bits of Real32Trunc."""


def missing() -> str:
    """Reason why this rival cannot be measured here; empty if it can."""
    python = os.environ.get(VARIABLE)
    if not python:
        return f"{VARIABLE} names no Python with ROOT"
    return "" if Path(python).exists() else f"{VARIABLE}={python} does not exist"


def size(trees: list[Tree], bound_of: Callable[[str, str], str]) -> int | None:
    """Size of the file [bytes]; None if it cannot be written."""
    if missing():
        return None
    sizes = [tree_size(tree, bound_of) for tree in trees]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def tree_size(tree: Tree, bound_of: Callable[[str, str], str]) -> int | None:
    """Size of a file with one tree [bytes]; None if it cannot be written."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fields = fields_of(tree, bound_of, folder)
        if not fields:
            return None
        entries = len(tree.branches[0][1])
        for _ in range(2):
            (folder / "fields.json").write_text(json.dumps({"entries": entries, "fields": fields}))
            command = [os.environ[VARIABLE], str(SCRIPT), temporary]
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            if process.returncode:
                raise RuntimeError(f"{' '.join(command)} failed:\n{process.stderr[-2000:]}")
            wrong = [field for field in fields if not comes_back(field, folder)]
            if not wrong:
                return int(json.loads(process.stdout.splitlines()[-1])["size"])
            for field in wrong:
                original = np.load(folder / f"original_{field['values']}")
                np.save(folder / field["values"], original)
                field |= {"bits": 0, "low": 0.0, "high": 0.0, "bound": "lossless"}
    raise RuntimeError(
        f"{tree.name}: ROOT returned other numbers for exact fields {[f['name'] for f in wrong]}"
    )


def comes_back(field: dict[str, Any], folder: Path) -> bool:
    """Whether the values that ROOT read are within the bound."""
    original, back = (np.load(folder / f"{kind}_{field['values']}") for kind in ("original", "back"))
    return not violations(original, back, ErrorBound.parse(field["bound"])).size


def fields_of(tree: Tree, bound_of: Callable[[str, str], str], folder: Path) -> list[dict[str, Any]]:
    """Fields for `native_root_writer`, arrays written to `folder`; empty if it cannot write the tree."""
    fields: list[dict[str, Any]] = []
    names: set[str] = set()
    groups: dict[bytes, str] = {}
    for path, array in tree.branches:
        branch_bound = ErrorBound.parse(bound_of(tree.name, path))
        for name, part in flatten(path, array):
            layout = part.layout
            number = len(fields)
            field: dict[str, Any] = {
                "name": uproot_files.unique(uproot_files.safe(name), names),
                "counts": "",
                "width": 0,
            }
            if is_text(part):
                return []
            if layout.is_list and layout.content.is_numpy:
                lengths = uproot_files.counts(part)
                field["counts"] = groups.setdefault(lengths.tobytes(), f"counts{number}.npy")
                np.save(folder / field["counts"], lengths)
            elif uproot_files.is_regular_numbers(layout) or (layout.is_numpy and np.asarray(part).ndim > 1):
                field["width"] = math.prod(np.asarray(part).shape[1:])
            elif not layout.is_numpy:
                return []
            values = plain(np.asarray(ak.flatten(part, axis=None)))
            field["values"] = f"v{number}.npy"
            bound = branch_bound if values.dtype.kind == "f" else LOSSLESS
            field |= {"type": values.dtype.str[1:], "bound": str(bound), **encoding(values, bound)}
            if field["type"] == "f2":
                return []
            np.save(folder / f"original_{field['values']}", values)
            np.save(
                folder / field["values"],
                values if field["low"] < field["high"] else rounded_values(values, bound),
            )
            fields.append(field)
    return without_counters(fields, folder)


def without_counters(fields: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Fields without those that only repeat the lengths of lists, at most one for each set of lengths."""
    for name in {field["counts"]: None for field in fields if field["counts"]}:
        lengths = np.load(folder / name)
        for field in fields:
            if not field["counts"] and not field["width"] and field["type"][0] in "iu":
                values = np.load(folder / f"original_{field['values']}")
                if np.array_equal(values, lengths):
                    fields = [kept_field for kept_field in fields if kept_field is not field]
                    break
    return fields


def encoding(values: NDArray[Any], bound: ErrorBound) -> dict[str, Any]:
    """Parameters of the narrower of Real32Trunc and Real32Quant; 0 bits if neither can keep the bound."""
    result = {"bits": 0, "low": 0.0, "high": 0.0}
    if bound.is_lossless or not values.size:
        return result
    finite = values[np.isfinite(values)].astype(np.float64)
    widest = MAX_BITS + 1
    if (mantissa_bits := bound.mantissa_bits(np.dtype(np.float64))) is not None:
        trunc = max(MIN_BITS, SIGN_AND_EXPONENT + mantissa_bits)
        if trunc <= MAX_BITS:
            result["bits"] = widest = trunc
    if bound.kind != "bits" and finite.size == values.size and finite.all() and np.ptp(finite):
        # Zeros must stay zeros, which steps that begin at `low` do not guarantee.
        allowed = bound.value * (float(np.abs(finite).min()) if bound.kind == "rel" else 1.0)
        quant = math.ceil(math.log2(float(np.ptp(finite)) / (2 * allowed) + 1))
        if 1 <= quant < widest:
            result = {"bits": quant, "low": float(finite.min()), "high": float(finite.max())}
    return result
