"""What models are, in plain values: layers, parameters, bytes, how they were trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from baler_root.codecs.histograms import Histograms
from baler_root.codecs.model import Conditional, Model, ModelColumn
from baler_root.container.references import Trained
from baler_root.errors import MissingModelError
from baler_root.model_store import ModelStore


def describe_models(models: ModelStore, trained: Sequence[Trained]) -> list[dict[str, Any]]:
    """Each model of a file: its SHA-256, bytes, columns, networks, weights and history.

    One that the file only refers to has `file`, where it was, and `found`, where it is; if it is not found `found`
    is None and `problem` says why.
    """
    known = {entry.digest: entry for entry in trained}
    out = []
    for digest in models:
        about: dict[str, Any] = {"sha256": digest.hex()}
        reference = models.detached.get(digest)
        if reference is not None:
            about |= {"size": reference.size, "file": reference.file, "found": None}
            try:
                about["found"], data = models.find(digest)
            except MissingModelError as error:
                out.append({**about, "problem": str(error)})
                continue
        else:
            data = models[digest]
        out.append({**about, **describe_model(Model.from_bytes(data), len(data), known.get(digest))})
    return out


def describe_model(model: Model, size: int, trained: Trained | None = None) -> dict[str, Any]:
    """The same of one model; `trained` says what its columns are in the files it is for."""
    networks = [_network(model, number) for number in range(len(model.columns))]
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
        **model.about,
        "architecture": networks,
    }


def _network(model: Model, number: int) -> dict[str, Any]:
    """What is known of a column: the places of its axis, the columns it depends on, the widths of its layers."""
    column: ModelColumn = model.columns[number]
    told_by = column.conditional
    layers = told_by.net.layers if isinstance(told_by, Conditional) else ()
    return {
        "column": column.name,
        "symbols": column.axis.length,
        "knots": len(column.axis.positions),
        "parents": [] if told_by is None else [model.columns[parent].name for parent in told_by.parents],
        "layers": [len(told_by.parents), *(layer.weight.shape[0] for layer in layers)]
        if layers and told_by
        else [],
        "weights": sum(layer.weight.size for layer in layers),
        "biases": sum(layer.bias.size for layer in layers),
        "histograms": len(told_by.roots) if isinstance(told_by, Histograms) else 0,
    }
