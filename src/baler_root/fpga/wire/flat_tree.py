"""Writes a tree of flat columns whose originals are not available: page by page, and its statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import quantise
from baler_root.format.bounds import LOSSLESS, ErrorStats
from baler_root.format.cluster_decoder import ClusterPage, decode_cluster
from baler_root.format.codecs.base import Codec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import StoredTree
from baler_root.format.container.read import PageId
from baler_root.format.container.write import ContainerWriter, EncodedPage
from baler_root.format.page import EncodedColumn, Page, pack_page
from baler_root.format.schema import Branch, Tree
from baler_root.format.statistics import RECORD, pack_statistics, record
from baler_root.format.tables import ENTRIES
from baler_root.format.values_digest import values_digest

TYPENAMES = {"float32": "float", "float64": "double", "bool": "bool"}
"""C++ names of NumPy types; an integer's is NumPy's name with `_t`."""


NO_ERROR = ErrorStats(0.0, 0.0, 0.0, 0, None)


UNKNOWN = ErrorStats(math.nan, math.nan, math.nan, 0, None)


UNBOUNDED = "none"
"""Bound of columns that were never compared with an original."""


class FlatColumn(NamedTuple):
    """A branch of a flat tree."""

    name: str
    title: str
    dtype: np.dtype[Any]
    values_per_row: int = 1
    bound: str = LOSSLESS.kind
    reason: str = "as it came"
    """Reason for the bound, shown to users."""


class PackedPage(NamedTuple):
    """One page of a cluster."""

    payload: bytes
    sizes: list[float]
    """Each column's share of the payload [bytes]."""
    codec: Codec
    """Codec that decodes the page."""
    codec_number: int
    """Number of the codec in the file."""

    @classmethod
    def exact(cls, codec_number: int, arrays: Sequence[NDArray[Any]]) -> PackedPage:
        """A page of exact columns, coded by `classic`."""
        codec = Classic()
        columns = [EncodedColumn.of(quantise(array, LOSSLESS)) for array in arrays]
        return cls(*pack_page(codec, columns), codec, codec_number)


class FlatTreeWriter:
    """Writes one tree, cluster by cluster."""

    def __init__(
        self, number: int, path: str, title: str, columns: Sequence[FlatColumn], groups: Sequence[int]
    ) -> None:
        """`number` is the tree's number in the file.

        `groups` has the number of columns in each page of a cluster.
        """
        branches = tuple(Branch(c.name, None, _typename(c), c.title, form=_form(c)) for c in columns)
        self._number, self._groups = number, tuple(groups)
        self._bounds = tuple((column.bound, column.reason) for column in columns)
        self._schema = Tree(path, 1, "TTree", title, 0, branches)
        self._lengths: list[int] = []
        self._records: list[NDArray[Any]] = []

    def write(self, writer: ContainerWriter, entries: int, pages: Sequence[PackedPage]) -> None:
        """Append a cluster; its statistics and digests are those of the values that a reader decodes."""
        columns = self.stored.columns
        firsts = list(accumulate(self._groups, initial=0))[:-1]
        opened = [
            ClusterPage(
                first,
                Page(memoryview(page.payload), columns[first : first + len(page.sizes)]),
                page.codec,
            )
            for first, page in zip(firsts, pages, strict=True)
        ]
        values = decode_cluster(opened, columns)
        sizes = [size for page in pages for size in page.sizes]
        records = np.zeros(len(columns), RECORD)
        for number, ((bound, _), size) in enumerate(zip(self._bounds, sizes, strict=True)):
            errors = UNKNOWN if bound == UNBOUNDED else NO_ERROR
            records[number] = record(values[number], errors, 0, size)
        cluster = len(self._lengths)
        for group, (first, page) in enumerate(zip(firsts, pages, strict=True)):
            arrays = [values[first + index] for index in range(len(page.sizes))]
            length = sum(array.nbytes for array in arrays)
            encoded = EncodedPage(page.payload, length, values_digest(arrays))
            writer.write_page(PageId(self._number, cluster, group), encoded, page.codec_number)
        self._lengths.append(entries)
        self._records.append(records)

    def write_statistics(self, writer: ContainerWriter) -> None:
        """Append the statistics block of all clusters."""
        shape = (len(self._records), len(self._bounds))
        records = np.stack(self._records) if self._records else np.zeros(shape, RECORD)
        writer.write_block(BlockKind.STATISTICS, pack_statistics(records), self._number)

    @property
    def stored(self) -> StoredTree:
        """The tree's entry in the manifest, for the clusters so far."""
        return StoredTree(
            replace(self._schema, num_entries=sum(self._lengths)),
            tuple(self._lengths),
            (self._groups,),
            (0,) * len(self._lengths),
            self._bounds,
            tables=(ENTRIES,),
        )


def _typename(column: FlatColumn) -> str:
    name = TYPENAMES.get(column.dtype.name, f"{column.dtype.name}_t")
    return name if column.values_per_row == 1 else f"{name}[{column.values_per_row}]"


def _form(column: FlatColumn) -> dict[str, Any]:
    content = {"class": "NumpyArray", "primitive": column.dtype.name}
    if column.values_per_row == 1:
        return content
    return {"class": "RegularArray", "size": column.values_per_row, "content": content}
