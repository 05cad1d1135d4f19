"""Bad files with models in other files, and bad model files."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from tests.helpers.forge import Forger
from tests.vectors.bad.files import BAD, CORRUPT, MISSING, TRUNCATED, Bad, bad
from tests.vectors.files.models import detached


def _detached(suffix: str, change: Callable[[Forger], bytes]) -> Callable[[], bytes]:
    """One of the golden files `detached`, changed."""

    def build() -> bytes:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "good.baler"
            detached(path)
            return change(Forger(path.with_suffix(suffix)))

    return build


def _entry(change: Callable[[dict[str, Any]], Any]) -> Callable[[Forger], bytes]:
    """Another entry in `models` of the manifest."""
    return lambda forger: forger.build(manifest=lambda document: change(document["models"][0]))


def _retold(change: Callable[[dict[str, Any]], Any]) -> Callable[[Forger], bytes]:
    """Another text of the model, under its right name."""

    def forge(forger: Forger) -> bytes:
        ((kind, number, payload),) = forger.blocks
        cursor = Cursor(payload)
        document = json.loads(bytes(unpack_bytes(cursor, 1 << 28)))
        change(document)
        data = pack_bytes(json.dumps(document).encode()) + bytes(cursor.rest())
        forger.blocks = [(kind, number, data)]
        name = hashlib.sha256(data).hexdigest()
        return forger.build(manifest=lambda manifest: manifest["models"][0].update(sha256=name))

    return forge


def bad_model(
    name: str, about: str, message: str, change: Callable[[Forger], bytes], error: str = CORRUPT
) -> None:
    """Add a model file."""
    BAD[f"bad/{name}"] = Bad(about, error, message, _detached(".balermodel", change), ".balermodel")


bad(
    "model-missing",
    "a model in another file, which is not there",
    "needs the model",
    _detached(".baler", lambda forger: forger.build()),
    MISSING,
)


bad(
    "model-reference",
    "a model in another file, named by no SHA-256",
    "a SHA-256 expected",
    _detached(".baler", lambda f: f.build(manifest=lambda d: d["detached"][0].__setitem__(0, "../up"))),
)


bad_model("models-none", "a model file that says nothing of its models", "no models for other files",
    lambda forger: forger.build(manifest=lambda document: document.pop("models")))  # fmt: skip


bad_model(
    "models-number",
    "more models described than there are",
    "1 models, but 2 are described",
    lambda forger: forger.build(manifest=lambda document: document.update(models=document["models"] * 2)),
)


bad_model("models-digest", "another model than is described", "as the manifest says",
    _entry(lambda entry: entry.update(sha256="0" * 64)))  # fmt: skip


bad_model("models-columns", "fewer columns named than the model knows", "2 columns, 1 are named",
    _entry(lambda entry: entry["columns"].pop()))  # fmt: skip


bad_model("models-names", "a column named by a number", "6 texts expected",
    _entry(lambda entry: entry["columns"][0].__setitem__(0, 7)))  # fmt: skip


bad_model("models-format", "a model of another format", "of the format",
    _retold(lambda model: model.update(format="baler-root conditional model 0")))  # fmt: skip


bad_model("models-lengths", "2^60 weights", "a count up to",
    _retold(lambda model: model["lengths"].__setitem__(-2, 1 << 60)))  # fmt: skip


bad_model("models-layers", "a layer of 2^40 outputs", "a count up to",
    _retold(lambda model: model["columns"][1]["layers"][0].__setitem__(0, 1 << 40)))  # fmt: skip


bad_model("models-parents", "a column that depends on a later one", "a count up to",
    _retold(lambda model: model["columns"][1]["parents"].__setitem__(0, 2)))  # fmt: skip


bad_model("models-cut", "ends early", "truncated", lambda forger: forger.build()[:-9], TRUNCATED)
