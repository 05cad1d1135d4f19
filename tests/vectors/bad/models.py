"""Bad files of the codec `conditional` and of its models."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.container.layout import BlockKind
from tests.helpers.forge import Forger
from tests.vectors.bad.files import TRUNCATED, bad
from tests.vectors.files import GOOD
from tests.vectors.files.models import histograms

# ---- the codec `conditional`


def modelled(change: Callable[[bytes, bytes], bytes], golden: str = "conditional") -> Callable[[], bytes]:
    """A golden file with a model whose first page is changed, given its payload and the model's name."""

    def build() -> bytes:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "good.baler"
            GOOD[golden](path)
            forger = Forger(path)
            model = next(payload for kind, _, payload in forger.blocks if kind == BlockKind.MODEL)
            digest = hashlib.sha256(model).digest()[:8]
            return forger.build(page=lambda place, old: change(old, digest) if place.cluster == 0 else old)

    return build


bad(
    "model-unknown",
    "a page whose model is not there",
    "the model 0000000000000000 is not in the file",
    modelled(lambda payload, name: payload.replace(name, bytes(8))),
)


bad(
    "model-page-kind",
    "a page that is neither with nor without a model",
    "unknown kind 9",
    modelled(lambda payload, name: payload.replace(b"\1" + name, b"\x09" + name)),
)


bad(
    "model-column",
    "a column that the model does not have",
    "of a model of 6",
    modelled(lambda payload, name: payload.replace(name + b"\x06", name + b"\x7e")),
)


bad(
    "model-stream-cut",
    "a stream without its last byte",
    "left",
    modelled(lambda payload, _: payload[:-1]),
    TRUNCATED,
)


bad(
    "model-stream-word",
    "a stream with another last word",
    "stream of symbols",
    modelled(lambda payload, _: payload[:-4] + bytes(4)),
)


# ---- histograms


def remodelled(change: Callable[[list[dict[str, Any]], list[Any]], object]) -> Callable[[], bytes]:
    """Golden file `histograms` with another model of these columns and arrays, whose name the pages have."""

    def build() -> bytes:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "good.baler"
            histograms(path)
            forger = Forger(path)
        at = next(at for at, (kind, *_) in enumerate(forger.blocks) if kind == BlockKind.MODEL)
        kind, tree, model = forger.blocks[at]
        cursor = Cursor(model)
        document, quantisers = json.loads(bytes(unpack_bytes(cursor, 1 << 20))), unpack_bytes(cursor, 1 << 20)
        dtypes = [np.uint32] * 2 * len(document["columns"]) + [np.int8, np.int32, np.uint32, np.uint8]
        specs = [SymbolSpec(np.dtype(t), n) for t, n in zip(dtypes, document["lengths"], strict=True)]
        arrays = list(Classic().decode(cursor.rest(), specs).values())
        change(document["columns"], arrays)
        document["lengths"] = [len(array) for array in arrays]
        payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
        changed = pack_bytes(json.dumps(document).encode()) + pack_bytes(bytes(quantisers)) + payload
        forger.blocks[at] = (kind, tree, changed)
        old, new = (hashlib.sha256(data).digest()[:8] for data in (model, changed))
        return forger.build(page=lambda _, payload: payload.replace(old, new))

    return build


def other_array(
    number: int, change: Callable[[Any], Any]
) -> Callable[[list[dict[str, Any]], list[Any]], None]:
    """Replaces an array of a model."""

    def replace(_: list[dict[str, Any]], arrays: list[Any]) -> None:
        arrays[number] = change(arrays[number])

    return replace


bad(
    "histogram-cuts",
    "cuts of a parent that do not increase",
    "cuts between buckets do not increase",
    remodelled(lambda columns, _: columns[1].update(cuts=[[5, -5]])),
)


bad(
    "histogram-cut-far",
    "a cut beyond all codes",
    "cuts between buckets do not increase",
    remodelled(lambda columns, _: columns[1].update(cuts=[[2048]])),
)


bad(
    "histogram-parents",
    "cuts of two parents where there is one",
    "not those that are cut",
    remodelled(lambda columns, _: columns[1].update(cuts=[*columns[1]["cuts"], []])),
)


bad(
    "histogram-cells-order",
    "two cells that begin at one place",
    "cells of a histogram do not increase",
    remodelled(other_array(-2, lambda steps: steps * (np.arange(len(steps)) != 1))),
)


bad(
    "histogram-cells-far",
    "a cell beyond the axis",
    "cells of a histogram do not increase",
    remodelled(other_array(-2, lambda steps: steps + (steps > 0) * np.uint32(1 << 20))),
)


bad(
    "histogram-cells-2-40",
    "more cells than may be",
    "a count up to 256",
    remodelled(lambda columns, _: columns[0].update(cells=1 << 40)),
)


bad(
    "histogram-contexts",
    "more contexts than may be",
    "a count up to 262144",
    remodelled(lambda columns, _: columns[5].update(cuts=[list(range(4000))] * 3)),
)


bad(
    "histogram-roots",
    "fewer roots than contexts and cells",
    "too short",
    remodelled(other_array(-1, lambda roots: roots[:-1])),
)


bad(
    "histogram-roots-more",
    "more roots than contexts and cells",
    "too long",
    remodelled(other_array(-1, lambda roots: np.append(roots, roots[:1]))),
)


bad(
    "histogram-stream-word",
    "a stream with another last word",
    "stream of symbols",
    modelled(lambda payload, _: payload[:-4] + bytes(4), "histograms"),
)
