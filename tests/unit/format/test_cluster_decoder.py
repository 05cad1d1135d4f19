"""Clusters: columns that cannot be computed from the columns that they name are refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import quantise
from baler_root.errors import CorruptFileError
from baler_root.format.bounds import LOSSLESS
from baler_root.format.cluster_decoder import ClusterPage, decode_cluster
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnEncoding
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.formula import Formula, FormulaEncoding
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.page import EncodedColumn, Page, pack_page

VALUES = np.arange(5, dtype=np.float32)


def stored(values: NDArray[np.generic]) -> EncodedColumn:
    return EncodedColumn.of(quantise(values, LOSSLESS))


def copy(source: int, length: int = 5) -> EncodedColumn:
    return EncodedColumn(CopyEncoding(length, source))


def formula(source: int, length: int = 5) -> EncodedColumn:
    encoding: ColumnEncoding = FormulaEncoding(
        length, Formula("linear", (source,), 2.0), None, Outliers.none(np.dtype(np.float32))
    )
    return EncodedColumn(encoding)


def decode(*encoded: EncodedColumn, dtypes: tuple[str, ...] = ()) -> dict[int, NDArray[np.generic]]:
    """The values of one page with these columns."""
    names = dtypes or ("f4",) * len(encoded)
    columns = [Column(0, f"{n}-data", "data", np.dtype(name), 0, ()) for n, name in enumerate(names)]
    payload, _ = pack_page(Classic(), encoded)
    return decode_cluster([ClusterPage(0, Page(memoryview(payload), columns), Classic())], columns)


def test_copies_and_formulas_are_computed() -> None:
    values = decode(stored(VALUES), copy(0), formula(0))
    assert np.array_equal(values[1], VALUES)
    assert np.array_equal(values[2], 2 * VALUES)


@pytest.mark.parametrize(
    ("columns", "cause"),
    [
        ((copy(1), stored(VALUES)), "later column"),
        ((stored(VALUES), copy(1)), "later column"),
        ((stored(VALUES), formula(7)), "not there"),
        ((stored(VALUES), copy(0, 4)), "not like it"),
        ((stored(VALUES), formula(0, 4)), "not like it"),
        ((stored(VALUES), copy(0), copy(1)), "not like it"),
        ((stored(VALUES), copy(0), formula(1)), "not like it"),
    ],
)
def test_impossible_sources_are_refused(columns: tuple[EncodedColumn, ...], cause: str) -> None:
    with pytest.raises(CorruptFileError, match=cause):
        decode(*columns)


def test_copies_of_another_type_are_refused() -> None:
    with pytest.raises(CorruptFileError, match="not like it"):
        decode(stored(VALUES), copy(0), dtypes=("f4", "f8"))
    integers = np.arange(5, dtype=np.int32)
    assert np.array_equal(decode(stored(integers), copy(0), dtypes=("i4", "i8"))[1], integers)
