"""Describes models in plain values: layers, parameters, bytes, training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from baler_root.errors import MissingModelError
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.model import Conditional, ModelColumn
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.model_loader import AnyModel, open_model
from baler_root.format.container.model_references import ModelOrigin
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.model_store import ModelStore

_FACTS = {
    *("sha256", "size", "file", "found", "problem", "tree", "columns", "networks", "histograms", "weights"),
    *("codec", "latents", "residual", "encoder", "decoder", "anomalies", "outlier_rows", "architecture"),
}
"""Keys of a description that no note on the training replaces: notes are for people and may say anything."""


def describe_models(models: ModelStore, trained: Sequence[ModelOrigin]) -> list[dict[str, Any]]:
    """Each model of a file: its SHA-256, bytes, columns, networks, weights and history.

    One that the file only refers to has `file`, where it was, and `found`, where it is; if it is not found
    `found` is None and `problem` says why.
    """
    trained_models = {entry.digest: entry for entry in trained}
    descriptions = []
    for digest in models:
        entry: dict[str, Any] = {"sha256": digest.hex()}
        reference = models.detached.get(digest)
        if reference is not None:
            entry |= {"size": reference.size, "file": reference.file, "found": None}
            try:
                entry["found"], data = models.find(digest)
            except MissingModelError as error:
                descriptions.append({**entry, "problem": str(error)})
                continue
        else:
            data = models[digest]
        descriptions.append(
            {**entry, **describe_model(open_model(data), len(data), trained_models.get(digest))}
        )
    return descriptions


def describe_model(model: AnyModel, size: int, trained: ModelOrigin | None = None) -> dict[str, Any]:
    """The description of one model; `trained` names its columns in the files that it is for.

    An autoencoder has `codec`, `latents`, `residual`, `encoder` and `decoder` besides, and no networks by
    columns, but of each column the `axis` on which its frequencies are the input: linear, logarithmic or
    exact.
    """
    networks = [_network(model.columns, column) for column in model.columns]
    if trained is not None:
        for network, column in zip(networks, trained.columns, strict=False):
            network |= {"column": column.name, "dtype": column.dtype, "bound": column.bound}
    return {
        "size": size,
        **({} if trained is None else {"tree": trained.tree}),
        "columns": len(model.columns),
        "networks": sum(bool(network["layers"]) for network in networks),
        "histograms": sum(network["histograms"] > 0 for network in networks),
        "weights": sum(network["weights"] for network in networks),
        **(_autoencoder(model, networks) if isinstance(model, AutoencoderModel) else {}),
        **{key: note for key, note in model.training_record.items() if key not in _FACTS},
        "architecture": networks,
    }


def _autoencoder(model: AutoencoderModel, networks: list[dict[str, Any]]) -> dict[str, Any]:
    for network, column in zip(networks, model.columns, strict=True):
        network["axis"] = Quantiser.from_bytes(column.quantiser)[0].axis
    return {
        "codec": model.codec,
        "latents": model.latents,
        "residual": model.residual.value,
        "encoder": model.encoder.describe(),
        "decoder": model.decoder.describe(),
        "weights": model.encoder.weights + model.decoder.weights,
        "outlier_rows": None
        if model.outlier_detector is None
        else {"threshold": model.outlier_detector.threshold, "clusters": len(model.outlier_detector.centres)},
    }


def _network(columns: Sequence[ModelColumn], column: ModelColumn) -> dict[str, Any]:
    """Description of a column: the length of its axis, the columns it depends on, the widths of its
    layers."""
    conditional = column.conditional
    layers = conditional.net.layers if isinstance(conditional, Conditional) else ()
    return {
        "column": column.name,
        "symbols": column.axis.length,
        "knots": len(column.axis.positions),
        "parents": [] if conditional is None else [columns[parent].name for parent in conditional.parents],
        "layers": [len(conditional.parents), *(layer.weight.shape[0] for layer in layers)]
        if layers and conditional
        else [],
        "weights": sum(layer.weight.size for layer in layers),
        "biases": sum(layer.bias.size for layer in layers),
        "histograms": len(conditional.roots) if isinstance(conditional, Histograms) else 0,
    }
