"""A tree of flat columns on its way into a file, whose originals are not here: clusters of pages, and what they hold."""

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
from baler_root.format.cluster_decoder import OpenedPage, decode_cluster
from baler_root.format.codecs.base import Codec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import StoredTree
from baler_root.format.container.write import ContainerWriter
from baler_root.format.page import EncodedColumn, Page, pack_page
from baler_root.format.schema import Branch, Tree
from baler_root.format.statistics import RECORD, digest_of, pack_statistics, record
from baler_root.format.tables import ENTRIES

TYPENAMES = {"float32": "float", "float64": "double", "bool": "bool"}
"""Of integers it is NumPy's name with `_t`."""


NO_ERROR = ErrorStats(0.0, 0.0, 0.0, 0, None)


UNKNOWN = ErrorStats(math.nan, math.nan, math.nan, 0, None)


UNBOUNDED = "none"
"""The bound of what was never compared with an original."""


class FlatColumn(NamedTuple):
    """A branch to be."""

    name: str
    title: str
    dtype: np.dtype[Any]
    each: int = 1
    """Values of an entry."""
    bound: str = LOSSLESS.kind
    reason: str = "as it came"


class PageOut(NamedTuple):
    """Columns that go into one page."""

    codec: Codec
    number: int
    """Of the codec in the file."""
    columns: list[EncodedColumn]

    @classmethod
    def plain(cls, number: int, columns: Sequence[NDArray[Any]]) -> PageOut:
        """Exact columns, each by itself."""
        return cls(Classic(), number, [EncodedColumn.of(quantise(own, LOSSLESS)) for own in columns])


class TreeOut:
    """Writes one tree."""

    def __init__(
        self, number: int, path: str, title: str, columns: Sequence[FlatColumn], groups: Sequence[int]
    ) -> None:
        """`groups`: how many of the columns go into each page."""
        branches = tuple(Branch(c.name, None, _typename(c), c.title, form=_form(c)) for c in columns)
        self._number, self._groups = number, tuple(groups)
        self._asked = tuple((column.bound, column.reason) for column in columns)
        self._schema = Tree(path, 1, "TTree", title, 0, branches)
        self._lengths: list[int] = []
        self._records: list[NDArray[Any]] = []

    def write(self, writer: ContainerWriter, entries: int, pages: Sequence[PageOut]) -> None:
        """Append a cluster; a reader's own decoder says what it holds."""
        columns = self.stored.columns
        packed, opened, sizes = [], [], list[float]()
        for first, page in zip(accumulate(self._groups, initial=0), pages, strict=False):
            payload, shares = pack_page(page.codec, page.columns)
            members = columns[first : first + len(page.columns)]
            opened.append(OpenedPage(first, Page(memoryview(payload), members), page.codec))
            packed.append(payload)
            sizes += shares
        values = decode_cluster(opened, columns)
        records = np.zeros(len(columns), RECORD)
        for number, ((bound, _), size) in enumerate(zip(self._asked, sizes, strict=True)):
            errors = UNKNOWN if bound == UNBOUNDED else NO_ERROR
            records[number] = record(values[number], errors, 0, size)
        cluster = len(self._lengths)
        for group, (page, payload, (first, *_)) in enumerate(zip(pages, packed, opened, strict=True)):
            own = [values[first + at] for at in range(len(page.columns))]
            length = sum(array.nbytes for array in own)
            writer.write_page(self._number, cluster, group, page.number, payload, length, digest_of(own))
        self._lengths.append(entries)
        self._records.append(records)

    def write_statistics(self, writer: ContainerWriter) -> None:
        """Append what is recorded of all clusters."""
        shape = (len(self._records), len(self._asked))
        records = np.stack(self._records) if self._records else np.zeros(shape, RECORD)
        writer.write_block(BlockKind.STATISTICS, pack_statistics(records), self._number)

    @property
    def stored(self) -> StoredTree:
        """What the manifest says of the tree."""
        return StoredTree(
            replace(self._schema, num_entries=sum(self._lengths)),
            tuple(self._lengths),
            (self._groups,),
            (0,) * len(self._lengths),
            self._asked,
            tables=(ENTRIES,),
        )


def _typename(column: FlatColumn) -> str:
    name = TYPENAMES.get(column.dtype.name, f"{column.dtype.name}_t")
    return name if column.each == 1 else f"{name}[{column.each}]"


def _form(column: FlatColumn) -> dict[str, Any]:
    content = {"class": "NumpyArray", "primitive": column.dtype.name}
    return content if column.each == 1 else {"class": "RegularArray", "size": column.each, "content": content}
