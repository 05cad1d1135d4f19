"""Models without training: networks of random integers, axes of real symbols. Any model must code every value."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.cluster import GroupModel, Plan
from baler_root.codecs.axis import CODE_LIMIT, Axis
from baler_root.codecs.fixedpoint import Dense, FixedPointNet
from baler_root.codecs.model import Conditional, Model, ModelColumn
from baler_root.quantiser import quantise
from baler_root.training.axes import fit_axis

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


def random_model(
    columns: Sequence[tuple[str, bytes, NDArray[Any]]], parents: Sequence[Sequence[int] | None], seed: int = 0
) -> Model:
    """A model of columns (name, recipe, symbols); None for parents gives a column no network."""
    rng = np.random.default_rng(seed)
    out = []
    for (name, recipe, symbols), some in zip(columns, parents, strict=True):
        conditional = None if some is None else Conditional(tuple(some), random_net(rng, len(some)))
        out.append(ModelColumn(name, recipe, fit_axis(symbols), conditional))
    return Model(tuple(out), {"made": "of random numbers"})


def learned(
    plan: Plan, arrays: dict[int, NDArray[Any]], parents: dict[int, Sequence[int] | None]
) -> tuple[GroupModel, bytes]:
    """A random model of some flat branches of a tree whose columns are all in page 0, and its bytes."""
    columns = []
    for number in parents:
        quantised = quantise(arrays[number], plan.bounds[number])
        columns.append((plan.schema.branches[number].name, quantised.recipe.to_bytes(), quantised.symbols))
    model = random_model(columns, list(parents.values()))
    data = model.to_bytes()
    numbers = {number: at for at, number in enumerate(parents)}
    return GroupModel(0, hashlib.sha256(data).digest(), model, numbers), data


def uniform_axis(places: int, low: int = 0) -> Axis:
    """An axis of equally frequent symbols."""
    return Axis(low, np.array([0, places]), np.array([0, 1 << 24]))
