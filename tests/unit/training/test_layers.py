"""Layers of torch: what they compute is, bit for bit, what their programs do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")

from torch import nn

from baler_root.errors import CorruptFileError
from baler_root.training.torch.layers import Attention, Conv, Dense, Norm, Offset, Reshape, Upsample
from baler_root.training.torch.network import Network, Residual


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These networks are so small that threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Block(nn.Sequential):
    """A layer of a transformer, as anybody would write it."""

    def __init__(self, width: int) -> None:
        super().__init__(
            Residual(Norm(), Dense(width, 3 * width), Attention(width, heads=2), Dense(width, width)),
            Residual(Norm(), Dense(width, 4 * width, relu=True), Dense(4 * width, width)),
        )


def transformer_encoder(tokens: int = 6, width: int = 8, latents: int = 3) -> Network:
    flat = tokens * width
    return Network(
        Reshape(tokens, 1), Dense(1, width), Offset(tokens, width), Block(width), Block(width),
        Norm(), Reshape(flat), Dense(flat, latents),
        inputs=tokens,
    )  # fmt: skip


def transformer_decoder(tokens: int = 6, width: int = 8, latents: int = 3) -> Network:
    flat = tokens * width
    return Network(
        Dense(latents, flat), Reshape(tokens, width), Offset(tokens, width), Block(width), Block(width),
        Norm(), Dense(width, 1, bits=8, total=12), Reshape(tokens),
        inputs=latents, bits=7, total=10,
    )  # fmt: skip


NETWORKS: dict[str, Callable[[], Network]] = {
    "dense": lambda: Network(Dense(8, 30, relu=True), Dense(30, 4, bits=10, total=16), inputs=8),
    "more bits": lambda: Network(Dense(8, 5, bits=14, total=20), inputs=8, bits=3, total=12),
    "offset": lambda: Network(Reshape(4, 2), Offset(4, 2), inputs=8),
    "norm": lambda: Network(Reshape(2, 4), Norm(), inputs=8),
    "norm of many": lambda: Network(Norm(bits=11), inputs=37),
    "attention": lambda: Network(Reshape(2, 12), Attention(4, heads=2), inputs=24, bits=7, total=10),
    "conv": lambda: Network(Reshape(5, 4, 2), Conv(2, 3, relu=True), Conv(3, 2, 5, 2), inputs=40),
    "upsample": lambda: Network(Reshape(3, 2, 2), Upsample(5, 8), Conv(2, 1, 1), inputs=12),
    "residual": lambda: Network(Residual(Residual(Dense(8, 8, bits=8)), Dense(8, 8, bits=8)), inputs=8),
    "transformer": transformer_encoder,
    "decoding transformer": transformer_decoder,
    "convolutional": lambda: Network(
        Reshape(8, 8, 1), Conv(1, 4, stride=2, relu=True), Conv(4, 8, stride=2, relu=True), Reshape(32),
        Dense(32, 5), Dense(5, 32, relu=True),
        Reshape(2, 2, 8), Upsample(4, 4), Conv(8, 4, relu=True), Upsample(8, 8), Conv(4, 1),
        inputs=64,
    ),
}  # fmt: skip


def codes_for(network: Network, rows: int, seed: int = 0) -> NDArray[np.int64]:
    """Codes of the whole range and a little beyond, every other row of few."""
    low, high = network.limits
    codes = np.random.default_rng(seed).integers(low - 50, high + 50, (rows, network.inputs))
    codes[::2] //= 100
    return codes


def assert_same_bits(network: Network, codes: NDArray[np.int64], single: bool = False) -> None:
    """The network and its program agree; `single`: in single precision."""
    dtype = torch.float32 if single else torch.float64
    values = torch.from_numpy(codes).to(dtype) / 2**network.input_bits
    with torch.no_grad():
        results = network(values) * 2.0**network.output_bits
    assert np.array_equal(results.reshape(len(codes), -1).numpy(), network.program()(codes))


@pytest.mark.parametrize("name", NETWORKS)
def test_same_bits_as_the_program(name: str) -> None:
    torch.manual_seed(1)
    network = NETWORKS[name]()
    codes = codes_for(network, 400)
    assert_same_bits(network, codes, single=True)
    assert_same_bits(network.double(), codes)


@pytest.mark.parametrize("scale", [1e-9, 0.02, 30.0, 1e5])
def test_weights_of_any_size(scale: float) -> None:
    torch.manual_seed(2)
    network = transformer_encoder().double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(scale)
            parameter.add_(scale / 3)
    assert_same_bits(network, codes_for(network, 200))


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(3)
    for name in ("transformer", "convolutional"):
        network = NETWORKS[name]()
        network(torch.randn(50, network.inputs)).square().sum().backward()
        for parameter in network.parameters():
            assert parameter.grad is not None
            assert torch.isfinite(parameter.grad).all()
            assert parameter.grad.abs().sum() > 0


def test_training() -> None:
    """A tiny autoencoder becomes better, and its programs still are what it computes."""
    torch.manual_seed(4)
    encoder, decoder = transformer_encoder(), transformer_decoder()
    hidden = torch.randn(512, 2) @ torch.randn(2, 6)
    both = nn.ModuleList([encoder, decoder])
    optimiser = torch.optim.Adam(both.parameters(), lr=5e-3)
    losses = []
    for _ in range(50):
        loss = (decoder(encoder(hidden)) - hidden).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    both.double()
    assert_same_bits(encoder, codes_for(encoder, 300))
    assert_same_bits(decoder, codes_for(decoder, 300))
    values = hidden.double()
    codes = np.floor(values.numpy() * 2**encoder.input_bits + 0.5).astype(np.int64)
    with torch.no_grad():
        decoded = decoder(encoder(values)).numpy() * 2**decoder.output_bits
    assert np.array_equal(decoder.program()(encoder.program()(codes)), decoded)


def test_layers_that_do_not_fit() -> None:
    with pytest.raises(CorruptFileError, match=r"operation 1 \(dense\)"):
        Network(Dense(8, 5), Dense(4, 3), inputs=8)
    with pytest.raises(TypeError, match="Linear cannot be computed in integers"):
        Network(nn.Linear(8, 5), inputs=8)
    with pytest.raises(ValueError, match="a residual of 7 fraction bits"):
        Network(Residual(Dense(8, 8)), inputs=8)


def test_weights_that_are_no_numbers() -> None:
    for network in (NETWORKS["dense"](), NETWORKS["offset"]()):
        with torch.no_grad():
            next(network.parameters()).fill_(float("nan"))
        assert network(torch.zeros(1, network.inputs)).isnan().any()
        with pytest.raises(FloatingPointError, match=r"(weights|offsets) are not finite"):
            network.program()
