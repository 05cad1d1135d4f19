"""The definition of an encoder has the codec's bits and survives its file.

Models that cannot be firmware are refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baler_root.compression.quantisation.quantise import quantise
from baler_root.errors import ConfigError, CorruptFileError
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.latent.columns import latents_of
from baler_root.format.codecs.latent.model import LATENT_LIMIT
from baler_root.format.networks.dense import Dense
from baler_root.format.networks.program import Program
from baler_root.fpga.build.vectors import Vectors
from baler_root.fpga.encoder import EncoderDefinition
from tests.helpers.firmware import (
    Make,
    changed,
    dense,
    model_of,
    small_encoder,
    values_of,
)
from tests.helpers.models import attending


def test_definition_is_the_encoder_of_the_codec(make_model: Make) -> None:
    model = model_of(small_encoder(np.random.default_rng(1)))
    definition = EncoderDefinition.from_model(make_model())
    rng = np.random.default_rng(3)
    places = {n: rng.integers(0, column.axis.length, 500) for n, column in enumerate(model.columns)}
    codes = np.stack([model.columns[n].axis.codes[place] for n, place in places.items()], axis=1)
    assert np.array_equal(definition(codes), latents_of(model, places))
    for n, entry in enumerate(definition.inputs):
        assert np.array_equal(entry.codes_of_symbols(places[n] + model.columns[n].axis.low), codes[:, n])


def test_definition_survives_its_file(make_model: Make, tmp_path: Path) -> None:
    definition = EncoderDefinition.from_model(make_model())
    path = tmp_path / "spec.json"
    definition.write(path)
    again = EncoderDefinition.read(path)
    assert again.to_json() == definition.to_json()
    assert again.digest == definition.digest
    changed(path, '"sum_width": ', '"sum_width": 1')
    with pytest.raises(CorruptFileError, match="contradicts itself"):
        EncoderDefinition.read(path)


def test_values_get_the_codes_of_their_symbols(make_model: Make) -> None:
    definition, values = EncoderDefinition.from_model(make_model()), values_of()
    model = model_of(small_encoder(np.random.default_rng(1)))
    for entry, column, (name, array) in zip(definition.inputs, model.columns, values.items(), strict=True):
        symbols = quantise(array, ErrorBound.parse(entry.column.quantiser_bound)).symbols
        assert np.array_equal(entry.codes_of_values(array), column.axis.codes[column.axis.places(symbols)]), (
            name
        )


def test_thresholds_give_nearly_the_same_codes(make_model: Make) -> None:
    """A front end that compares with `inputs.csv` is at most one symbol off."""
    for entry, array in zip(
        EncoderDefinition.from_model(make_model()).inputs, values_of().values(), strict=True
    ):
        run = np.searchsorted(entry.thresholds(), array, side="right") - 1
        exact = np.searchsorted(entry.codes, entry.codes_of_values(array))
        assert np.abs(run - exact).max() <= 1


def test_latents_fit_their_formats(make_model: Make) -> None:
    definition = EncoderDefinition.from_model(make_model())
    latents = Vectors.make(definition, None).latents
    low, high = latents.min(axis=0), latents.max(axis=0)
    for latent, least, most in zip(definition.latents, low, high, strict=True):
        assert latent.low <= least
        assert most <= latent.high
    assert definition.latents[1].width == 1
    assert definition.latents[2].width < definition.output.width


def test_other_codecs_are_refused(make_model: Make) -> None:
    attention = Program([*attending(4, 4, 1, seed=0, width=4).operations], 4, -CODE_LIMIT, CODE_LIMIT - 1)
    with pytest.raises(
        ConfigError, match=r"an encoder with 'shape', cannot be firmware; .*'autoencoder' can"
    ):
        EncoderDefinition.from_model(make_model(attention))


def test_limits_that_are_no_powers_of_two_are_refused(make_model: Make) -> None:
    rng = np.random.default_rng(0)
    encoder = Program([dense(rng, 4, 4, 6, -100, 100)], 4, -CODE_LIMIT, CODE_LIMIT - 1)
    with pytest.raises(ConfigError, match=r"layer 0 saturates at -100 and 100; .* powers of two"):
        EncoderDefinition.from_model(make_model(encoder))


def test_sums_that_are_too_wide_are_refused(make_model: Make) -> None:
    first = Dense(np.full((4, 4), 127, np.int8), np.zeros(4, np.int32), 1, -(1 << 30), (1 << 30) - 1)
    last = Dense(np.full((4, 4), 127, np.int8), np.zeros(4, np.int32), 20, -LATENT_LIMIT, LATENT_LIMIT - 1)
    encoder = Program([first, last], 4, -CODE_LIMIT, CODE_LIMIT - 1)
    with pytest.raises(ConfigError, match=r"layer 1 is too wide: sums of 4 products of int31 need \d+ bits"):
        EncoderDefinition.from_model(make_model(encoder))


def test_one_of_several_trees_must_be_named(make_model: Make) -> None:
    path = make_model(trees=("Events", "Runs"))
    with pytest.raises(ConfigError, match=r"2 models, of trees 'Events', 'Runs'.*--tree"):
        EncoderDefinition.from_model(path)
    assert EncoderDefinition.from_model(path, "Runs").tree == "Runs"
    with pytest.raises(ConfigError, match="no model of tree 'Jets'"):
        EncoderDefinition.from_model(path, "Jets")
