"""`EncoderDefinition`: the encoder of an autoencoder model in integers, from which all firmware is made.

A layer computes `clip((weights @ x + biases + 2**(shift - 1)) >> shift, low, high)`: it rounds half up and
saturates at powers of two. This is the arithmetic of formats/networks.md, so firmware and codec compute the
same network. Its inputs are integer codes; `inputs` defines how they follow from the values of branches.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import BalerError, ConfigError, CorruptFileError, SourceError
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.latent.model import LATENT_LIMIT, AutoencoderModel
from baler_root.format.codecs.model_loader import codec_of
from baler_root.format.model_file import StoredModel, read_model_file
from baler_root.format.networks.arithmetic import Operation
from baler_root.format.networks.dense import Dense
from baler_root.fpga.code_format import CodeFormat
from baler_root.fpga.inputs import InputColumn
from baler_root.training.hardware.resources import rounds_only

FORMAT = "baler-root firmware 1"


MAX_SUM = 32
"""Widest sum of a layer [bits] that C simulation, interpreter and RTL are known to compute exactly."""


Codes = NDArray[np.int64]
"""(rows, inputs) or (rows, outputs)"""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A dense layer; it has a ReLU if its `output` is unsigned."""

    weights: NDArray[np.int64]
    """(outputs, inputs)"""
    biases: NDArray[np.int64]
    """(outputs,), in units of the sums"""
    shift: int
    output: CodeFormat

    def sum_limits(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[Codes, Codes]:
        """Lowest and highest sum of each output, bias included, for inputs between `low` and `high`."""
        positive, negative = np.maximum(self.weights, 0), np.minimum(self.weights, 0)
        lowest, highest = positive @ low + negative @ high, positive @ high + negative @ low
        return np.asarray(lowest + self.biases), np.asarray(highest + self.biases)

    def requantised(self, sums: Codes) -> Codes:
        """Output codes for these sums: shifted, rounded and saturated."""
        rounded = (sums + (1 << (self.shift - 1))) >> self.shift
        return np.asarray(np.clip(rounded, self.output.low, self.output.high))

    def __call__(self, codes: Codes) -> Codes:
        """Output codes, (rows, outputs), for input codes, (rows, inputs)."""
        return self.requantised(codes @ self.weights.T + self.biases)


@dataclass(frozen=True, eq=False)
class EncoderDefinition:
    """The encoder of one model, in integers."""

    digest: bytes
    """SHA-256 of the model, by which `.baler` files refer to it."""
    tree: str
    codec: str
    inputs: tuple[InputColumn, ...]
    """Columns in the order of the network's inputs."""
    input: CodeFormat
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        """Raise ConfigError for layers that do not fit together or are too wide to be computed exactly."""
        width, previous = self.width, self.input
        if not self.layers:
            raise ConfigError("a network without layers")
        for number, layer in enumerate(self.layers):
            outputs, inputs = layer.weights.shape
            if inputs != width or layer.biases.shape != (outputs,):
                raise ConfigError(f"layer {number} has {inputs} inputs but gets {width} numbers")
            needed = self.sum_format(number).width
            if needed > MAX_SUM:
                raise ConfigError(
                    f"layer {number} is too wide: sums of {inputs} products of {previous} need {needed} bits, and "
                    f"{MAX_SUM} are computed exactly; train a narrower network (fewer columns, --level default)"
                )
            width, previous = outputs, layer.output

    @classmethod
    def from_model(cls, path: str | os.PathLike[str], tree: str | None = None) -> Self:
        """The encoder in a `.balermodel` file; `tree` chooses one of several models by its tree.

        Raises ConfigError for a model that cannot be firmware, FormatError and SourceError for a file that
        cannot be read.
        """
        file = read_model_file(path)
        try:
            return cls.of(_model_of_tree(file.models, tree))
        except ConfigError as error:
            raise ConfigError(f"{file.path}: {error}") from None

    @classmethod
    def of(cls, stored: StoredModel) -> Self:
        """The encoder of one model of a file; raises ConfigError if it cannot be firmware."""
        model = stored.model
        if not isinstance(model, AutoencoderModel):
            raise ConfigError(_not_dense(codec_of(model)))
        dense: list[Dense] = []
        for operation in model.encoder.operations:
            if not isinstance(operation, Dense):
                raise ConfigError(_not_dense(model.codec, operation))
            dense.append(operation)
        inputs = tuple(map(InputColumn.of, stored.trained.columns, model.columns))
        limits = -CODE_LIMIT, CODE_LIMIT - 1
        if len(dense) > 1 and rounds_only(dense[0]):
            # The first layer only rounds codes to fewer bits, which the front end's tables do.
            first = _layer(0, dense.pop(0), last=False)
            limits = first.output.low, first.output.high
            inputs = tuple(column.rounded(first.requantised) for column in inputs)
        return cls(
            stored.trained.digest,
            stored.trained.tree,
            model.codec,
            inputs,
            CodeFormat.of_limits(*limits, "the input"),
            tuple(_layer(number, layer, last=layer is dense[-1]) for number, layer in enumerate(dense)),
        )

    @property
    def output(self) -> CodeFormat:
        """Format of the last layer, at whose limits latents saturate."""
        return self.layers[-1].output

    @cached_property
    def latents(self) -> tuple[CodeFormat, ...]:
        """Format of each latent, signed: the narrowest that holds its value for any input codes."""
        width = self.width
        low, high = np.full(width, self.input.low), np.full(width, self.input.high)
        for layer in self.layers:
            low, high = (layer.requantised(sums) for sums in layer.sum_limits(low, high))
        return tuple(CodeFormat.covering(int(a), int(b)) for a, b in zip(low, high, strict=True))

    @property
    def width(self) -> int:
        """Number of inputs of the network."""
        return sum(column.values_per_row for column in self.inputs)

    @property
    def input_bits(self) -> int:
        """Bits of the input codes of a row."""
        return self.width * self.input.width

    @property
    def latent_bits(self) -> int:
        """Bits of the latents of a row."""
        return sum(latent.width for latent in self.latents)

    def input_format(self, number: int) -> CodeFormat:
        """Format of the numbers that go into layer `number`."""
        return self.layers[number - 1].output if number else self.input

    def sum_format(self, number: int) -> CodeFormat:
        """Format that holds all sums of layer `number`, biases included, for any input codes."""
        layer, previous = self.layers[number], self.input_format(number)
        inputs = layer.weights.shape[1]
        low, high = layer.sum_limits(np.full(inputs, previous.low), np.full(inputs, previous.high))
        return CodeFormat.covering(int(low.min()), int(high.max()))

    def __call__(self, codes: NDArray[np.integer]) -> Codes:
        """Latents of (rows, inputs) codes, in 64-bit integers; codes outside the input's limits saturate."""
        values: Codes = np.clip(codes.astype(np.int64), self.input.low, self.input.high)
        for layer in self.layers:
            values = layer(values)
        return values

    def saturated(self, codes: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether a row saturates in a layer, (rows, layers); the lower limit of a ReLU does not count."""
        values: Codes = np.clip(codes.astype(np.int64), self.input.low, self.input.high)
        result = np.zeros((len(values), len(self.layers)), np.bool_)
        for number, layer in enumerate(self.layers):
            sums = values @ layer.weights.T + layer.biases
            rounded = (sums + (1 << (layer.shift - 1))) >> layer.shift
            beyond = rounded > layer.output.high
            if layer.output.signed:
                beyond |= rounded < layer.output.low
            result[:, number] = beyond.any(axis=1)
            values = layer.requantised(sums)
        return result

    def to_json(self) -> dict[str, Any]:
        """The content of `spec.json`; entries that follow from others are there for readers."""
        return {
            "format": FORMAT,
            "sha256": self.digest.hex(),
            "tree": self.tree,
            "codec": self.codec,
            "arithmetic": {
                "layer": "y[o] = clip((sum_i(weights[o][i] * x[i]) + biases[o] + 2^(shift - 1)) >> shift, low, high)",
                "rounding": "half up: AP_RND",
                "saturation": "at low and high: AP_SAT",
                "sums": "exact: sum_width bits, two's complement, hold every sum, biases included",
            },
            "sides": {
                "front_end": "values to input codes, by `columns`: a table each. No firmware for it is made here",
                "firmware": "input codes to latents, by `layers`; latents to packets",
                "software": "packets to latents to values, by the model of this SHA-256",
            },
            "input": _format_to_json(self.input)
            | {"order": "that of `columns`; the first in the least significant bits"},
            "layers": [
                {
                    "inputs": layer.weights.shape[1],
                    "outputs": len(layer.weights),
                    "shift": layer.shift,
                    **_format_to_json(layer.output),
                    "sum_width": self.sum_format(number).width,
                    "weights": layer.weights.tolist(),
                    "biases": layer.biases.tolist(),
                }
                for number, layer in enumerate(self.layers)
            ],
            "latents": [_format_to_json(latent) for latent in self.latents],
            "columns": [column.to_json() for column in self.inputs],
        }

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """The definition that `to_json` returned; raises CorruptFileError for anything else."""
        try:
            if document["format"] != FORMAT:
                raise CorruptFileError(f"its format is {document['format']!r}, not {FORMAT!r}")
            definition = cls(
                bytes.fromhex(document["sha256"]),
                document["tree"],
                document["codec"],
                tuple(map(InputColumn.from_json, document["columns"])),
                _format_from_json(document["input"]),
                tuple(
                    Layer(
                        np.array(entry["weights"], np.int64).reshape(entry["outputs"], entry["inputs"]),
                        np.array(entry["biases"], np.int64),
                        int(entry["shift"]),
                        _format_from_json(entry),
                    )
                    for entry in document["layers"]
                ),
            )
            again = definition.to_json()
        except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise CorruptFileError(f"no definition of firmware ({type(error).__name__}: {error})") from None
        if again != document:
            raise CorruptFileError("the definition contradicts itself: it was changed after it was written")
        return definition

    def write(self, path: Path) -> None:
        """Write `spec.json`, with each row of weights and each table on one line."""
        path.write_text(_json_text(self.to_json()) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a `spec.json`; raises SourceError if there is none and CorruptFileError if it is damaged."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}; `baler-root fpga build` makes it") from None
        except ValueError as error:
            raise CorruptFileError(f"{path}: no JSON ({error})") from None
        try:
            return cls.from_json(document)
        except BalerError as error:
            raise CorruptFileError(f"{path}: {error}") from None


def _model_of_tree(models: Sequence[StoredModel], tree: str | None) -> StoredModel:
    """The one model to make firmware of; raises ConfigError if there is none, or more than one."""
    trees = ", ".join(repr(stored.trained.tree) for stored in models)
    matching = [stored for stored in models if tree is None or stored.trained.tree == tree]
    if not matching:
        raise ConfigError(f"no model of tree {tree!r}; the file has models of {trees}")
    usable = [stored for stored in matching if isinstance(stored.model, AutoencoderModel)] or matching
    if len(usable) > 1:
        raise ConfigError(
            f"{len(usable)} models, of trees {trees}: firmware is made of one; name it with --tree"
        )
    return usable[0]


def _not_dense(codec: str, operation: Operation | None = None) -> str:
    """Message for a model that cannot be firmware."""
    reason = "stores no latents" if operation is None else f"has an encoder with {operation.kind!r}"
    return (
        f"a model of the codec {codec!r}, which {reason}, cannot be firmware; models of the codec 'autoencoder' can: "
        "their encoders are dense layers (`baler-root train --codec autoencoder`)"
    )


def _layer(number: int, layer: Dense, last: bool) -> Layer:
    low, high = layer.low, layer.high
    if last:  # the codec clips latents to these limits after the network
        low, high = max(low, -LATENT_LIMIT), min(high, LATENT_LIMIT - 1)
    output = CodeFormat.of_limits(low, high, f"layer {number}")
    return Layer(layer.weight.astype(np.int64), layer.bias.astype(np.int64), layer.shift, output)


def _format_to_json(code: CodeFormat) -> dict[str, Any]:
    return {"low": code.low, "high": code.high, "width": code.width, "signed": code.signed}


def _format_from_json(entry: dict[str, Any]) -> CodeFormat:
    return CodeFormat(bool(entry["signed"]), int(entry["width"]))


def _json_text(value: Any, indent: str = "") -> str:
    """JSON text in which a list of numbers stays on one line."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        rows = [f"{deeper}{json.dumps(key)}: {_json_text(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], list | dict):
        return "[\n" + ",\n".join(deeper + _json_text(item, deeper) for item in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
