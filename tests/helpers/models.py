"""Models without training: random networks, axes of real symbols. Any model must code every value."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.plan import GroupModel, Plan
from baler_root.compression.quantisation.quantise import quantise
from baler_root.format.codecs.axis import CODE_LIMIT, QuantileAxis
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.model import Conditional, Model, ModelColumn
from baler_root.format.codecs.latent.columns import latents_of, split_symbols
from baler_root.format.codecs.latent.model import LATENT_LIMIT, AutoencoderModel, ResidualMode
from baler_root.format.codecs.latent.split_floats import split_bits
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.networks.arithmetic import Operation
from baler_root.format.networks.attention import Attention
from baler_root.format.networks.dense import Dense, FixedPointNet
from baler_root.format.networks.operations import Add, Conv, Norm, Offset, Reshape, Upsample
from baler_root.format.networks.program import Program
from baler_root.training.axis_fit import fit_axis

COMPONENTS = 2


def random_net(rng: np.random.Generator, inputs: int, outputs: int = 3 * COMPONENTS) -> FixedPointNet:
    """A network with one hidden layer of 8."""
    hidden = Dense(
        rng.integers(-127, 128, (8, inputs)).astype(np.int8),
        rng.integers(-9999, 9999, 8).astype(np.int32),
        9,
        0,
        1023,
    )
    bias = np.concatenate(
        [np.zeros(outputs // 3), rng.normal(0, 9e4, outputs // 3), np.full(outputs // 3, -1e5)]
    )
    last = Dense(rng.integers(-20, 21, (outputs, 8)).astype(np.int8), bias.astype(np.int32), 6, -32768, 32767)
    return FixedPointNet([hidden, last], -CODE_LIMIT, CODE_LIMIT - 1)


def random_histograms(rng: np.random.Generator, parents: Sequence[int], axis: QuantileAxis) -> Histograms:
    """Up to 5 buckets of each parent and 12 cells; some contexts have nothing in them, others one cell."""
    cuts = [np.unique(rng.integers(1 - CODE_LIMIT, CODE_LIMIT, rng.integers(0, 5))).tolist() for _ in parents]
    cells = np.unique(np.concatenate([[0, axis.length], rng.integers(0, axis.length + 1, 11)]))
    contexts = int(np.prod([len(some) + 1 for some in cuts], initial=1))
    roots = rng.integers(0, 256, (contexts, len(cells) - 1)) * (rng.random((contexts, len(cells) - 1)) < 0.7)
    roots[rng.random(contexts) < 0.2] = 0
    roots[rng.random(contexts) < 0.2, 1:] = 0
    return Histograms(tuple(parents), tuple(map(tuple, cuts)), cells, roots.astype(np.uint8))


def random_model(
    columns: Sequence[tuple[str, bytes, NDArray[Any]]],
    parents: Sequence[Sequence[int] | None],
    seed: int = 0,
    histograms: Container[int] = (),
) -> Model:
    """A model of columns (name, quantiser, symbols).

    A column whose parents are None is not predicted; the columns numbered in `histograms` have histograms.
    """
    rng = np.random.default_rng(seed)
    out = []
    for number, ((name, quantiser, symbols), some) in enumerate(zip(columns, parents, strict=True)):
        axis = fit_axis(symbols)
        told: Conditional | Histograms | None = None
        if some is not None and number in histograms:
            told = random_histograms(rng, some, axis)
        elif some is not None:
            told = Conditional(tuple(some), random_net(rng, len(some)))
        out.append(ModelColumn(name, quantiser, axis, told))
    return Model(tuple(out), {"made": "of random numbers"})


def learned(
    plan: Plan,
    arrays: dict[int, NDArray[Any]],
    parents: dict[int, Sequence[int] | None],
    histograms: Container[int] = (),
) -> tuple[GroupModel, bytes]:
    """A random model of some flat branches of a tree whose columns are all in page 0, and its bytes."""
    columns = []
    for number in parents:
        quantised = quantise(arrays[number], plan.columns[number].bound)
        columns.append((plan.schema.branches[number].name, quantised.quantiser.to_bytes(), quantised.symbols))
    model = random_model(columns, list(parents.values()), histograms=histograms)
    data = model.to_bytes()
    numbers = {number: at for at, number in enumerate(parents)}
    return GroupModel(0, hashlib.sha256(data).digest(), model, numbers, compare=False), data


def list_model(
    plan: Plan,
    originals: Sequence[NDArray[Any]],
    *,
    group: int,
    lists: int,
    entries: Sequence[int],
    items: dict[int, tuple[int, ...]],
    seed: int = 0,
) -> tuple[GroupModel, bytes]:
    """A random model of columns of lists, all in one page, and its bytes.

    Its columns are the length (0) and the position (1), the columns `entries`, and the `items`, each with its
    parents by these numbers; a column that is its own parent depends on the item before.
    """
    rng = np.random.default_rng(seed)
    lengths = originals[lists].astype(np.int64)
    exact = Quantiser("exact", np.dtype(np.int64)).to_bytes()
    columns = [
        ModelColumn("lists", exact, fit_axis(lengths), None, "length"),
        ModelColumn("lists", exact, fit_axis(np.arange(max(1, lengths.max()))), None, "position"),
    ]
    for number in (*entries, *items):
        quantised = quantise(originals[number], plan.columns[number].bound)
        told = Conditional(items[number], random_net(rng, len(items[number]))) if number in items else None
        kind = "value" if number in items else "entry"
        axis, quantiser = fit_axis(quantised.symbols), quantised.quantiser.to_bytes()
        columns.append(ModelColumn(f"column {number}", quantiser, axis, told, kind))
    model = Model(tuple(columns), {"made": "of random numbers"})
    data = model.to_bytes()
    context = {number: 2 + at for at, number in enumerate(entries)}
    numbers = {number: 2 + len(entries) + at for at, number in enumerate(items)}
    digest = hashlib.sha256(data).digest()
    return GroupModel(group, digest, model, numbers, compare=False, context=context, lists=lists), data


def uniform_axis(places: int, low: int = 0) -> QuantileAxis:
    """An axis of equally frequent symbols."""
    return QuantileAxis(low, np.array([0, places]), np.array([0, 1 << 24]))


def known_column(
    name: str, quantiser: bytes, symbols: NDArray[Any], dropped_bits: int | None = None, each: int = 1
) -> ModelColumn:
    """A column with the axis of these symbols; with `drop` they are exact floats."""
    integers = symbols.view("u1") if symbols.dtype == bool else symbols
    axis = fit_axis(integers if dropped_bits is None else split_bits(symbols, dropped_bits)[0])
    return ModelColumn(name, quantiser, axis, None, dropped_bits=dropped_bits, values_per_row=each)


def random_program(rng: np.random.Generator, inputs: int, outputs: int, limit: int) -> Program:
    """A network with one hidden layer of 8, for codes from minus the limit to below it."""
    weight, bias = rng.integers(-99, 99, (8, inputs)), rng.integers(-9999, 9999, 8)
    hidden = Dense(weight.astype(np.int8), bias.astype(np.int32), 6, 0, 1023)
    weight, bias = rng.integers(-20, 21, (outputs, 8)), rng.integers(-(1 << 17), 1 << 16, outputs)
    last = Dense(weight.astype(np.int8), bias.astype(np.int32), 6, -32768, 32767)
    return Program([hidden, last], inputs, -limit, limit - 1)


def random_autoencoder(
    columns: Sequence[ModelColumn],
    seed: int = 0,
    residual: str = "bounded",
    latents: int = 2,
    components: int = 2,
    encoder: Program | None = None,
    decoder: Program | None = None,
) -> AutoencoderModel:
    """An autoencoder of random networks, or those that are given."""
    rng = np.random.default_rng(seed)
    values = sum(column.values_per_row for column in columns)
    encoder = encoder or random_program(rng, values, latents, CODE_LIMIT)
    decoder = decoder or random_program(rng, latents, 3 * components * values, LATENT_LIMIT)
    about, coded = {"made": "of random numbers"}, (None,) * latents
    return AutoencoderModel(
        "autoencoder", tuple(columns), encoder, decoder, components, ResidualMode(residual), b"", coded, about
    )


def attending(inputs: int, tokens: int, outputs: int, seed: int, width: int = 8) -> Program:
    """A decoder in which each value is a token, that looks at the others once."""
    rng = np.random.default_rng(seed)

    def dense(inputs: int, outputs: int, shift: int, limit: int) -> Dense:
        bias = rng.integers(-4096, 4096, outputs).astype(np.int32)
        return Dense(rng.integers(-99, 99, (outputs, inputs)).astype(np.int8), bias, shift, -limit, limit - 1)

    operations: list[Operation] = [
        dense(inputs, tokens * width, 5, 2048),
        Reshape((tokens, width)),
        Offset(rng.integers(-512, 512, (tokens, width)).astype(np.int32)),
        Norm(7),
        dense(width, 3 * width, 5, 2048),
        Attention(2, 15),
        dense(width, width, 6, 2048),
        Add(3),
        dense(width, outputs, 3, 32768),
    ]
    return Program(operations, inputs, -LATENT_LIMIT, LATENT_LIMIT - 1)


def convolving(side: int, outputs: int, seed: int) -> Program:
    """An encoder of square grids."""
    rng = np.random.default_rng(seed)
    layers = [
        Dense(
            rng.integers(-99, 99, (out, n)).astype(np.int8), np.zeros(out, np.int32), shift, -limit, limit - 1
        )
        for out, n, shift, limit in ((4, 9, 7, 1024), (outputs, 4 * (side // 8) ** 2, 9, 2048))
    ]
    grid, flat = Reshape((side, side, 1)), Reshape((4 * (side // 8) ** 2,))
    return Program([grid, Conv(layers[0], 3, 8), flat, layers[1]], side**2, -CODE_LIMIT, CODE_LIMIT - 1)


def growing(inputs: int, side: int, outputs: int, seed: int) -> Program:
    """A decoder of square grids, with `outputs` values in each place."""
    rng = np.random.default_rng(seed)
    few = side // 16
    first = Dense(
        rng.integers(-99, 99, (4 * few**2, inputs)).astype(np.int8), np.zeros(4 * few**2, np.int32), 6, 0, 255
    )
    weight, bias = rng.integers(-20, 20, (outputs, 4)), rng.integers(-4096, 4096, outputs)
    last = Dense(weight.astype(np.int8), bias.astype(np.int32), 2, -32768, 32767)
    between = [Reshape((few, few, 4)), Upsample(4 * few, 4 * few), Upsample(side, side)]
    return Program([first, *between, Conv(last, 1, 1)], inputs, -LATENT_LIMIT, LATENT_LIMIT - 1)


def following(leaders: Sequence[int], residual: str, columns: Sequence[ModelColumn]) -> AutoencoderModel:
    """An autoencoder whose latents are the codes of some values, and which expects the others to equal them.

    `leaders` has for each value the number of the latent that it equals; the first value of each latent is
    its code.
    """
    values, latents = len(leaders), max(leaders) + 1
    first = [leaders.index(latent) for latent in range(latents)]
    encoder = Dense(np.eye(values, dtype=np.int8)[first], np.zeros(latents, np.int32), 3, -256, 255)
    weight = np.zeros((values, 3, latents), np.int8)
    weight[np.arange(values), 1, leaders] = 64  # latents are in units of 2**-5, means in units of 2**-10
    bias = np.tile(np.array([0, 0, -6000], np.int32), values)
    decoder = Dense(weight.reshape(-1, latents), bias, 1, -32768, 32767)
    return AutoencoderModel(
        "autoencoder",
        tuple(columns),
        Program([encoder], values, -CODE_LIMIT, CODE_LIMIT - 1),
        Program([decoder], latents, -LATENT_LIMIT, LATENT_LIMIT - 1),
        1,
        ResidualMode(residual),
        b"",
        (None,) * latents,
        {"made": "by hand"},
    )


def coding_of(latents: NDArray[np.int16]) -> Model:
    """A model of latents (rows, latents) with histograms; those after the first in its eight contexts."""
    columns: list[ModelColumn] = []
    cuts = tuple(range(-900, 901, 300))
    contexts = np.zeros(len(latents), np.int64)
    for number, own in enumerate(latents.T):
        axis = fit_axis(own)
        cells = np.unique(np.linspace(0, axis.length, min(axis.length, 40) + 1).astype(np.int64))
        roots = np.zeros((len(cuts) + 1 if number else 1, len(cells) - 1))
        np.add.at(roots, (contexts, np.searchsorted(cells, own - axis.low, side="right") - 1), 1)
        roots = np.ceil(np.sqrt(roots / roots.max()) * 255)
        told = Histograms((0,) if number else (), (cuts,) if number else (), cells, roots.astype(np.uint8))
        columns.append(ModelColumn(f"latent {number}", b"", axis, told))
        if not number:
            contexts = np.searchsorted(cuts, axis.codes[axis.places(own)], side="right")
    return Model(tuple(columns), {"made": "by counting"})


def with_coding(model: AutoencoderModel, latents: NDArray[np.int16]) -> AutoencoderModel:
    """The autoencoder with a model of its latents added."""
    return replace(model, coding=coding_of(latents).to_bytes(), latent_numbers=tuple(range(model.latents)))


def latents_from(model: AutoencoderModel, columns: Sequence[NDArray[Any]]) -> NDArray[np.int16]:
    """Latents of a model for the symbols of all its columns."""
    pairs = zip(model.columns, columns, strict=True)
    return latents_of(model, {n: split_symbols(column, own)[0] for n, (column, own) in enumerate(pairs)})


def model_of_table(
    plan: Plan,
    originals: Sequence[NDArray[Any]],
    group: int,
    numbers: Sequence[int],
    make: Callable[[list[ModelColumn], list[NDArray[Any]]], AutoencoderModel],
) -> tuple[GroupModel, bytes]:
    """A model that `make` makes of columns of a tree, which are in one page, and of their symbols."""
    columns, symbols = [], []
    for number in numbers:
        quantised = quantise(originals[number], plan.columns[number].bound)
        own, quantiser = quantised.symbols, quantised.quantiser.to_bytes()
        dropped_bits = {2: 4, 4: 17, 8: 47}[own.dtype.itemsize] if own.dtype.kind == "f" else None
        each = plan.columns[number].values_per_row
        columns.append(known_column(f"column {number}", quantiser, own, dropped_bits, each))
        symbols.append(own)
    data = make(columns, symbols).to_bytes()
    model = AutoencoderModel.from_bytes(data)
    return GroupModel(
        group, hashlib.sha256(data).digest(), model, {n: at for at, n in enumerate(numbers)}
    ), data
