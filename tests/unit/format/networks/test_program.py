"""Networks of integers: the same bits from floats and integers, in any batches and threads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from baler_root.format.networks import program
from baler_root.format.networks.arithmetic import MAX_WIDTH, Operation
from baler_root.format.networks.attention import Attention
from baler_root.format.networks.dense import Dense
from baler_root.format.networks.operations import MAX_SIZE, Add, Conv, Norm, Offset, Reshape, Upsample
from baler_root.format.networks.program import Program
from tests.helpers.processes import run_python
from tests.helpers.programs import MAKERS, Rng, dense, described, read, stacked, transformer
from tests.independent_reader import networks as independent_networks

ROOT = Path(__file__).parents[4]


TEXT = (ROOT / "formats" / "networks.md").read_text(encoding="utf-8")


EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


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
        value = operations[-1].step(_values(operations[:-1], inputs)).result
        shape = value.shape
        shapes.append(shape)
    return Program(operations, inputs, -2048, 2047)


def _values(operations: list[Operation], inputs: int) -> list[Any]:
    values = [program.Value((inputs,), -2048, 2047)]
    for operation in operations:
        values.append(operation.step(values).result)
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
    for maker in MAKERS:
        made = patterned(maker)
        codes = np.arange(300 * made.inputs).reshape(300, -1)
        results = made(codes * codes * 7919 % 4099 - 2048)
        assert xxhash.xxh3_64_hexdigest(results.astype("<i4").tobytes()) == KNOWN[maker.__name__]


KNOWN = {
    "stacked": "05581168ddfa591b",
    "transformer": "20da010142c43eb1",
    "convolutional": "e459dc5e870dc7fc",
}


def test_threads_make_no_difference() -> None:
    """The digests above, from processes in which BLAS has one thread and two."""
    code = "from tests.unit.format.networks.test_program import test_known_answers; test_known_answers()"
    for threads in ("1", "2"):
        run_python(code, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads)


@given(st.integers(0, 1 << 32), st.integers(1, 9), st.integers(0, 23))
def test_attention_gives_means(seed: int, tokens: int, bits: int) -> None:
    """Shares of one token add up to 1: results lie between the values, and equal them where all are equal."""
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
