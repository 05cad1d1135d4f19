"""Reads branches of one tree: their columns, joined as awkward arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from baler_root._types import Values
from baler_root.dataset.reader.column_reader import ColumnReader
from baler_root.dataset.reader.context import ReadContext
from baler_root.dataset.reader.latent_reader import LatentReader
from baler_root.errors import CorruptFileError
from baler_root.format.columns.form_columns import Column, Form, is_plain
from baler_root.format.columns.from_columns import from_columns, offsets_dtypes, offsets_from, rows_between

if TYPE_CHECKING:
    import awkward as ak


class TreeReader(ColumnReader):
    """Reads the branches of one stored tree."""

    def __init__(self, context: ReadContext, position: int) -> None:
        super().__init__(context, position)
        self._last_cluster: tuple[int, dict[int, Values]] = (-1, {})

    @cached_property
    def latents(self) -> LatentReader:
        """Reader of the latents and outlier rows of the tree's tables."""
        return LatentReader(self, self.read)

    def read(self, branches: Sequence[int], start: int, stop: int) -> dict[int, ak.Array]:
        """Arrays of the stored branches at these positions, entries `start` to `stop`; raises FormatError."""
        offsets = self.cluster_offsets
        first = max(0, int(np.searchsorted(offsets, start, side="right")) - 1)
        last = int(np.searchsorted(offsets, stop, side="left"))
        clusters = list(range(first, last)) if start < stop else []
        columns = [column for branch in branches for column in self.columns_of(branch)]
        parts = self._read_parts(clusters, columns, whole=stop >= offsets[last])
        ranges = [
            (max(start, offsets[c]) - offsets[c], min(stop, offsets[c + 1]) - offsets[c]) for c in clusters
        ]
        join_plain = partial(self._join_plain, offsets={})

        def assemble(branch: int) -> ak.Array:
            form = self.stored.schema.branches[branch].form
            if form is None:
                raise KeyError(f"branch {branch} holds no columns")
            join = join_plain if is_plain(form) else self._join_any
            try:
                return join(branch, form, parts, ranges)
            except CorruptFileError as error:
                name = f"tree {self.schema.path!r}, branch {self.schema.path_of(branch)!r}"
                raise CorruptFileError(f"{self.container.name}: {name}: {error}") from None

        return dict(zip(branches, self.context.map(assemble, branches), strict=True))

    def _read_parts(self, clusters: list[int], columns: list[int], whole: bool) -> list[dict[int, Values]]:
        """Result of `read_columns`; the last cluster is remembered if only a part of it is read.

        Iterating in steps smaller than a cluster then decodes each cluster once.
        """
        if not clusters:
            return []
        cluster, cached = self._last_cluster
        reuse = cluster == clusters[0] and cached.keys() >= set(columns)
        parts = [cached] if reuse else []
        parts += self.read_columns(clusters[1:] if reuse else clusters, columns)
        self._last_cluster = (-1, {}) if whole else (clusters[-1], parts[-1])
        return parts

    def _join_plain(
        self,
        branch: int,
        form: Form,
        parts: Sequence[dict[int, Values]],
        ranges: Sequence[tuple[int, int]],
        offsets: dict[tuple[Any, ...], Values],
    ) -> ak.Array:
        """Array of one branch, joined from the entry `ranges` of its columns in each cluster.

        Branches with equal counts share one offsets buffer, kept in `offsets`. Other buffers are copies if
        `parts` are remembered for the next call, because the owner of the array may write into it.
        """
        numbers = self.columns_of(branch)
        columns = [self.columns[number] for number in numbers]
        rows = [
            rows_between(columns, [part[number] for number in numbers], start, stop)
            for part, (start, stop) in zip(parts, ranges, strict=True)
        ]
        copy = self._is_remembered(parts)
        dtypes = iter(offsets_dtypes(form))
        buffers = []
        for position, (number, column) in enumerate(zip(numbers, columns, strict=True)):
            cuts = [(part[number], *row[position]) for part, row in zip(parts, rows, strict=True)]
            pieces = [values[first:last] for values, first, last in cuts]
            if column.role == "counts":
                dtype = next(dtypes)
                key = (dtype.num, *((id(values), first, last) for values, first, last in cuts))
                if key not in offsets:
                    offsets[key] = offsets_from(_join(pieces, column, copy), dtype)
                buffers.append(offsets[key])
            else:
                buffers.append(_join(pieces, column, copy))
        return from_columns(form, sum(stop - start for start, stop in ranges), columns, buffers)

    def _join_any(
        self,
        branch: int,
        form: Form,
        parts: Sequence[dict[int, Values]],
        ranges: Sequence[tuple[int, int]],
    ) -> ak.Array:
        """Array of one branch with options or unions, joined from arrays of whole clusters.

        Columns of such a branch cannot be cut and joined one by one.
        """
        import awkward as ak

        numbers = self.columns_of(branch)
        columns = [self.columns[number] for number in numbers]
        arrays = []
        for part, (start, stop) in zip(parts, ranges, strict=True):
            entries = next(
                len(part[number]) // max(1, column.values_per_row)
                for number, column in zip(numbers, columns, strict=True)
                if column.table == 0
            )
            dtypes = iter(offsets_dtypes(form))
            buffers = [
                offsets_from(part[number], next(dtypes)) if column.role == "counts" else part[number]
                for number, column in zip(numbers, columns, strict=True)
            ]
            arrays.append(from_columns(form, entries, columns, buffers)[start:stop])
        if not arrays:
            dtypes = iter(offsets_dtypes(form))
            buffers = [
                np.zeros(1, next(dtypes)) if column.role == "counts" else np.zeros(0, column.dtype)
                for column in columns
            ]
            return from_columns(form, 0, columns, buffers)
        joined = ak.concatenate(arrays) if len(arrays) > 1 else ak.to_packed(arrays[0])
        return ak.copy(joined) if self._is_remembered(parts) else joined

    def _is_remembered(self, parts: Sequence[dict[int, Values]]) -> bool:
        """Whether the last of the parts will be used again."""
        return bool(parts) and self._last_cluster[1] is parts[-1]


def _join(pieces: Sequence[Values], column: Column, copy: bool) -> Values:
    """The pieces end to end; with `copy`, always a new array."""
    if not pieces:
        return np.empty(0, dtype=column.dtype)
    return pieces[0] if len(pieces) == 1 and not copy else np.concatenate(pieces)
