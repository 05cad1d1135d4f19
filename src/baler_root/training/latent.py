"""Finds the autoencoder of one table, if it makes the table smaller."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Progress
from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import MANTISSA_BITS
from baler_root.format.codecs.axis import EXACT_PLACES, QuantileAxis
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.columns import LATENT, latents_of, pack_latents
from baler_root.format.codecs.latent.model import AutoencoderModel, ResidualMode
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.format.codecs.latent.split_floats import split_bits
from baler_root.format.codecs.registry import latent_codec
from baler_root.format.encodings.quantised import Quantised
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.training.axis_fit import fit_axis
from baler_root.training.conditional import TableModel, TableSample, classic_size, find_model
from baler_root.training.effort import TrainingEffort, get_level
from baler_root.training.hardware.search import (
    SEARCH_DIVISOR,
    check_latency,
    find_hardware,
    resources_of,
)
from baler_root.training.model_cost import pays_for_itself
from baler_root.training.pair_masses import Pair

if TYPE_CHECKING:
    from baler_root.format.networks.program import Program
    from baler_root.training.hardware.encoder_hardware import Hardware
    from baler_root.training.torch.autoencoder import Autoencoder, AutoencoderShape
    from baler_root.training.torch.fit_autoencoder import AutoencoderSettings, TrainedAutoencoder


DEFAULT_LATENTS, GRID_LATENTS = 8, 32
"""Most latents of a row, and of a grid, unless a number is given; training makes useless ones constant."""


COMPONENTS = 2
"""Logistic distributions in the mixture that the decoder predicts for each value."""


LATENT_WEIGHT = 1.0
"""Weight of a latent bit in the loss, with a residual."""


LATENT_WEIGHT_NO_RESIDUAL = 0.02
"""Weight of a latent bit in the loss without a residual, where a row that the latents miss costs far more."""


MODELLED_BITS = 9
"""Mantissa bits of exact floats that networks model; lower ones are noise."""


STEPS = {"default": 6000, "max": 24_000}
"""Most training steps, by training level."""


BATCH = 1024
"""Rows of a step."""


FIRMWARE_STEPS = 4
"""Factor by which encoders for firmware take more, and smaller, steps: weights of few bits need them."""


PRODUCTS = {"default": 1e12, "max": 8e12}
"""Most multiplications of a training, by level: minutes, or hours, of one core."""


WIDTHS = {
    "default": ((100e3, 16), (500e3, 32), (math.inf, 64)),
    "max": ((100e3, 32), (500e3, 64), (math.inf, 128)),
}
"""(bytes of a table in `classic`, width of its networks): small tables take narrow networks, whose own bytes
are fewer.
"""


@dataclass(frozen=True, slots=True, eq=False)
class LatentColumn:
    """A column of the sample as the input of an autoencoder."""

    name: str
    quantiser: bytes
    symbols: NDArray[Any]
    """Integers; for exact floats, their bit patterns without the low bits."""
    dropped_bits: int | None = None
    """Number of low bits that are left out; None unless the values are exact floats."""
    shape: tuple[int, ...] = ()
    """Shape of the fixed-size array in a row; empty for numbers."""
    low: int = 0
    """Bytes of the low bits of exact floats."""

    @property
    def values_per_row(self) -> int:
        """Number of values in a row."""
        return math.prod(self.shape)

    @classmethod
    def of(cls, name: str, quantised: Quantised, shape: tuple[int, ...]) -> LatentColumn:
        """A column of the sample; of exact floats, as many leading bits as an axis has places for."""
        quantiser, symbols = quantised.quantiser.to_bytes(), quantised.symbols
        if symbols.dtype.kind != "f":
            return cls(name, quantiser, symbols, None, shape)
        dropped_bits = MANTISSA_BITS[symbols.dtype.itemsize] - MODELLED_BITS
        coarse, low = split_bits(symbols, dropped_bits)
        while int(coarse.max()) - int(coarse.min()) >= EXACT_PLACES:
            dropped_bits += 1
            coarse, low = split_bits(symbols, dropped_bits)
        return cls(name, quantiser, coarse, dropped_bits, shape, classic_size(low, shape))


def find_autoencoder(
    columns: Sequence[LatentColumn],
    classic_bytes: float,
    weight: float,
    effort: TrainingEffort,
    progress: Progress | None = None,
    pairs: Sequence[Pair] = (),
) -> TableModel:
    """The autoencoder of these columns of one table, if they are smaller with it.

    `classic_bytes` is the size of the sample in `classic`; each row of the sample stands for `weight` rows of
    the file. There are never more latents than values in a row. Without a residual, or for firmware, the
    autoencoder is used whatever it saves, since the user wants its latents. `pairs` are masses that count in
    the loss as columns do.
    """
    options = effort.latents
    if options is None or effort.level.training is None:
        raise ValueError("no autoencoder was asked for")
    rows = len(columns[0].symbols) // columns[0].values_per_row
    label = f"the {options.codec} of {columns[0].name!r}" + (
        f" and {len(columns) - 1} more columns" if len(columns) > 1 else ""
    )
    axes = [fit_axis(column.symbols, weight) for column in columns]
    places = [axis.places(column.symbols) for axis, column in zip(axes, columns, strict=True)]
    residual = ResidualMode(options.residual).in_model
    try:
        trained, hardware = _train(columns, axes, places, classic_bytes * weight, effort, progress, pairs)
        encoder, decoder = trained.network.programs()
    except (CorruptFileError, FloatingPointError) as error:
        return TableModel(None, notes=(f"{label} is not used, but classic: {error}",))
    masses = [
        {"branches": list(pair.mass.branches), "bits": round(bits, 3)}
        for pair, bits in zip(pairs, trained.masses, strict=True)
    ]
    model = AutoencoderModel(
        options.codec,
        tuple(
            ModelColumn(
                column.name,
                column.quantiser,
                axis,
                None,
                dropped_bits=column.dropped_bits,
                values_per_row=column.values_per_row,
            )
            for column, axis in zip(columns, axes, strict=True)
        ),
        encoder,
        decoder,
        COMPONENTS,
        residual,
        b"",
        (None,) * encoder.outputs,
        {
            "level": effort.level.name,
            "rows": rows,
            "seed": effort.seed,
            "steps": trained.steps,
            "history": trained.history[:: max(1, len(trained.history) // 5)],
            **({"masses": masses} if masses else {}),
            **({} if hardware is None else {"circuit": hardware.to_json()}),
        },
    )
    latents = latents_of(model, dict(enumerate(places)))
    model = _with_latent_model(model, latents, weight, effort)
    if options.outliers:
        model = replace(
            model,
            outlier_detector=OutlierDetector.fit(latents, options.outliers, options.clusters, effort.seed),
        )
    data = model.to_bytes()
    size = len(pack_latents(model, latents)) + float(trained.residual.sum()) * rows / 8
    size += sum(column.low for column in columns)
    saved = (classic_bytes - size) * weight
    notes = list(trained.notes)
    if hardware is not None:
        notes.append(_firmware_note(hardware, encoder))
    elif residual is not ResidualMode.NONE and not pays_for_itself(saved, len(data)):
        note = (
            f"{label} is not used: it would take {(size * weight + len(data)) / 1000:.3g} kB, "
            f"classic takes {classic_bytes * weight / 1000:.3g}"
        )
        return TableModel(None, notes=(*trained.notes, note))
    # The model as a reader gets it, so that pages are checked against that one.
    return TableModel(AutoencoderModel.from_bytes(data), tuple(range(len(columns))), data, tuple(notes))


def _train(
    columns: Sequence[LatentColumn],
    axes: Sequence[QuantileAxis],
    places: Sequence[NDArray[np.int64]],
    classic_bytes: float,
    effort: TrainingEffort,
    progress: Progress | None,
    pairs: Sequence[Pair],
) -> tuple[TrainedAutoencoder, Hardware | None]:
    """The trained networks of a table that takes `classic_bytes` of the file in `classic`, and the hardware
    if the encoder is for firmware.

    Raises FloatingPointError if training gives no numbers, CorruptFileError for a table that is too wide for
    the networks, ConfigError for a budget of firmware that cannot be kept.
    """
    from baler_root.training.torch.autoencoder import AutoencoderShape
    from baler_root.training.torch.fit_autoencoder import AutoencoderSettings, fit_autoencoder
    from baler_root.training.torch.loop import EVALUATE_EVERY
    from baler_root.training.torch.mass_loss import MassTargets

    options, level = effort.latents, effort.level.name
    if options is None:
        raise ValueError("no autoencoder was asked for")
    values = sum(column.values_per_row for column in columns)
    limit = GRID_LATENTS if columns[0].shape else DEFAULT_LATENTS
    latents = min(values, options.latents or max(1, min(limit, values // 2)))
    width = next(width for limit, width in WIDTHS[level] if classic_bytes <= limit)
    shape = AutoencoderShape(values, latents, COMPONENTS, width, columns[0].shape)
    make = _maker(options.codec)
    factor = 1 if options.hardware is None else FIRMWARE_STEPS
    settings = AutoencoderSettings(
        steps=STEPS[level] * factor,
        batch=BATCH // factor,
        evaluate_every=EVALUATE_EVERY * factor,
        products=PRODUCTS[level],
        seed=effort.seed,
        seconds=effort.seconds,
        latent_weight=LATENT_WEIGHT_NO_RESIDUAL
        if options.residual == ResidualMode.NONE or options.hardware
        else LATENT_WEIGHT,
    )
    rows = len(columns[0].symbols) // columns[0].values_per_row
    order = np.random.default_rng(effort.seed).permutation(rows)
    shuffled = [
        column_places.reshape(rows, column.values_per_row)[order]
        for column_places, column in zip(places, columns, strict=True)
    ]
    place_values = {n: _values(columns[n], axes[n]) for pair in pairs for n in pair.columns}
    masses = MassTargets(pairs, place_values)

    def fit(hardware: Hardware | None, settings: AutoencoderSettings) -> TrainedAutoencoder:
        sized = shape if hardware is None else replace(shape, hardware=hardware)
        trained = fit_autoencoder(axes, shuffled, lambda: make(sized), COMPONENTS, settings, progress, masses)
        if trained is None:
            raise FloatingPointError("no step of its training gave a number")
        return trained

    if options.hardware is None:
        return fit(None, settings), None
    candidates = options.hardware.candidates()
    settings = replace(settings, luts=candidates[0].budget.luts)
    hardware = candidates[0]
    if len(candidates) > 1:
        short = replace(
            settings, steps=settings.steps // SEARCH_DIVISOR, products=settings.products / SEARCH_DIVISOR
        )
        if settings.seconds is not None:
            short = replace(short, seconds=settings.seconds / 2 / len(candidates))
            settings = replace(settings, seconds=settings.seconds / 2)

        def trial(candidate: Hardware) -> tuple[float, Program]:
            trained = fit(candidate, short)
            loss = float(trained.residual.sum()) + short.latent_weight * trained.latents
            return loss, trained.network.programs()[0]

        hardware = find_hardware(candidates, trial)
    trained = fit(hardware, settings)
    check_latency(resources_of(trained.network.programs()[0], hardware), hardware)
    return trained, hardware


def _firmware_note(hardware: Hardware, encoder: Program) -> str:
    """Note on the resources of an encoder for firmware."""
    resources = resources_of(encoder, hardware)
    return (
        f"encoder for firmware: {hardware.describe()}: about {resources.luts:.3g} LUTs, "
        f"{resources.latency_cycles(hardware.budget.adder_levels)} clock cycles at {hardware.budget.adder_levels} adders "
        "per cycle (estimated; `baler-root fpga build` gives details)"
    )


def _values(column: LatentColumn, axis: QuantileAxis) -> NDArray[np.float64]:
    """Values that the places of an axis stand for."""
    quantiser, _ = Quantiser.from_bytes(column.quantiser)
    symbols = np.arange(axis.low, axis.low + axis.length, dtype=np.uint64)
    return quantiser.values(symbols).astype(np.float64)


def _maker(codec_id: str) -> Callable[[AutoencoderShape], Autoencoder]:
    """Function or class that makes the networks of a codec."""
    module, _, name = latent_codec(codec_id).network.partition(":")
    maker: Callable[[AutoencoderShape], Autoencoder] = getattr(import_module(module), name)
    return maker


def _with_latent_model(
    model: AutoencoderModel, latents: NDArray[np.int16], weight: float, effort: TrainingEffort
) -> AutoencoderModel:
    """The model with a model of its latents: histograms of each, given others."""
    changing = [n for n in range(model.latents) if np.ptp(latents[:, n])]
    if not changing:
        return model
    sample = TableSample(
        [f"latent {n}" for n in changing],
        [b""] * len(changing),
        [np.ascontiguousarray(latents[:, n], LATENT) for n in changing],
        weight,
    )
    latent_model = find_model(sample, replace(effort, level=get_level("fast"), latents=None))
    if latent_model.model is None:
        return model
    latent_numbers: list[int | None] = [None] * model.latents
    for number, index in enumerate(latent_model.numbers):
        latent_numbers[changing[index]] = number
    return replace(model, coding=latent_model.data, latent_numbers=tuple(latent_numbers))
