"""Networks that are refused: without sense, not exact, or too much work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from baler_root.errors import CorruptFileError
from baler_root.format.networks import program
from baler_root.format.networks.arithmetic import Operation
from baler_root.format.networks.dense import Dense
from baler_root.format.networks.operations import MAX_SIZE, Add, Offset, Reshape
from baler_root.format.networks.program import Program
from tests.helpers.programs import taker


def refused(
    operations: list[Any], inputs: int = 4, arrays: int = 100, limits: tuple[Any, Any] = (-8, 7)
) -> None:
    """Reading raises CorruptFileError, and nothing else."""
    weights, biases = taker([3] * arrays, np.int8)[0], taker([5] * arrays, np.int32)[0]
    with pytest.raises(CorruptFileError):
        Program.from_json(operations, inputs, *limits, weights, biases)


DENSE = {"op": "dense", "outputs": 4, "shift": 3, "low": -8, "high": 7}


TOKENS = {"op": "shape", "shape": [2, 2]}


GRID = {"op": "shape", "shape": [2, 2, 1]}


CONV = {**DENSE, "op": "conv", "kernel": 3, "stride": 1}


@pytest.mark.parametrize(
    "operations",
    [
        {}, None, [None], [3], [[]], ["dense"], [{}], [{"op": "exec"}], [{"op": ["dense"]}], [{"op": None}],
        [{**DENSE, "more": 1}], [{key: DENSE[key] for key in ("op", "outputs", "shift", "low")}],
        *([{**DENSE, "outputs": bad}] for bad in (0, -1, 5000, 1 << 40, 4.0, True, "4", None, [4])),
        *([{**DENSE, "shift": bad}] for bad in (0, -1, 41, 3.0, True, "3", None)),
        *([{**DENSE, "low": bad}] for bad in (7, 8, -(1 << 31) - 1, -8.0, "x", None, True)),
        *([{**DENSE, "high": bad}] for bad in (-8, 1 << 31, 7.5, None, [])),
        [{**DENSE, "outputs": 50}],
        *([{"op": "shape", "shape": bad}] for bad in ([], [3], [2, 2, 1, 1], [-2, -2], [0], 4, None, ["4"], [2, 2.0])),
        [{"op": "shape", "shape": [1 << 40, 4]}], [{"op": "offset", "table": [1, 2, 3, 4]}],
        *([DENSE, {"op": "add", "source": bad}] for bad in (1, 2, 99, -1, 0.0, None, True, "0")),
        [{"op": "add", "source": 0}],
        [TOKENS, {"op": "add", "source": 0}],
        *([{"op": "norm", "bits": bad}] for bad in (-1, 16, 1.0, None, True)),
        *([TOKENS, {"op": "attention", "heads": 1, "bits": bad}] for bad in (3, -1, 24, None)),
        [{"op": "attention", "heads": 1, "bits": 3}],
        [CONV], [TOKENS, CONV], [{"op": "upsample", "height": 4, "width": 4}],
        *([GRID, {**CONV, "kernel": bad}] for bad in (0, 2, -1, 17, 1 << 40, None, 3.0, True)),
        *([GRID, {**CONV, "stride": bad}] for bad in (0, -1, 16, None, 1.0, True)),
        *([GRID, {"op": "upsample", "height": 4, "width": bad}] for bad in (0, 1, 9, -4, None, 4.0, True)),
        [{"op": "norm", "bits": 1}] * (program.MAX_OPERATIONS + 1),
    ],
)  # fmt: skip
def test_what_is_no_program_is_refused(operations: Any) -> None:
    refused(operations)


def test_heads_must_divide_the_width() -> None:
    tokens = {"op": "shape", "shape": [2, 6]}
    for heads in (0, -1, 3, 4, 65, 1.0, None):
        refused([tokens, {"op": "attention", "heads": heads, "bits": 3}], 12)


@pytest.mark.parametrize(
    "limits", [(0, 0), (3, 2), (-(1 << 31) - 1, 0), (0, 1 << 31), (0.0, 1), (None, 1), (0, True)]
)
def test_inputs_have_limits(limits: tuple[Any, Any]) -> None:
    refused([], limits=limits)


@pytest.mark.parametrize("inputs", [0, -1, MAX_SIZE + 1, 2.0, None, True])
def test_inputs_are_counted(inputs: Any) -> None:
    refused([], inputs)


def test_what_cannot_be_exact_is_refused() -> None:
    wide = (-(1 << 31), (1 << 31) - 1)
    refused([{"op": "norm", "bits": 3}], 4, limits=wide)
    refused([{"op": "shape", "shape": [2, 6]}, {"op": "attention", "heads": 1, "bits": 3}], 12, limits=wide)
    layer = Dense(np.full((1, 1 << 16), 127, np.int8), np.zeros(1, np.int32), 40, 0, 9)
    assert Program([layer], 1 << 16, -1000, 1000)
    with pytest.raises(CorruptFileError, match=r"operation 0 \(dense\): has sums of up to"):
        Program([layer], 1 << 16, *wide)
    with pytest.raises(CorruptFileError, match="do not fit 32 bits"):
        Program([Offset(np.full(4, (1 << 31) - 1, np.int32))], 4, -8, 7)


def test_sums_of_sums_end() -> None:
    refused([{"op": "add", "source": n} for n in range(100)])
    summed: list[Operation] = [Reshape((4,)), *(Add(n) for n in range(100))]
    with pytest.raises(CorruptFileError, match="has sums of up to"):
        Program(summed, 4, -8, 7)


def test_work_must_be_earned() -> None:
    """A few bytes of JSON may not ask for any memory or time."""
    grid = {"op": "shape", "shape": [1, 1, 1]}
    larger = [{"op": "upsample", "height": 4**n, "width": 4**n} for n in range(1, 12)]
    refused([grid, *larger], 1)
    square = {"op": "shape", "shape": [1024, 1024, 1]}
    refused([square, {**CONV, "outputs": 1, "kernel": 15}], MAX_SIZE, arrays=1000)
    refused([{"op": "shape", "shape": [1 << 16, 3]}, {"op": "attention", "heads": 1, "bits": 1}], 3 << 16)
    refused([{"op": "shape", "shape": [MAX_SIZE // 4, 4]}, *[{"op": "norm", "bits": 1}] * 9], MAX_SIZE)
    small = {"op": "shape", "shape": [512, 512, 1]}
    refused([small, *[{**CONV, "outputs": 1, "kernel": 1}] * 200], 1 << 18, arrays=1000)
