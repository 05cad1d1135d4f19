"""`FixedPointNet`: the same bits, whatever computes it and however many rows at once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.networks.dense import Dense, FixedPointNet
from tests.helpers.models import random_net
from tests.helpers.processes import run_python

ROOT = Path(__file__).parents[4]


def exactly(net: FixedPointNet, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The net in 64-bit integers, as formats/codecs.md#networks has it."""
    values = np.clip(codes, net.low, net.high).astype(np.int64)
    for layer in net.layers:
        sums = values @ layer.weight.astype(np.int64).T + layer.bias.astype(np.int64)
        values = np.clip((sums + (1 << (layer.shift - 1))) >> layer.shift, layer.low, layer.high)
    return values


@st.composite
def nets(draw: st.DrawFn) -> tuple[FixedPointNet, NDArray[np.int64]]:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    sizes = draw(st.lists(st.integers(1, 80), min_size=2, max_size=4))
    layers = []
    for before, after in pairwise(sizes):
        low, high = draw(st.sampled_from([(0, 255), (0, 1023), (-32768, 32767)]))
        weight = rng.integers(-128, 128, (after, before)).astype(np.int8)
        bias = rng.integers(-(1 << 20), 1 << 20, after).astype(np.int32)
        layers.append(Dense(weight, bias, draw(st.integers(1, 12)), low, high))
    return FixedPointNet(layers, -CODE_LIMIT, CODE_LIMIT - 1), rng.integers(-3000, 3000, (50, sizes[0]))


@given(nets())
def test_floats_and_integers_agree(case: tuple[FixedPointNet, NDArray[np.int64]]) -> None:
    net, codes = case
    assert np.array_equal(net(codes), exactly(net, codes))


@pytest.mark.parametrize("rows", [1, 2, 3, 17, 1000, 100_000])
def test_batches_and_slices_make_no_difference(rows: int) -> None:
    rng = np.random.default_rng(rows)
    net = random_net(rng, 12)
    codes = rng.integers(-CODE_LIMIT, CODE_LIMIT, (rows, 12))
    whole = net(codes)
    assert np.array_equal(whole, exactly(net, codes))
    assert np.array_equal(whole[rows // 2 :], net(codes[rows // 2 :]))
    assert np.array_equal(whole, net(np.asfortranarray(codes)))


def test_without_inputs_all_rows_are_alike() -> None:
    net = FixedPointNet([Dense(np.zeros((2, 0), np.int8), np.array([50, -9], np.int32), 2, -8, 99)], -8, 7)
    assert net(np.zeros((3, 0), np.int64)).tolist() == [[13, -2]] * 3


def test_known_answer() -> None:
    """Committed once: a reader that gives others reads no file."""
    rng = np.random.default_rng(7)
    net = random_net(rng, 5)
    codes = rng.integers(-CODE_LIMIT, CODE_LIMIT, (1000, 5))
    assert net(codes[:1]).tolist() == KNOWN
    assert xxhash.xxh3_64_hexdigest(net(codes).astype("<i4").tobytes()) == DIGEST


KNOWN = [[126, -70, 233, -302, -1549, -1558]]
DIGEST = "501af4ddeb715326"


def test_threads_make_no_difference() -> None:
    """The digest above, from processes in which BLAS has one thread and two."""
    code = "from tests.unit.format.networks.test_dense import test_known_answer; test_known_answer()"
    for threads in ("1", "2"):
        run_python(code, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads)


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")
    rng = np.random.default_rng(3)
    net = random_net(rng, 9)
    codes = rng.integers(-CODE_LIMIT, CODE_LIMIT, (5000, 9))
    values = torch.from_numpy(codes).float()
    for layer in net.layers:
        sums = values @ torch.from_numpy(layer.weight).float().T + torch.from_numpy(layer.bias).float()
        values = torch.floor(sums * 2.0**-layer.shift + 0.5).clamp(layer.low, layer.high)
    assert np.array_equal(values.numpy(), net(codes))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense(np.ones((3, 2), np.int8), np.zeros(2, np.int32), 4, 0, 1)], "does not fit"),
        (
            [
                Dense(np.ones((3, 2), np.int8), np.zeros(3, np.int32), 4, 0, 1),
                Dense(np.ones((3, 2), np.int8), np.zeros(3, np.int32), 4, 0, 1),
            ],
            "does not fit",
        ),
        ([Dense(np.ones((3, 2), np.int8), np.zeros(3, np.int32), 0, 0, 1)], "shifts by 0"),
        ([Dense(np.ones((3, 2), np.int8), np.zeros(3, np.int32), 4, 1, 1)], "1 to 1"),
        (
            [
                Dense(np.ones((1, 1), np.int8), np.zeros(1, np.int32), 4, 0, (1 << 31) - 1),
                Dense(np.full((1, 1), 99, np.int8), np.zeros(1, np.int32), 4, 0, 1 << 31),
            ],
            "0 to 2147483648",
        ),
    ],
)  # fmt: skip
def test_layers_that_cannot_be_exact_are_refused(layers: list[Dense], message: str) -> None:
    with pytest.raises(CorruptFileError, match=message):
        FixedPointNet(layers, -CODE_LIMIT, CODE_LIMIT - 1)
