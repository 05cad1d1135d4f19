"""Pages: columns of any kind come back from directory and symbols; tables and groups follow from content."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.fingerprint import equality_key
from baler_root.compression.page_groups import plan_groups
from baler_root.compression.plan import Plan, plan_columns
from baler_root.compression.quantisation.quantise import narrowed, quantise
from baler_root.errors import CorruptFileError, FormatError, TruncatedFileError
from baler_root.format.binary.packed import pack_bytes
from baler_root.format.binary.varint import pack_varint
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.columns.form_columns import Column, columns_of
from baler_root.format.columns.to_columns import plain_form, to_columns
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.double32 import PackedFloat, PackedFloatEncoding
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.page import EncodedColumn, Page, pack_page
from baler_root.format.schema import Branch, Tree
from baler_root.format.tables import find_tables

CODES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
BOUNDS = ["lossless", "rel=1e-2", "abs=0.5", "bits=6"]


def column(dtype: np.dtype[Any], shape: tuple[int, ...] = ()) -> Column:
    return Column(0, "0-data", "data", dtype, 0, shape)


@st.composite
def encoded_columns(draw: Callable[[Any], Any]) -> list[tuple[EncodedColumn, NDArray[Any], ErrorBound]]:
    """Encoded columns with their values and bounds; some repeat an earlier column."""
    out: list[tuple[EncodedColumn, NDArray[Any], ErrorBound]] = []
    for _ in range(draw(st.integers(1, 6))):
        if out and draw(st.integers(0, 4)) == 0:
            source = draw(st.integers(0, len(out) - 1))
            if out[source][0].quantised is not None:
                out.append((EncodedColumn(CopyEncoding(len(out[source][1]), source)), *out[source][1:]))
                continue
        values = draw(hnp.arrays(draw(st.sampled_from(CODES)), st.integers(0, 60)))
        bound = ErrorBound.parse(draw(st.sampled_from(BOUNDS)))
        out.append((EncodedColumn.of(quantise(values, bound)), values, bound))
    return out


@given(encoded_columns())
def test_columns_come_back_within_their_bounds(
    made: list[tuple[EncodedColumn, NDArray[Any], ErrorBound]],
) -> None:
    codec = Classic()
    payload, sizes = pack_page(codec, [encoded for encoded, _, _ in made])
    assert len(sizes) == len(made)
    assert sum(sizes) == pytest.approx(len(payload), abs=2)
    columns = [column(values.dtype) for _, values, _ in made]
    page = Page(memoryview(payload), columns)
    decoded = page.values(page.symbols(codec))
    for number, (encoded, values, bound) in enumerate(made):
        encoding = page.encodings[number]
        assert encoding.length == len(values)
        if encoded.symbols is None:
            assert encoding == encoded.encoding
            assert number not in decoded
        else:
            assert not encoding.sources
            assert decoded[number].dtype == values.dtype
            assert violations(values, decoded[number], bound).size == 0
            alone = page.values(page.symbols(codec, [number]))
            assert list(alone) == [number]
            assert alone[number].tobytes() == decoded[number].tobytes()


@given(hnp.arrays(np.uint32, st.integers(1, 50)), st.sampled_from(["f4", "f8"]))
def test_lattices_come_back(integers: NDArray[np.uint32], code: str) -> None:
    """Floats that ROOT stored as integers are kept as integers."""
    lattice = PackedFloat.of("AsDouble32(-3.14, 3.14, 20)")
    assert lattice is not None
    values = lattice.values(integers >> np.uint32(12), np.dtype(code))
    found = lattice.integers(values)
    if found is None:  # float32 merges neighbours of the lattice; then the values are stored themselves
        assert code == "f4"
        return
    quantised = quantise(found, ErrorBound("lossless"))
    encoding = PackedFloatEncoding(lattice, QuantisedEncoding.of(quantised))
    payload, _ = pack_page(Classic(), [EncodedColumn(encoding, quantised.symbols)])
    page = Page(memoryview(payload), [column(np.dtype(code))])
    decoded = page.values(page.symbols(Classic()))[0]
    assert decoded.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("interpretation", "is_one"),
    [
        ("AsDouble32(-3.14, 3.14, 20)", True),
        ("AsJagged(AsFloat16(0.0, 10.0, 12))", True),
        ("AsDouble32(0.0, 0.0, 32)", False),
        ("AsDouble32(0.0, inf, 32)", False),
        ("AsDouble32(5.0, -5.0, 32)", False),
        ("AsDtype('>f8')", False),
        ("", False),
    ],
)
def test_which_branches_have_a_lattice(interpretation: str, is_one: bool) -> None:
    assert (PackedFloat.of(interpretation) is not None) == is_one


def test_values_off_the_lattice_are_noticed() -> None:
    lattice = PackedFloat.of("AsDouble32(0, 16, 8)")
    assert lattice is not None
    on = np.array([0.0, 0.0625, 15.9375])
    assert lattice.integers(on) is not None
    for odd in (0.01, -0.0625, np.nan, np.inf, -0.0):
        assert lattice.integers(np.append(on, odd)) is None, odd
    assert lattice.integers(np.array([1, 2])) is None
    assert lattice.integers(on[:0]) is None


def test_doubles_that_are_floats_become_floats() -> None:
    assert narrowed(np.array([0.5, -0.0, np.inf])).dtype == np.float32
    for odd in (0.1, 1e300, 5e-324, np.array(0x7FF8000000000001).view(np.float64)):
        assert narrowed(np.array([0.5, odd])).dtype == np.float64
    assert narrowed(np.array([1.0], np.float32)).dtype == np.float32


# Directories that lie


def directory(*entries: bytes) -> memoryview:
    return memoryview(pack_bytes(b"".join(entries)) + pack_bytes(b"\0"))


EXACT_F4 = bytes([0, 10])


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (bytes([8, 1]), "unknown kind of column 8"),
        (bytes([0]) + pack_varint(1 << 29), "at most 268435456 are allowed"),
        (bytes([0, 1, 9]), "ends early|unknown kind"),
        (bytes([0, 1, 9, 9]), "unknown kind 9"),
        (bytes([0, 1, 0, 99]), "unknown dtype 99"),
        (bytes([0, 2, *EXACT_F4, 3]), "3 outliers among 2 values"),
        (bytes([0, 2, *EXACT_F4, 1]), "ends early"),
        (bytes([0, 2, 0, 11, 0]), "float64 symbols cannot become a column of float32"),
        (bytes([2, 2]) + struct.pack("<dd", 0.0, 0.0) + bytes([0, 7, 0]), "cannot become"),
        (bytes([2, 2]) + struct.pack("<dd", np.nan, 0.0) + bytes([0, 7, 0]), "cannot become"),
        (bytes([2, 2]) + struct.pack("<dd", 1.0, np.inf) + bytes([0, 7, 0]), "cannot become"),
        (bytes([2, 2]) + struct.pack("<dd", 1e300, 0.0) + bytes([0, 7, 0]), "cannot become"),
        (bytes([2, 2]) + struct.pack("<dd", 1.0, 0.0) + bytes([*EXACT_F4, 0]), "cannot become"),
        (bytes([0, 2, *EXACT_F4, 0, 7]), "1 bytes left over after the page directory"),
    ],
)
def test_directories_that_lie_are_refused(entry: bytes, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        Page(directory(entry), [column(np.dtype("f4"))])


def test_symbols_of_a_width_that_is_none() -> None:
    values = np.random.default_rng(0).exponential(1.0, 2000).astype("f4")
    quantiser = quantise(values, ErrorBound("rel", 0.01)).quantiser
    assert quantiser.kind == "log"
    head = bytes([0]) + pack_varint(2000) + quantiser.to_bytes()
    with pytest.raises(CorruptFileError, match="symbols of 3 bytes"):
        Page(directory(head + bytes([3, 0])), [column(np.dtype("f4"))])


def test_an_empty_payload_is_truncated() -> None:
    with pytest.raises(TruncatedFileError):
        Page(memoryview(b""), [column(np.dtype("f4"))])


# Plans


def plan_of(array: ak.Array, groups: tuple[int, ...], bounds: tuple[str, ...]) -> Plan:
    tree = Tree("t", 1, "TTree", "", len(array), (Branch("x", None, "any", form=plain_form(array)),))
    return Plan(tree, plan_columns(tree, [ErrorBound.parse(bound) for bound in bounds]), groups)


def test_a_cluster_says_what_it_holds() -> None:
    array = ak.Array([[1.5, 2.25], [], [3.0]])
    plan = plan_of(array, (2,), ("lossless",))
    encoded = encode_cluster(plan, {0: array}, 3)
    assert encoded.entries == 3
    assert [page.length for page in encoded.pages] == [3 * 4 + 3 * 8]
    assert encoded.records["length"].tolist() == [3, 3]
    assert encoded.records["maximum"].tolist() == [2.0, 3.0]
    assert encoded.lists == [equality_key(np.array([2, 0, 1]))[1]]


def test_groups_part_large_columns_from_small_ones() -> None:
    rng = np.random.default_rng(0)
    noise = [rng.random(100) for _ in range(6)]
    assert plan_groups(noise, 100, 100) == (6,)
    assert plan_groups(noise, 100, 100_000) == (1, 1, 1, 1, 1, 1)
    assert sum(plan_groups(noise, 100, 6000)) == 6
    same = [noise[0], noise[0], np.zeros(100), noise[1], noise[0], np.zeros(100)]
    assert plan_groups(same, 100, 100_000) == (1, 3, 2)  # what is trivial stays with the next
    assert plan_groups([], 0, 1) == ()
    assert sum(plan_groups([values[:0] for values in noise], 0, 1)) == 6


def test_equal_values_have_equal_keys() -> None:
    numbers = np.array([0, 1, 1, 0])
    keys = {equality_key(numbers.astype(code)) for code in ("?", "i1", "u2", "i4", "u8", "i8")}
    assert len(keys) == 1
    assert equality_key(numbers.astype("f4")) not in keys
    assert equality_key(numbers.astype("f4")) != equality_key(numbers.astype("f8"))
    assert equality_key(np.array([2**64 - 1], np.uint64)) != equality_key(np.array([-1]))
    assert equality_key(np.array([0.0])) != equality_key(np.array([-0.0]))


def test_tables_are_found_by_content() -> None:
    names = ["Muon_pt", "Jet_pt", "Muon_eta", "Jet_eta", "x", "Tau.pt", "Tau.eta"]
    form = plain_form(ak.Array([[1.0]]))
    branches = tuple(Branch(name, None, "float[]", form=form) for name in names)
    tree = Tree("t", 1, "TTree", "", 1, branches)
    columns = columns_of([(i, form) for i in range(len(names))])
    lists = [(1, 5), (2, 6), (1, 5), (2, 6), (1, 6), (9, 9), (9, 9)]
    tables, words = find_tables(tree, columns, lists)
    assert tables == (1, 2, 1, 2, 3, 4, 4)
    assert words == ("entries", "Muon", "Jet", "x", "Tau")


def test_columns_of_one_page_need_not_be_of_one_length() -> None:
    array = ak.Array([{"n": 1, "x": [1.0, 2.0]}, {"n": 2, "x": []}])
    form = plain_form(array)
    columns = columns_of([(0, form)])
    lossless = ErrorBound("lossless")
    buffers = to_columns(array, form, columns)
    made = [EncodedColumn.of(quantise(values, lossless)) for values in buffers]
    payload, _ = pack_page(Classic(), made)
    page = Page(memoryview(payload), columns)
    decoded = page.values(page.symbols(Classic()))
    for number, values in enumerate(buffers):
        assert decoded[number].tobytes() == values.tobytes()
