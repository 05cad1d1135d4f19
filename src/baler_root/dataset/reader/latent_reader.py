"""Latents and outlier rows of a tree as arrays; other columns are decoded only where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from baler_root.dataset.reader.column_reader import ColumnReader
from baler_root.dataset.reader.latent_pages import LatentPages, LatentTable, Lengths
from baler_root.errors import ConfigError, KeyInFileError
from baler_root.format.codecs.latent.columns import LATENT
from baler_root.format.codecs.registry import latent_codec_ids

if TYPE_CHECKING:
    import awkward as ak


Integers = NDArray[np.int64]


ReadBranches: TypeAlias = "Callable[[Sequence[int], int, int], dict[int, ak.Array]]"
"""Function that gives the arrays of branches (positions), entries `start` to `stop`."""


class LatentReader:
    """Reads latents and outlier rows of one stored tree, cluster by cluster."""

    def __init__(self, tree: ColumnReader, read: ReadBranches) -> None:
        self._tree = tree
        self._read = read
        self.pages = LatentPages(tree)

    @cached_property
    def names(self) -> list[str]:
        """Names of the tables with latents."""
        return [table.name for table in self.pages.tables]

    def latents(self, name: str | None, start: int, stop: int) -> ak.Array:
        """Latents of the rows of a table in the entries `start` to `stop`.

        The type is `entries * latents * int16`, for lists `entries * var * latents * int16`. Raises
        ConfigError if some of these rows have no latents, or latents of different models.
        """
        import awkward as ak

        table = self._find(name)
        cuts = []
        counts: list[Lengths] = []
        expected: tuple[int, list[bytes]] | None = None
        for cluster, first, last in self._ranges(start, stop):
            lengths = self.pages.lengths(cluster, table)
            counts.append(lengths[first:last])
            first_row, num_rows = int(lengths[:first].sum()), int(counts[-1].sum())
            if not num_rows:
                continue
            parts = self.pages.parts(cluster, table)
            models = [part.page.model for part in parts]
            expected = expected or (cluster, models)
            if not models or models != expected[1]:
                raise ConfigError(self._difference(table, cluster, expected[0], models))
            latents = self.pages.latents(parts, int(lengths.sum()))
            cuts.append(latents[first_row : first_row + num_rows].copy())
        content = ak.contents.NumpyArray(np.concatenate(cuts) if cuts else self._no_latents_array(table))
        if table.lengths is None:
            return ak.Array(content)
        return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(_offsets(counts)), content))

    def outliers(self, name: str | None, start: int, stop: int) -> ak.Array:
        """Outlier rows in the entries `start` to `stop`, one record each.

        A record has `entry` (int64), for lists also `item` (int64), `score` (float32), and the values of the
        table's branches; a branch with one of these names gets `_` behind it. Only clusters with such rows
        are decoded.
        """
        import awkward as ak

        table = self._find(name)
        records = []
        for cluster, first, last in self._ranges(start, stop):
            parts = self.pages.parts(cluster, table)
            if not any(part.page.has_outlier_rows for part in parts):
                continue
            offsets = _offsets([self.pages.lengths(cluster, table)])
            rows, scores = self.pages.outlier_rows(parts, int(offsets[-1]))
            entries = np.searchsorted(offsets, rows, side="right") - 1
            in_range = (entries >= first) & (entries < last)
            if in_range.any():
                rows, entries = rows[in_range], entries[in_range]
                records.append(self._records(table, cluster, entries, rows, offsets, scores[in_range]))
        if not records:
            no_rows = np.zeros(0, np.int64)
            records.append(
                self._records(table, None, no_rows, no_rows, np.zeros(1, np.int64), np.zeros(0, np.float32))
            )
        return records[0] if len(records) == 1 else ak.concatenate(records)

    def _records(
        self,
        table: LatentTable,
        cluster: int | None,
        entries: Integers,
        rows: Integers,
        offsets: Integers,
        scores: NDArray[np.float32],
    ) -> ak.Array:
        """Records of these rows of a cluster; None for the cluster gives an empty array of the same type."""
        import awkward as ak

        start, stop = (0, 0) if cluster is None else self._tree.cluster_offsets[cluster : cluster + 2]
        fields: dict[str, Any] = {"entry": start + entries}
        if table.lengths is not None:
            fields["item"] = rows - offsets[entries]
        fields["score"] = scores
        row_fields = tuple(fields)
        arrays = self._read(table.branches, start, stop)
        for branch, array in arrays.items():
            name = self._tree.schema.path_of(branch)
            values = array if table.lengths is None else ak.flatten(array, axis=1)
            fields[f"{name}_" if name in row_fields else name] = values[rows]
        return ak.to_packed(ak.Array(fields))

    def _find(self, name: str | None) -> LatentTable:
        """The table of this name, or with this branch; without a name, the only table with latents."""
        pages = self.pages
        if name is None:
            if not pages.tables:
                raise ConfigError(self._no_latents())
            if len(pages.tables) > 1:
                raise ConfigError(
                    f"{self._location}: the tables {', '.join(self.names)} have latents; name one of them"
                )
            return pages.tables[0]
        tables = [table for table in pages.all_tables if table.name == name]
        tables = tables or [table for table in pages.all_tables if name in self._branches(table)]
        if not tables:
            raise KeyInFileError(
                name, [table.name for table in pages.all_tables], f"the tables of {self._location}"
            )
        if len(tables) > 1:
            branches = " or ".join(self._branches(table)[0] for table in tables)
            raise ConfigError(
                f"{self._location}: {len(tables)} tables are called {name!r}; name a branch: {branches}"
            )
        if not pages.has(tables[0]):
            raise ConfigError(self._no_latents(name) if self.names else self._no_latents())
        return tables[0]

    def _branches(self, table: LatentTable) -> list[str]:
        return [self._tree.schema.path_of(branch) for branch in table.branches]

    @property
    def _location(self) -> str:
        return f"tree {self._tree.schema.path!r} of {self._tree.container.name}"

    def _no_latents(self, name: str = "") -> str:
        """Message for a table, or a tree, without latents."""
        if name:
            return f"{self._location}: table {name!r} has no latents; {', '.join(self.names)} have"
        codecs = ", ".join(latent_codec_ids())
        return (
            f"{self._location} has no latents: these codecs store them: {codecs} (compress with --codec, and with "
            "--residual none if they are wanted even where they make a file larger)"
        )

    def _difference(self, table: LatentTable, cluster: int, other_cluster: int, models: list[bytes]) -> str:
        """Message for a cluster without latents of the models that another cluster has."""
        entries, other_entries = (
            "{} to {}".format(*self._tree.cluster_offsets[c : c + 2]) for c in (cluster, other_cluster)
        )
        message = f"{self._location}: entries {entries} of table {table.name!r} have"
        if not models:
            return f"{message} no latents; leave them out with entry_start and entry_stop"
        return (
            f"{message} latents of another model than entries {other_entries}, which mean something else; "
            "ask for one of these ranges at a time with entry_start and entry_stop"
        )

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """(cluster, first entry in it, end) of the clusters with any of the entries `start` to `stop`."""
        for cluster, (first, last) in enumerate(pairwise(self._tree.cluster_offsets)):
            if max(start, first) < min(stop, last):
                yield cluster, max(start, first) - first, min(stop, last) - first

    def _no_latents_array(self, table: LatentTable) -> NDArray[np.int16]:
        """Latents of no row, (0, latents)."""
        for cluster in range(len(self._tree.stored.clusters)):
            if parts := self.pages.parts(cluster, table):
                return self.pages.latents(parts, parts[0].page.rows)[:0].copy()
        return np.zeros((0, 0), LATENT)


def _offsets(counts: list[Lengths]) -> Integers:
    """First row of each entry, and the number of rows at the end."""
    return np.cumsum(np.concatenate([np.zeros(1, np.int64), *counts]))
