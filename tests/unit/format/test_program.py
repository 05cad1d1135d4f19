"""`Program`: integers that floats compute, as formats/networks.md has them; what is not one is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.networks import program
from baler_root.format.networks.arithmetic import MAX_WIDTH, Operation
from baler_root.format.networks.attention import Attention
from baler_root.format.networks.dense import Dense
from baler_root.format.networks.operations import MAX_SIZE, Add, Conv, Norm, Offset, Reshape, Upsample
from baler_root.format.networks.program import Program
from tests.independent_reader import networks as independent_networks

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "formats" / "networks.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
Rng = np.random.Generator


def dense(rng: Rng, inputs: int, outputs: int, shift: int = 7, low: int = -512, high: int = 511) -> Dense:
    weight = rng.integers(-128, 128, (outputs, inputs)).astype(np.int8)
    return Dense(weight, rng.integers(-(1 << 12), 1 << 12, outputs).astype(np.int32), shift, low, high)


def block(rng: Rng, width: int, heads: int, at: int) -> list[Operation]:
    """A layer of a transformer after `at` operations."""
    attending = [
        Norm(7),
        dense(rng, width, 3 * width),
        Attention(heads, 15),
        dense(rng, width, width),
        Add(at),
    ]
    return [
        *attending,
        Norm(7),
        dense(rng, width, 4 * width, low=0),
        dense(rng, 4 * width, width),
        Add(at + len(attending)),
    ]


def transformer(rng: Rng, tokens: int = 6, width: int = 8, layers: int = 2) -> Program:
    table = rng.integers(-512, 512, (tokens, width)).astype(np.int32)
    operations: list[Operation] = [Reshape((tokens, 1)), dense(rng, 1, width, 4), Offset(table)]
    for _ in range(layers):
        operations += block(rng, width, 2, len(operations))
    operations += [Norm(7), Reshape((tokens * width,)), dense(rng, tokens * width, 5, 9)]
    return Program(operations, tokens, -2048, 2047)


def convolutional(rng: Rng) -> Program:
    operations = [
        Reshape((7, 6, 1)),
        Conv(dense(rng, 9, 4, low=0, high=1023), 3, 2),
        Reshape((48,)),
        dense(rng, 48, 3),
        dense(rng, 3, 48, low=0),
        Reshape((4, 3, 4)),
        Upsample(7, 6),
        Conv(dense(rng, 36, 3), 3, 1),
        Conv(dense(rng, 3, 1), 1, 1),
    ]
    return Program(operations, 42, -2048, 2047)


def stacked(rng: Rng) -> Program:
    return Program([dense(rng, 9, 33, 9, 0, 1023), dense(rng, 33, 7, 9)], 9, -2048, 2047)


MAKERS = [stacked, transformer, convolutional]


def described(made: Program) -> dict[str, Any]:
    """A program as JSON, its arrays included."""
    weights, biases = made.arrays()
    return {
        "operations": made.to_json(),
        "inputs": made.inputs,
        "low": made.low,
        "high": made.high,
        "weights": [int(weight) for array in weights for weight in array],
        "biases": [int(bias) for array in biases for bias in array],
    }


def taker(values: list[int], dtype: Any) -> tuple[Callable[[int], NDArray[Any]], list[int]]:
    left = list(values)

    def take(count: int) -> NDArray[Any]:
        if count > len(left):
            raise CorruptFileError("too short")
        taken = np.array(left[:count], dtype)
        del left[:count]
        return taken

    return take, left


def read(network: dict[str, Any]) -> Program:
    """The program of what `described` or an example says; nothing is left of its arrays."""
    weights, more = taker(network["weights"], np.int8)
    biases, most = taker(network["biases"], np.int32)
    limits = network["inputs"], network["low"], network["high"]
    made = Program.from_json(network["operations"], *limits, weights, biases)
    assert not more
    assert not most
    return made


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_format(example: dict[str, Any]) -> None:
    assert read(example)(np.array(example["codes"])).tolist() == example["results"]
    assert independent_networks.run(example).tolist() == example["results"]


def test_every_operation_has_an_example_and_a_section() -> None:
    shown = {operation["op"] for example in EXAMPLES for operation in example["operations"]}
    listed = set(re.findall(r"^\| \[`(\w+)`\]\(#\1\)", TEXT, re.MULTILINE))
    assert shown == listed == set(program.KINDS)


def test_limits_of_the_format() -> None:
    stated = {
        name: int(value) for name, value in re.findall(r"^\| ([a-z ]+) \| (\d+) \|$", TEXT, re.MULTILINE)
    }
    assert stated == {
        "operations": program.MAX_OPERATIONS,
        "numbers of a value": MAX_SIZE,
        "outputs of a dense layer or a convolution": MAX_WIDTH,
        "products of a row": program.MAX_PRODUCTS,
        "numbers of a row": program.MAX_NUMBERS,
    }


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Operations of any kind that fit one after another."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    shape = (draw(st.integers(1, 12)),)
    shapes, operations, inputs = [shape], list[Operation](), shape[0]

    def layer(size: int) -> Dense:
        limits = draw(st.sampled_from([(0, 1023), (-512, 511), (-32768, 32767), (5, 9)]))
        return dense(rng, size, draw(st.integers(1, 12)), draw(st.integers(1, 12)), *limits)

    for _ in range(draw(st.integers(1, 8))):
        alike = [at for at, other in enumerate(shapes[:-1]) if other == shape]
        possible = ["dense", "offset", "norm", "shape", *(["add"] if alike else [])]
        if len(shape) == 2 and shape[1] % 3 == 0:
            possible += ["attention"] * 3
        if len(shape) == 3:
            possible += ["conv", "upsample"] * 2
        kind = draw(st.sampled_from(possible))
        if kind == "dense":
            operations.append(layer(shape[-1]))
        elif kind == "offset":
            operations.append(Offset(rng.integers(-700, 700, shape).astype(np.int32)))
        elif kind == "norm":
            operations.append(Norm(draw(st.integers(0, 10))))
        elif kind == "add":
            operations.append(Add(draw(st.sampled_from(alike))))
        elif kind == "attention":
            heads = draw(st.sampled_from([n for n in range(1, 5) if shape[1] % (3 * n) == 0]))
            operations.append(Attention(heads, draw(st.integers(0, 23))))
        elif kind == "conv":
            kernel = draw(st.sampled_from([1, 3, 5]))
            operations.append(Conv(layer(kernel * kernel * shape[-1]), kernel, draw(st.integers(1, 3))))
        elif kind == "upsample":
            operations.append(Upsample(*(draw(st.integers(n, min(4 * n, 12))) for n in shape[:2])))
        else:
            size = int(np.prod(shape))
            first = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
            second = draw(st.sampled_from([n for n in range(1, first + 1) if first % n == 0]))
            forms = [(size,), (first, size // first), (second, first // second, size // first)]
            operations.append(Reshape(draw(st.sampled_from(forms))))
        value = operations[-1].step(_values(operations[:-1], inputs)).after
        shape = value.shape
        shapes.append(shape)
    return Program(operations, inputs, -2048, 2047)


def _values(operations: list[Operation], inputs: int) -> list[Any]:
    values = [program.Value((inputs,), -2048, 2047)]
    for operation in operations:
        values.append(operation.step(values).after)
    return values


@given(programs(), st.integers(0, 1 << 32))
def test_floats_and_integers_agree(made: Program, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(-3000, 3000, (20, made.inputs))
    network = described(made)
    results = made(codes)
    assert np.array_equal(results, independent_networks.run(network, codes))
    last = _values(list(made.operations), made.inputs)[-1]
    assert last.low <= results.min() <= results.max() <= last.high
    again = read(json.loads(json.dumps(network)))
    assert described(again) == network
    assert np.array_equal(again(codes), results)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("rows", [1, 2, 17, 10_000])
def test_batches_and_slices_make_no_difference(maker: Callable[[Rng], Program], rows: int) -> None:
    rng = np.random.default_rng(rows)
    made = maker(rng)
    codes = rng.integers(-2500, 2500, (rows, made.inputs))
    whole = made(codes)
    assert whole.shape == (rows, made.outputs)
    assert whole.dtype == np.int32
    assert made(codes[:0]).shape == (0, made.outputs)
    assert np.array_equal(whole[rows // 3 :], made(codes[rows // 3 :]))
    assert np.array_equal(whole, made(np.asfortranarray(codes.astype(np.int16))))
    assert np.array_equal(whole[:100], independent_networks.run(described(made), codes[:100]))


def test_many_rows_of_dense_layers() -> None:
    rng = np.random.default_rng(5)
    made = stacked(rng)
    codes = rng.integers(-2048, 2048, (100_000, made.inputs))
    whole = made(codes)
    assert np.array_equal(whole, np.concatenate([made(part) for part in np.array_split(codes, 13)]))
    assert np.array_equal(whole, independent_networks.run(described(made), codes))


def patterned(maker: Callable[[Rng], Program]) -> Program:
    """The program with arrays that do not depend on a random generator."""
    network = described(maker(np.random.default_rng(0)))
    for name, span in (("weights", 200), ("biases", 2000)):
        network[name] = [k * k * 37 % 1009 * 91 % span - span // 2 for k in range(len(network[name]))]
    return read(network)


def test_known_answers() -> None:
    """Committed once: a reader that gives others reads no file."""
    for maker, known in KNOWN.items():
        made = patterned(globals()[maker])
        codes = np.arange(300 * made.inputs).reshape(300, -1)
        results = made(codes * codes * 7919 % 4099 - 2048)
        assert xxhash.xxh3_64_hexdigest(results.astype("<i4").tobytes()) == known, maker


KNOWN = {
    "stacked": "05581168ddfa591b",
    "transformer": "20da010142c43eb1",
    "convolutional": "e459dc5e870dc7fc",
}


def test_threads_make_no_difference() -> None:
    """The digests above, from processes in which BLAS has one thread and two."""
    code = "import tests.unit.format.test_program as t; t.test_known_answers()"
    for threads in ("1", "2"):
        env = {
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONPATH": str(ROOT),
        }
        subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=120)


@given(st.integers(0, 1 << 32), st.integers(1, 9), st.integers(0, 23))
def test_attention_gives_means(seed: int, tokens: int, bits: int) -> None:
    """Shares of one token add up to a whole: results lie between the values, and are these where all are equal."""
    rng = np.random.default_rng(seed)
    made = Program([Reshape((tokens, 12)), Attention(2, bits)], 12 * tokens, -2048, 2047)
    codes = rng.integers(-2048, 2048, (30, tokens, 12))
    results = made(codes.reshape(30, -1)).reshape(30, tokens, 4)
    given_ = codes[:, :, 8:]
    assert (results >= given_.min(axis=1, keepdims=True)).all()
    assert (results <= given_.max(axis=1, keepdims=True)).all()
    codes[:, :, 8:] = codes[:, :1, 8:]
    assert np.array_equal(made(codes.reshape(30, -1)).reshape(30, tokens, 4), codes[:, :, 8:])


@pytest.mark.parametrize("edge", [1 << 24, 1 << 30])
def test_numbers_at_the_edge_of_what_floats_count(edge: int) -> None:
    """A table may leave single precision though neither what it is added to nor the result does."""
    rng = np.random.default_rng(edge)
    table = rng.integers(-edge - 3, 3 - edge, 4).astype(np.int32)
    low = edge // 2
    made = Program(
        [Offset(table), Dense(np.eye(4, dtype=np.int8), table, 1, 1 - edge, edge)], 4, low, low + 99
    )
    codes = rng.integers(low, low + 99, (500, 4))
    assert np.array_equal(made(codes), independent_networks.run(described(made), codes))


def test_norm_has_mean_0_and_square_1() -> None:
    rng = np.random.default_rng(1)
    made = Program([Norm(10)], 64, -2048, 2047)
    results = made(rng.integers(-2048, 2048, (1000, 64)) // rng.integers(1, 50, (1000, 1)) + 7) / 2**10
    assert np.abs(results.mean(axis=1)).max() < 0.05
    assert np.abs((results**2).mean(axis=1) - 1).max() < 0.05
    assert not made(np.full((1, 64), 99)).any()


def test_descriptions() -> None:
    rng = np.random.default_rng(0)
    made = stacked(rng)
    assert made.describe() == "9→33→7"
    assert (made.outputs, made.weights) == (7, 9 * 33 + 33 + 33 * 7 + 7)
    assert transformer(rng, layers=1).describe() == "6→6×1→6×8→6×24→attention→6×8→6×32→6×8→48→5"


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
