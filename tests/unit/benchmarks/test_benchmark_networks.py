"""Benchmarks of networks that are rivals or estimates count what they should."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
convolutional = pytest.importorskip("benchmarks.run.convolutional", reason="benchmarks/ is not on the path")

from benchmarks.rivals import baler_autoencoder
from benchmarks.rivals.compressors import stored
from benchmarks.run import baler


def test_the_dense_rival_gives_the_table_back_from_its_bytes() -> None:
    """Whatever it learned: shape, constant columns, and latents that can be kept with half of their bits."""
    random = np.random.default_rng(1)
    table = np.stack([random.normal(size=900), np.full(900, 7.0), random.exponential(size=900)], axis=1)
    network = baler_autoencoder.train(table, latents=2, epochs=2, seconds=1e9)
    assert network.epochs == 2
    decoded = network.decode(network.encode(table))
    assert decoded.shape == table.shape
    assert np.array_equal(decoded[:, 1], table[:, 1])
    assert np.allclose(network.decode(network.encode(table, "f4")), decoded, atol=1e-4)
    assert network.weights()["decoder"] < network.weights()["model"]


def test_errors_leave_zeros_out_of_what_is_relative() -> None:
    table = np.array([[0.0], [2.0], [-4.0]])
    (found,) = baler.errors(["x"], table, table + 0.5, "any")
    assert found["RMS difference"] == found["largest difference"] == 0.5
    assert found["largest relative %"] == 25.0
    assert found["median relative %"] == 18.75


def test_rounded_weights_take_at_most_255_values() -> None:
    network = convolutional.Periodic(4, 16)
    exact = network.weight.detach().clone()
    assert convolutional.round_weights(network) == exact.numel() + 4 + 4 * 16
    assert len(torch.unique(network.weight)) <= 255
    assert (network.weight - exact).abs().max() <= exact.abs().max() / 127 / 2 * 1.001


def test_a_model_wins_from_the_size_at_which_it_has_paid_for_itself() -> None:
    assert convolutional.wins_from(1000, 90.0, 100.0, 10_000) == 1.0
    assert convolutional.wins_from(1000, 100.0, 100.0, 10_000) is None


@pytest.mark.parametrize("network", convolutional.NETWORKS.values(), ids=convolutional.NETWORKS)
def test_what_a_network_misses_is_counted(network: type) -> None:
    """A smaller bound costs more, whatever is learned."""
    frames = np.random.default_rng(2).normal(size=(12, 16, 16))
    trained = network(2)
    trained.fit(frames, 0.1, 2, 60.0)
    sizes = [sum(trained.parts(frames, tolerance).values()) for tolerance in (0.1, 0.01)]
    assert 0 < sizes[0] < sizes[1]
    assert trained.model_size() > 0


def test_small_integers_are_stored_in_few_bytes() -> None:
    assert stored(np.zeros(100_000, np.int64)) < 100
    signs = np.random.default_rng(3).choice([-1, 1], 80_000)
    assert 9_900 < stored(signs) < 10_200
