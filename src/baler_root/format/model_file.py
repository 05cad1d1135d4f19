"""A `.balermodel` file: models for the columns of files that are alike (formats/model.md)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from baler_root.errors import CorruptFileError, FormatError, SourceError
from baler_root.format.codecs.model_loader import AnyModel, codec_of, open_model
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import Manifest
from baler_root.format.container.model_references import KnownColumn, ModelOrigin
from baler_root.format.container.read import Container, open_container
from baler_root.format.container.write import ContainerWriter
from baler_root.format.encodings.quantiser import Quantiser


@dataclass(frozen=True, slots=True, eq=False)
class StoredModel:
    """A model, and the tree and columns that it is for."""

    trained: ModelOrigin
    data: bytes
    model: AnyModel

    @classmethod
    def of(cls, tree: str, columns: Sequence[KnownColumn], data: bytes) -> StoredModel:
        """A model that was just trained; its history is the training record in its bytes."""
        model = open_model(data)
        trained = ModelOrigin(sha256(data).digest(), tree, tuple(columns), dict(model.training_record))
        return cls(trained, data, model)


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """All models of a `.balermodel` file."""

    path: str
    models: tuple[StoredModel, ...]
    provenance: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the file, without folders."""
        return self.path.replace(os.sep, "/").rpartition("/")[2]


def read_model_file(path: str | os.PathLike[str]) -> ModelFile:
    """The models in a file, all of it checked.

    Raises SourceError when it cannot be reached, and FormatError when it is damaged or no model file.
    """
    name = os.fspath(path)
    if "://" not in name and not Path(name).exists():
        raise SourceError(f"{name}: no such file; `baler-root train` makes model files")
    try:
        with open_container(name) as container:
            return _read(container)
    except FormatError as error:
        text = str(error).replace("not a .baler file", "not a .balermodel file")
        raise type(error)(
            f"{text} (a model file: copy it again, or make one with `baler-root train`)"
        ) from None


def _read(container: Container) -> ModelFile:
    container.check_head()
    manifest = container.manifest
    blocks = [block for block in manifest.blocks if block.kind == BlockKind.MODEL]
    if not manifest.trained:
        raise CorruptFileError(f"{container.name}: holds no models for other files")
    if len(blocks) != len(manifest.trained):
        raise CorruptFileError(
            f"{container.name}: {len(blocks)} models, but {len(manifest.trained)} are described"
        )
    models = []
    for number, (block, trained) in enumerate(zip(blocks, manifest.trained, strict=True)):
        location = f"{container.name}: model {number}"
        data = bytes(container.check_block(block))
        if sha256(data).digest() != trained.digest or block.tree != number:
            raise CorruptFileError(f"{location} is not {trained.digest.hex()}, as the manifest says")
        try:
            model = open_model(data)
            for column in model.columns:
                Quantiser.from_bytes(column.quantiser)
        except FormatError as error:
            raise CorruptFileError(f"{location}: {error}") from None
        if len(model.columns) != len(trained.columns):
            raise CorruptFileError(
                f"{location} knows {len(model.columns)} columns, {len(trained.columns)} are named"
            )
        models.append(StoredModel(trained, data, model))
    return ModelFile(container.name, tuple(models), dict(manifest.provenance))


def write_model_file(
    target: str | os.PathLike[str],
    models: Sequence[StoredModel],
    provenance: dict[str, Any],
    overwrite: bool = False,
) -> int:
    """Write a new `.balermodel` file; returns its size. Raises OutputError, and leaves nothing then."""
    with ContainerWriter(target, overwrite) as writer:
        for number, stored in enumerate(models):
            writer.write_block(BlockKind.MODEL, stored.data, number)
        writer.finish(
            Manifest(
                (),
                tuple(sorted({codec_of(stored.model) for stored in models})),
                provenance=provenance,
                trained=tuple(stored.trained for stored in models),
            )
        )
    return Path(target).stat().st_size
