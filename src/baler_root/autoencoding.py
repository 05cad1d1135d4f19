"""Finds the autoencoder of one table, and says what it is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.batch import Progress
from baler_root.codecs.anomaly import Anomaly
from baler_root.codecs.autoencoder_model import AutoencoderModel
from baler_root.codecs.coarse import take_apart
from baler_root.codecs.latents import LATENT, latents_of, pack_latents
from baler_root.codecs.model import ModelColumn
from baler_root.entropy.tables import MAX_SYMBOLS
from baler_root.levels import Effort, get_level
from baler_root.modelling import MARGIN, Modelled, TableSample, find_model
from baler_root.patterns import MANTISSA_BITS
from baler_root.quantiser import Quantised
from baler_root.registry import latent_codec
from baler_root.training.axes import fit_axis

if TYPE_CHECKING:
    from baler_root.training.autoencoder import Autoencoder, Shape

DEFAULT_LATENTS = 8
"""Latents at most where none are asked for; training leaves those empty that it has no use for."""

COMPONENTS = 2
"""Logistic distributions of which the decoder mixes what it expects of a value."""

LATENT_WEIGHT = 1.0
"""What a bit of latents counts in training if there is a residual for what they do not say."""

LATENT_WEIGHT_ALONE = 0.02
"""And if there is none: rows that they do not give back cost far more."""

KEPT_BITS = 9
"""Of the mantissa of exact floats: those below are noise to all others."""

STEPS = {"default": 6000, "max": 24_000}
WIDTH = {"default": 64, "max": 128}
EPOCHS = 200
"""How often a row of the sample is seen at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column of the sample as an autoencoder gets it."""

    name: str
    recipe: bytes
    symbols: NDArray[Any]
    """Integers: of exact floats the patterns without their low bits."""
    drop: int | None = None
    shape: tuple[int, ...] = ()
    """Of fixed-size arrays."""

    @property
    def each(self) -> int:
        """Values in a row."""
        return math.prod(self.shape)

    @classmethod
    def of(cls, name: str, quantised: Quantised, shape: tuple[int, ...]) -> Column:
        """A column of the sample; of exact floats as many bits as an axis can tell apart."""
        recipe, symbols = quantised.recipe.to_bytes(), quantised.symbols
        if symbols.dtype.kind != "f":
            return cls(name, recipe, symbols, None, shape)
        drop = MANTISSA_BITS[symbols.dtype.itemsize] - KEPT_BITS
        coarse, _ = take_apart(symbols, drop)
        while int(coarse.max()) - int(coarse.min()) >= MAX_SYMBOLS >> 2:
            drop += 1
            coarse, _ = take_apart(symbols, drop)
        return cls(name, recipe, coarse, drop, shape)


def find_autoencoder(
    columns: Sequence[Column], plain: float, weight: float, effort: Effort, progress: Progress | None = None
) -> Modelled:
    """The autoencoder of these columns of one table, if it makes them smaller than the `plain` bytes of the sample.

    Each row of the sample stands for `weight` rows of the file. There are no more latents than columns. Without a residual there is one whatever it saves:
    who asks for that wants the latents.
    """
    asked = effort.autoencoding
    if asked is None or effort.level.training is None:
        raise ValueError("no autoencoder was asked for")
    from baler_root.training.autoencode import Course, fit_autoencoder
    from baler_root.training.autoencoder import Shape

    rows = len(columns[0].symbols) // columns[0].each
    axes = [fit_axis(column.symbols, weight) for column in columns]
    places = [axis.places(column.symbols) for axis, column in zip(axes, columns, strict=True)]
    values = sum(column.each for column in columns)
    latents = min(values, asked.latents or max(1, min(DEFAULT_LATENTS, values // 2)))
    shape = Shape(values, latents, COMPONENTS, WIDTH[effort.level.name], columns[0].shape)
    make = _maker(asked.codec)
    alone = asked.residual == "none"
    course = Course(
        steps=min(STEPS[effort.level.name], max(1, EPOCHS * rows // 1024)),
        seed=effort.seed,
        seconds=effort.seconds,
        latent_weight=LATENT_WEIGHT_ALONE if alone else LATENT_WEIGHT,
    )
    order = np.random.default_rng(effort.seed).permutation(rows)
    shuffled = [at.reshape(rows, column.each)[order] for at, column in zip(places, columns, strict=True)]
    trained = fit_autoencoder(axes, shuffled, lambda: make(shape), COMPONENTS, course, progress)
    if trained is None:
        return Modelled(None, notes=(f"the training of the {asked.codec} diverged; classic is used",))
    encoder, decoder = trained.network.programs()
    model = AutoencoderModel(
        asked.codec,
        tuple(
            ModelColumn(column.name, column.recipe, axis, None, drop=column.drop, each=column.each)
            for column, axis in zip(columns, axes, strict=True)
        ),
        encoder,
        decoder,
        COMPONENTS,
        "none" if alone else "bounded",
        b"",
        (None,) * latents,
        {
            "level": effort.level.name,
            "rows": rows,
            "seed": effort.seed,
            "steps": trained.steps,
            "history": trained.history[:: max(1, len(trained.history) // 5)],
        },
    )
    found = latents_of(model, dict(enumerate(places)))
    model = _with_latents_known(model, found, weight, effort)
    if asked.outliers:
        model = replace(model, anomaly=Anomaly.fit(found, asked.outliers, asked.clusters, effort.seed))
    data = model.to_bytes()
    size = len(pack_latents(model, found)) + float(trained.residual.sum()) * rows / 8
    saved = (plain - size) * weight
    if not alone and saved < MARGIN * len(data):
        lost = (
            f"the {asked.codec} of {columns[0].name!r} and {len(columns) - 1} more columns is not used: it would take "
            f"{(size * weight + len(data)) / 1000:.3g} kB, classic {plain * weight / 1000:.3g}"
        )
        return Modelled(None, notes=(*trained.notes, lost))
    # What a reader gets, so that pages are checked against that.
    return Modelled(AutoencoderModel.from_bytes(data), tuple(range(len(columns))), data, trained.notes)


def _maker(codec_id: str) -> Callable[[Shape], Autoencoder]:
    """What makes the networks that a codec trains."""
    module, _, name = latent_codec(codec_id).network.partition(":")
    maker: Callable[[Shape], Autoencoder] = getattr(import_module(module), name)
    return maker


def _with_latents_known(
    model: AutoencoderModel, latents: NDArray[np.int16], weight: float, effort: Effort
) -> AutoencoderModel:
    """The same with what can be known of its latents: histograms of each in the context of others."""
    changing = [n for n in range(model.latents) if np.ptp(latents[:, n])]
    if not changing:
        return model
    sample = TableSample(
        [f"latent {n}" for n in changing],
        [b""] * len(changing),
        [np.ascontiguousarray(latents[:, n], LATENT) for n in changing],
        weight,
    )
    found = find_model(sample, replace(effort, level=get_level("fast"), autoencoding=None))
    if found.model is None:
        return model
    coded: list[int | None] = [None] * model.latents
    for number, at in enumerate(found.used):
        coded[changing[at]] = number
    return replace(model, coding=found.data, coded=tuple(coded))
