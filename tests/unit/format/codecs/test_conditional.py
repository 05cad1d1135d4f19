"""The codec `conditional`: any model codes every symbol, only needed columns are decoded, damage is found."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError, FormatError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.axis import QuantileAxis
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.conditional import model_streams
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.model import Model, ModelColumn
from baler_root.format.entropy import rans_mixture
from tests.helpers.models import random_model

DTYPES = [np.dtype(code) for code in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")]
Columns = list[NDArray[Any]]


def codec_of(model: Model, known: Sequence[int | None]) -> ConditionalCodec:
    name = hashlib.sha256(model.to_bytes()).digest()
    return ConditionalCodec({name: model}, name, known)


def test_a_model_cannot_claim_endless_places() -> None:
    """A few knots say how long an axis is: what a reader works out of them is bounded."""
    axis = QuantileAxis(0, np.array([0, 1 << 20]), np.array([0, 1 << 24]))
    for columns, allowed in ((32, True), (33, False)):
        model = Model(tuple(ModelColumn(str(n), b"", axis, None) for n in range(columns)), {})
        with (
            contextlib.nullcontext() if allowed else pytest.raises(CorruptFileError, match="places together")
        ):
            assert len(Model.from_bytes(model.to_bytes()).columns) == columns


def reader_of(model: Model) -> ConditionalCodec:
    """Codec as the reader of a file makes it."""
    data = model.to_bytes()
    return ConditionalCodec().with_models({hashlib.sha256(data).digest(): data})


def specs_of(columns: Columns) -> list[SymbolSpec]:
    return [SymbolSpec(column.dtype, len(column)) for column in columns]


def table(rows: int = 300, seed: int = 0, histograms: Sequence[int] = ()) -> tuple[Columns, Model]:
    """Four columns, of which the model has three: 0, 1 given 0, and 3 given 1; some with histograms."""
    rng = np.random.default_rng(seed)
    a = rng.poisson(5, rows).astype("u1")
    columns = [a, (a * 3 - 40 + rng.integers(0, 5, rows)).astype("i2"), rng.normal(size=rows), a > 4]
    names = [("a", b"", columns[0]), ("b", b"", columns[1]), ("d", b"", columns[3].view("u1"))]
    return columns, random_model(names, [(), (0,), (1,)], seed, histograms)


KNOWN = (0, 1, None, 2)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Columns, Model, list[int | None]]:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    rows, count = draw(st.sampled_from([1, 2, 50, 400])), draw(st.integers(1, 5))
    columns: Columns = []
    for _ in range(count):
        dtype = draw(st.sampled_from(DTYPES))
        high = 2 if dtype.kind == "b" else draw(st.sampled_from([2, 100, 60_000]))
        values = rng.integers(0, high, rows)
        columns.append(values.astype(dtype) if dtype.kind == "b" else values.astype(dtype) + dtype.type(3))
    parents = [
        None
        if draw(st.booleans()) and at
        else sorted(draw(st.sets(st.integers(0, at - 1), max_size=3)))
        if at
        else []
        for at in range(count)
    ]
    named = [(str(at), b"", c.view("u1") if c.dtype == bool else c) for at, c in enumerate(columns)]
    known: list[int | None] = [None if draw(st.integers(0, 5)) == 0 else at for at in range(count)]
    histograms = draw(st.sets(st.integers(0, count - 1)))
    return columns, random_model(named, parents, draw(st.integers(0, 99)), histograms), known


@given(tables())
def test_every_symbol_comes_back(case: tuple[Columns, Model, list[int | None]]) -> None:
    columns, model, known = case
    payload, shares = codec_of(model, known).encode(columns, specs_of(columns))
    assert len(shares) == len(columns)
    found = reader_of(model).decode(memoryview(payload), specs_of(columns))
    for at, column in enumerate(columns):
        assert found[at].dtype == column.dtype
        assert np.array_equal(found[at], column)
        (only,) = reader_of(model).decode(memoryview(payload), specs_of(columns), [at]).values()
        assert np.array_equal(only, column)


@pytest.mark.parametrize("histograms", [(), (0, 1, 2)], ids=["networks", "histograms"])
def test_blocks_of_rows(histograms: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_streams, "ROWS", 63)
    columns, model = table(histograms=histograms)
    payload, _ = codec_of(model, KNOWN).encode(columns, specs_of(columns))
    found = reader_of(model).decode(memoryview(payload), specs_of(columns))
    assert all(np.array_equal(found[at], column) for at, column in enumerate(columns))


def test_only_ancestors_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, model = table()
    names_of = {column.axis.edges.tobytes(): column.name for column in model.columns}
    payload, _ = codec_of(model, KNOWN).encode(columns, specs_of(columns))
    decoded: list[str] = []

    def spy(words: memoryview, edges: Any, outputs: Any) -> Any:
        decoded.append(names_of[edges.tobytes()])
        return decode(words, edges, outputs)

    decode = rans_mixture.decode
    monkeypatch.setattr(rans_mixture, "decode", spy)
    for wanted, names in ([0], ["a"]), ([1], ["a", "b"]), ([2], []), ([3, 2], ["a", "b", "d"]):
        decoded.clear()
        assert set(reader_of(model).decode(memoryview(payload), specs_of(columns), wanted)) == set(wanted)
        assert decoded == names


def test_symbols_off_the_axis_go_another_way() -> None:
    """A column with a symbol that the model lacks is coded by `classic`; others may still depend on it."""
    columns, model = table()
    columns[0] = columns[0].copy()
    columns[0][7] = 250
    payload, _ = codec_of(model, KNOWN).encode(columns, specs_of(columns))
    found = reader_of(model).decode(memoryview(payload), specs_of(columns))
    assert all(np.array_equal(found[at], column) for at, column in enumerate(columns))


def test_same_columns_same_bytes() -> None:
    columns, model = table()
    payloads = {bytes(codec_of(model, KNOWN).encode(columns, specs_of(columns))[0]) for _ in range(2)}
    assert len(payloads) == 1
    assert table()[1].to_bytes() == model.to_bytes()
    for histograms in ((), (0,), (0, 1, 2)):
        data = table(histograms=histograms)[1].to_bytes()
        assert Model.from_bytes(data).to_bytes() == data


def test_a_file_without_the_model() -> None:
    columns, model = table()
    payload, _ = codec_of(model, KNOWN).encode(columns, specs_of(columns))
    with pytest.raises(CorruptFileError, match=r"the model [0-9a-f]{16} is not in the file"):
        ConditionalCodec().decode(memoryview(payload), specs_of(columns))


@pytest.mark.parametrize("histograms", [(), (0, 1, 2)], ids=["networks", "histograms"])
def test_any_cut_and_any_flip_is_an_error_or_other_symbols(histograms: Sequence[int]) -> None:
    """Behind a page's checksum nothing crashes, hangs or allocates without end."""
    columns, model = table(60, histograms=histograms)
    payload, _ = codec_of(model, KNOWN).encode(columns, specs_of(columns))
    reader = reader_of(model)
    for at in range(len(payload)):
        with pytest.raises(FormatError):
            reader.decode(memoryview(payload[:at]), specs_of(columns))
        damaged = bytearray(payload)
        damaged[at] ^= 1 << at % 8
        try:
            found = reader.decode(memoryview(damaged), specs_of(columns))
        except FormatError:
            continue
        assert [(len(found[i]), found[i].dtype) for i in range(4)] == [(len(c), c.dtype) for c in columns]


@pytest.mark.parametrize("histograms", [(), (0, 1, 2), (1,)], ids=["networks", "histograms", "both"])
def test_a_damaged_model_is_refused(histograms: Sequence[int]) -> None:
    data = table(histograms=histograms)[1].to_bytes()
    for at in range(len(data)):
        with pytest.raises(FormatError):
            Model.from_bytes(data[:at])
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        with contextlib.suppress(FormatError):
            assert Model.from_bytes(bytes(damaged)).to_bytes()


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """A model with another description."""
    cursor = Cursor(memoryview(table()[1].to_bytes()))
    document = json.loads(bytes(unpack_bytes(cursor, 1 << 20)))
    change(document)
    return pack_bytes(json.dumps(document).encode()) + bytes(cursor.rest())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d.update(format="baler-root conditional model 2"),
            "format 'baler-root conditional model 2'",
        ),
        (lambda d: d["columns"][1].update(parents=[2]), "a count up to 1"),
        (lambda d: d["columns"][1].update(parents=[0, 0]), "too short"),
        (lambda d: d["columns"][1]["layers"].pop(), "not valid"),
        (lambda d: d["columns"][1]["layers"][0].__setitem__(0, 1 << 40), "a count up to"),
        (lambda d: d["columns"][1]["layers"][1].__setitem__(0, 5), "which is not a mixture"),
        (lambda d: d["columns"][1].update(layers=[]), "which is not a mixture"),
        (lambda d: d["columns"].pop(), "too many, too few or too long"),
        (lambda d: d["lengths"].__setitem__(0, 1 << 40), "a count up to"),
        (lambda d: d["columns"][0].update(low=1.5), "an integer expected"),
        (lambda d: d.pop("about"), "KeyError"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(
    change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    with pytest.raises(CorruptFileError, match=message):
        Model.from_bytes(changed(change))
