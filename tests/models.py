"""Models without training: networks of random integers, axes of real symbols. Any model must code every value."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.codecs.axis import CODE_LIMIT, Axis
from baler_root.codecs.fixedpoint import Dense, FixedPointNet
from baler_root.codecs.histograms import Histograms
from baler_root.codecs.model import Conditional, Model, ModelColumn
from baler_root.plan import GroupModel, Plan
from baler_root.quantiser import quantise
from baler_root.recipe import Recipe
from baler_root.reuse import bounds_of
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


def random_histograms(rng: np.random.Generator, parents: Sequence[int], axis: Axis) -> Histograms:
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
    """A model of columns (name, recipe, symbols); None for parents: nothing tells of it; `histograms`: which have some."""
    rng = np.random.default_rng(seed)
    out = []
    for number, ((name, recipe, symbols), some) in enumerate(zip(columns, parents, strict=True)):
        axis = fit_axis(symbols)
        told: Conditional | Histograms | None = None
        if some is not None and number in histograms:
            told = random_histograms(rng, some, axis)
        elif some is not None:
            told = Conditional(tuple(some), random_net(rng, len(some)))
        out.append(ModelColumn(name, recipe, axis, told))
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
        quantised = quantise(arrays[number], plan.bounds[number])
        columns.append((plan.schema.branches[number].name, quantised.recipe.to_bytes(), quantised.symbols))
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

    Its columns are the length (0) and the position (1), the columns `entries`, and the `items`, each with its parents
    by these numbers; a column that is its own parent has the item before as one.
    """
    rng = np.random.default_rng(seed)
    lengths = originals[lists].astype(np.int64)
    exact = Recipe("exact", np.dtype(np.int64)).to_bytes()
    columns = [
        ModelColumn("lists", exact, fit_axis(lengths), None, "length"),
        ModelColumn("lists", exact, fit_axis(np.arange(max(1, lengths.max()))), None, "position"),
    ]
    for number in (*entries, *items):
        quantised = quantise(originals[number], bounds_of(plan)[number])
        told = Conditional(items[number], random_net(rng, len(items[number]))) if number in items else None
        kind = "value" if number in items else "entry"
        axis, recipe = fit_axis(quantised.symbols), quantised.recipe.to_bytes()
        columns.append(ModelColumn(f"column {number}", recipe, axis, told, kind))
    model = Model(tuple(columns), {"made": "of random numbers"})
    data = model.to_bytes()
    outside = {number: 2 + at for at, number in enumerate(entries)}
    numbers = {number: 2 + len(entries) + at for at, number in enumerate(items)}
    digest = hashlib.sha256(data).digest()
    return GroupModel(group, digest, model, numbers, compare=False, outside=outside, lists=lists), data


def uniform_axis(places: int, low: int = 0) -> Axis:
    """An axis of equally frequent symbols."""
    return Axis(low, np.array([0, places]), np.array([0, 1 << 24]))
