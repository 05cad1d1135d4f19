"""Entries of a manifest about models: models kept in other files, and models made for other files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from baler_root.errors import CorruptFileError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DetachedModel:
    """A model that pages need and that lies in another file (formats/model.md#detached-models)."""

    digest: bytes
    """Its SHA-256."""
    size: int
    file: str
    """Path of the model file from the folder of the file that needs it, with `/`."""

    def to_json(self) -> list[Any]:
        """Entry of the manifest."""
        return [self.digest.hex(), self.size, self.file]

    @classmethod
    def from_json(cls, entry: Any) -> DetachedModel:
        """The reference in an entry of the manifest; raises CorruptFileError."""
        digest, size, file = entry
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 63:
            raise CorruptFileError(f"a model of {size!r:.40} bytes")
        if not isinstance(file, str):
            raise CorruptFileError(f"a model in the file {file!r:.40}")
        return cls(_digest(digest), size, file)


@dataclass(frozen=True, slots=True)
class KnownColumn:
    """A column of a model, by which it is found in other files."""

    branch: str
    """Path of the branch."""
    field: str
    role: str
    dtype: str
    bound: str
    """Error bound asked for in training."""
    quantiser_bound: str
    """Bound that its quantiser keeps; tightened if other columns were computed from it."""

    @property
    def name(self) -> str:
        """Name for messages: `branch` or `branch.field`."""
        return f"{self.branch}.{self.field}" if self.field else self.branch


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """Tree and columns for which a model of a model file was trained (formats/model.md#models)."""

    digest: bytes
    tree: str
    """Path of the tree of its columns."""
    columns: tuple[KnownColumn, ...]
    """Columns, in the order of the model."""
    history: Json = field(default_factory=dict)
    """Record of its training, for people."""

    def to_json(self) -> Json:
        """Entry of the manifest."""
        columns = [list(astuple(column)) for column in self.columns]
        return {
            "columns": columns,
            "history": self.history,
            "sha256": self.digest.hex(),
            "tree": self.tree,
        }

    @classmethod
    def from_json(cls, document: Json) -> ModelOrigin:
        """The model in an entry of the manifest; raises CorruptFileError or what Python raises."""
        columns = tuple(KnownColumn(*_texts(entry)) for entry in document["columns"])
        (tree,) = _texts([document["tree"]], 1)
        return cls(_digest(document["sha256"]), tree, columns, dict(document["history"]))


def _texts(entry: Sequence[Any], count: int = 6) -> list[str]:
    if not isinstance(entry, list) or len(entry) != count or not all(isinstance(x, str) for x in entry):
        raise CorruptFileError(f"{count} texts expected, found {entry!r:.60}")
    return entry


def _digest(value: Any) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise CorruptFileError(f"a SHA-256 expected, found {value!r:.80}")
    return bytes.fromhex(value)
