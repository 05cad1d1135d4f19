"""The sidecar of a golden file: what was put in, from the source, and which parts of the format it uses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from baler_root.dataset.reader.file_reader import open_file
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import streams_of
from baler_root.format.container.layout import BlockKind
from baler_root.format.encodings.base import ColumnEncoding
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.double32 import PackedFloatEncoding
from baler_root.format.encodings.formula import FormulaEncoding
from baler_root.format.encodings.interpolated import InterpolatedEncoding
from baler_root.format.encodings.interpolation import Rows
from baler_root.format.encodings.lookup import LookupEncoding
from baler_root.format.encodings.predicted import PredictedEncoding
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.page import Page
from tests.vectors.source import LONG, Made

# ---- what goes beside them


ROWS = {Rows.INDEPENDENT: "alone", Rows.PREDICTED: "predict", Rows.ERRORS_INTERPOLATED: "miss alike"}
"""Words of the sidecar files, which are never rewritten."""


def plain(value: Any) -> Any:
    """Nested values for JSON: floats that are no numbers as their bits, bytes and complex as text."""
    if isinstance(value, ak.Array) and _is_regular(value.layout):
        value = np.asarray(value)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            items, odd = value.astype(object), ~np.isfinite(value)
            items[odd] = [hex(pattern) for pattern in value.view(f"u{value.dtype.itemsize}")[odd].tolist()]
            return items.tolist()
    if isinstance(value, ak.Array | np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return repr(value) if isinstance(value, bytes | complex) else value


def _is_regular(layout: Any) -> bool:
    """Whether an array is one of numbers, with any number of axes."""
    while isinstance(layout, ak.contents.RegularArray):
        layout = layout.content
    return isinstance(layout, ak.contents.NumpyArray)


def features(path: Path) -> list[str]:
    """Parts of the format that a file uses."""
    found: set[str] = set()
    with open_file(path) as file:
        container = file.container
        found |= {f"block {BlockKind(kind).name.lower()}" for kind, *_ in container.manifest.blocks}
        found |= {"superseded" for _ in container.manifest.superseded}
        found |= {"detached" for _ in container.manifest.detached}
        for tree in file.trees:
            found |= {f"form {name}" for branch in tree.schema.branches for name in _classes(branch.form)}
            if tree.schema != tree.stored.schema:
                found.add("same_as")
        for page in container.page_ids():
            tree, layout = file.trees[page.tree], container.manifest.trees[page.tree].groups(page.cluster)
            first = sum(layout[: page.group])
            columns = tree.columns[first : first + layout[page.group]]
            payload, codec = container.read_pages([page])[page]
            found |= _features(Page(payload, columns), container.manifest.codecs[codec])
    return sorted(found)


def _classes(form: Any) -> set[str]:
    if form is None:
        return set()
    inner = [form["content"]] if "content" in form else form.get("contents", [])
    return {form["class"]}.union(*map(_classes, inner))


def _features(page: Page, codec: str) -> set[str]:
    found = {f"codec {codec}"} if codec != "classic" else set()
    specs = []
    for encoding in page.encodings:
        if encoding.symbol_dtype is not None:
            specs.append(SymbolSpec(encoding.symbol_dtype, encoding.length, encoding.symbol_shape))
        found |= _features_of(encoding)
    if codec != "classic":
        return found
    for (transform, coding), spec in zip(streams_of(page.coded, specs), specs, strict=True):
        if spec.length:
            found |= {f"transform {transform.name.lower()}", f"coding {coding.name.lower()}"}
    return found


def _features_of(encoding: ColumnEncoding) -> set[str]:
    """Words for the encoding of one column."""
    if isinstance(encoding, FormulaEncoding):
        return {f"formula {encoding.relation.function}" + (" with residual" if encoding.residual else "")}
    if isinstance(encoding, PredictedEncoding):
        special = " with special values" if len(encoding.special) else ""
        return {f"predicted by {encoding.relation.function}", f"{encoding.grid.kind} prediction{special}"}
    if isinstance(encoding, LookupEncoding):
        return {f"lookup by {len(encoding.sources)}"}
    if encoding.sources:
        return {"copy" if isinstance(encoding, CopyEncoding) else "sum"}
    found = {"outliers"} if encoding.outlier_count else set()
    if isinstance(encoding, InterpolatedEncoding):
        found.add(f"interpolated, rows {ROWS[encoding.interpolation.rows]}")
        return found | {f"{len(encoding.interpolation.units)} units"}
    if isinstance(encoding, PackedFloatEncoding):
        found.add("lattice")
        encoding = encoding.integers
    assert isinstance(encoding, QuantisedEncoding)
    quantiser = encoding.quantiser
    found.add(f"recipe {quantiser.kind}" + ("" if quantiser.kind == "exact" else f" {quantiser.dtype}"))
    return found | ({"atoms"} if quantiser.special_values is not None else set())


def sidecar(function: Callable[[Path], Made], made: Made, path: Path) -> dict[str, Any]:
    """Content that a reader must find."""
    out: dict[str, Any] = {
        "about": " ".join((function.__doc__ or "").split()),
        "shows": features(path),
        "trees": [],
    }
    for tree in made.trees:
        branches = {}
        for name, array in tree.arrays.items():
            about: dict[str, Any] = {"bound": tree.bounds.get(name, "lossless")}
            raw = np.asarray(array) if isinstance(array.layout, ak.contents.NumpyArray) else np.zeros(0)
            if about["bound"] != "lossless" and raw.size:
                about["dtype"] = str(raw.dtype)
            if about["bound"] == "lossless" and raw.size > LONG:
                about |= {
                    "sha256": hashlib.sha256(raw.tobytes()).hexdigest(),
                    "dtype": str(raw.dtype),
                    "first": raw.reshape(-1)[:5].tolist(),
                }
            else:
                about["values"] = plain(array)
            branches[name] = about
        out["trees"].append(
            {"path": tree.path, "cycle": tree.cycle, "entries": tree.entries, "branches": branches}
        )
    if made.objects:
        out["objects"] = made.objects
    return out
