"""Decodes what is whole of a cluster of a damaged file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from baler_root.errors import CorruptFileError, FormatError, MissingModelError, UnknownCodecError
from baler_root.format.cluster_decoder import ClusterPage, DecodedColumns, decode_columns
from baler_root.format.codecs.registry import codec_with
from baler_root.format.columns.form_columns import Column
from baler_root.format.columns.from_columns import from_columns, offsets_dtypes, offsets_from
from baler_root.format.container.block_search import WholeBlock
from baler_root.format.container.damaged_file import DamagedFile
from baler_root.format.container.manifest import StoredTree
from baler_root.format.container.read import PageId
from baler_root.format.page import Page
from baler_root.format.values_digest import values_digest

PAGE_LOST = "page damaged or missing"


@dataclass(frozen=True, slots=True)
class RecoveredCluster:
    """The columns of a cluster that are whole, and the branches that are not."""

    entries: int | None
    """Number of entries; None if it is not known."""
    lost: Mapping[int, str]
    """Why a branch is lost, by its position."""
    layout: tuple[int, ...] = ()
    """Number of columns in each page."""
    pages: Sequence[WholeBlock | None] = ()
    """The block of each page; None where it is lost."""
    decoded: DecodedColumns | None = None
    """The columns of the pages."""
    changed: frozenset[int] = frozenset()
    """Columns that have other values than their pages."""


class ClusterRecovery:
    """Decodes the clusters of one tree of a damaged file."""

    def __init__(
        self,
        damaged: DamagedFile,
        number: int,
        models: Mapping[bytes, bytes],
        last_groups: Mapping[int, int],
    ) -> None:
        """The clusters of tree `number`; `models` by their SHA-256, `last_groups` as of `groups_of_pages`."""
        self._last_groups = last_groups
        self.damaged, self.number, self.models = damaged, number, models
        self.tree: StoredTree = damaged.manifest.trees[number]
        self.columns: list[Column] = self.tree.columns
        self.stored = self.tree.schema.stored()
        self._columns_of: dict[int, list[int]] = {branch: [] for branch in self.stored}
        for position, column in enumerate(self.columns):
            self._columns_of[column.branch].append(position)

    @property
    def clusters(self) -> list[int]:
        """Numbers of the clusters of the manifest, and of those that have a page; others may be lost."""
        return sorted({*range(len(self.tree.clusters)), *self._last_groups})

    def saves(self, content: RecoveredCluster) -> bool:
        """Whether anything of a cluster can be saved."""
        return content.decoded is not None and (len(content.lost) < len(self.stored) or not self.stored)

    def is_complete(self, cluster: int) -> bool:
        """Whether all pages of a cluster are there, for one of its possible layouts."""
        return any(None not in self._blocks(cluster, layout) for layout in self._layouts(cluster))

    def read(self, cluster: int) -> RecoveredCluster:
        """The cluster, as far as it is whole.

        Every column has as many values as its form asks for, and every page of which all is whole has the
        digest of the page table. Raises MissingModelError.
        """
        try:
            layout = self._find_layout(cluster)
        except FormatError as error:
            return self._nothing(cluster, str(error))
        blocks = self._blocks(cluster, layout)
        opened, problems = self._open(layout, blocks)
        decoded = decode_columns(opened, self.columns)
        problems.update({number: _reason(error) for number, error in decoded.problems.items()})
        self._check_digests(cluster, layout, decoded, problems)
        lost = self._lost_branches(problems)
        try:
            entries = self._entries(cluster, decoded, lost)
        except FormatError as error:
            return self._nothing(cluster, str(error))
        for branch in self.stored:
            if branch not in lost:
                try:
                    self._check_form(branch, entries, decoded)
                except FormatError as error:
                    lost[branch] = str(error)
        return RecoveredCluster(entries, lost, layout, blocks, decoded)

    def _nothing(self, cluster: int, reason: str) -> RecoveredCluster:
        """A cluster of which nothing is whole."""
        return RecoveredCluster(self._expected_entries(cluster), dict.fromkeys(self.stored, reason))

    def _expected_entries(self, cluster: int) -> int | None:
        """Entries of a cluster by the manifest; None if it does not say."""
        return self.tree.clusters[cluster] if cluster < len(self.tree.clusters) else None

    def _layouts(self, cluster: int) -> tuple[tuple[int, ...], ...]:
        """Layouts that a cluster may have: that of the manifest, or any if it does not say."""
        if cluster < len(self.tree.clusters):
            return (self.tree.groups(cluster),)
        last = self._last_groups.get(cluster, -1)
        return tuple(layout for layout in self.tree.layouts if last < len(layout))

    def _blocks(self, cluster: int, layout: tuple[int, ...]) -> list[WholeBlock | None]:
        return [self.damaged.pages.get(PageId(self.number, cluster, group)) for group in range(len(layout))]

    def _find_layout(self, cluster: int) -> tuple[int, ...]:
        """The layout of a cluster: the one whose columns fit the pages; raises CorruptFileError."""
        layouts = self._layouts(cluster)
        if len(layouts) > 1:
            fits = {layout: self._fit(layout, self._blocks(cluster, layout)) for layout in layouts}
            layouts = tuple(layout for layout in layouts if fits[layout] == max(fits.values()))
        if not layouts or (self.columns and not any(self._blocks(cluster, layouts[0]))):
            raise CorruptFileError(PAGE_LOST)
        if len(layouts) > 1:
            raise CorruptFileError("not known which columns are in which page")
        return layouts[0]

    def _fit(self, layout: tuple[int, ...], blocks: Sequence[WholeBlock | None]) -> tuple[int, bool]:
        """Pages of a layout that can be opened, and whether all are there."""
        opened, _ = self._open(layout, blocks)
        return len(opened), len(opened) == len(layout)

    def _open(
        self, layout: tuple[int, ...], blocks: Sequence[WholeBlock | None]
    ) -> tuple[list[ClusterPage], dict[int, str]]:
        """The pages that can be opened, and for each column of the others the reason."""
        codecs = self.damaged.manifest.codecs
        opened, problems = [], {}
        for numbers, block in zip(_numbers(layout), blocks, strict=True):
            try:
                if block is None:
                    raise CorruptFileError(PAGE_LOST)
                if block.header.codec >= len(codecs):
                    raise CorruptFileError(f"unknown codec number {block.header.codec}")
                page = Page(block.payload, [self.columns[number] for number in numbers])
                codec = codec_with(codecs[block.header.codec], lambda: self.models)
            except MissingModelError:
                raise
            except (ValueError, UnknownCodecError) as error:
                problems.update(dict.fromkeys(numbers, _reason(error)))
            else:
                opened.append(ClusterPage(numbers.start, page, codec))
        return opened, problems

    def _check_digests(
        self, cluster: int, layout: tuple[int, ...], decoded: DecodedColumns, problems: dict[int, str]
    ) -> None:
        """Add columns to `problems` whose page does not have the digest of the page table.

        If there are any, columns that no digest confirms are not trusted, because they may depend on them.
        """
        unconfirmed, differs = [], False
        for group, numbers in enumerate(_numbers(layout)):
            row = (self.damaged.table or {}).get(PageId(self.number, cluster, group))
            if row is None or not all(number in decoded.values for number in numbers):
                unconfirmed.append(numbers)
                continue
            part = [decoded.values[number] for number in numbers]
            if values_digest(part) != int(row["digest"]) or sum(a.nbytes for a in part) != int(row["length"]):
                unconfirmed.append(numbers)
                differs = True
        if differs:
            for number in (number for numbers in unconfirmed for number in numbers):
                problems.setdefault(number, "decodes to other values than those that were written")

    def _lost_branches(self, problems: Mapping[int, str]) -> dict[int, str]:
        """The first problem of each branch with a column that has one."""
        lost: dict[int, str] = {}
        for number in sorted(problems):
            lost.setdefault(self.columns[number].branch, problems[number])
        return lost

    def _entries(self, cluster: int, decoded: DecodedColumns, lost: Mapping[int, str]) -> int | None:
        """Entries of a cluster; raises CorruptFileError where columns disagree and the manifest is silent."""
        expected = self._expected_entries(cluster)
        if expected is not None:
            return expected
        lengths = {
            len(decoded.values[number]) // column.values_per_row
            for number, column in enumerate(self.columns)
            if column.branch not in lost and column.table == 0 and column.values_per_row
        }
        if len(lengths) > 1:
            raise CorruptFileError("pages with different numbers of entries")
        entries = next(iter(lengths), None)
        if not entries and len(lost) < len(self.stored):
            raise CorruptFileError("number of entries not known")
        return entries

    def _check_form(self, branch: int, entries: int | None, decoded: DecodedColumns) -> None:
        """Raise FormatError unless the columns of a branch have the lengths that its form asks for."""
        numbers = self._columns_of[branch]
        form = self.tree.schema.branches[branch].form
        if entries is None or form is None:
            raise CorruptFileError("number of entries not known")
        columns = [self.columns[number] for number in numbers]
        values = [decoded.values[number] for number in numbers]
        rows = {0: entries}
        for column, array in zip(columns, values, strict=True):
            if column.table in rows and len(array) != rows[column.table] * column.values_per_row:
                raise CorruptFileError("columns of other lengths than the cluster")
            if column.role == "counts":
                rows[column.opens] = int(array.sum(dtype=np.int64))
        dtypes = iter(offsets_dtypes(form))
        buffers = [
            offsets_from(array, next(dtypes)) if column.role == "counts" else array
            for column, array in zip(columns, values, strict=True)
        ]
        from_columns(form, entries, columns, buffers)


def groups_of_pages(damaged: DamagedFile) -> dict[int, dict[int, int]]:
    """The last group of pages of each cluster that has any, by tree and cluster."""
    groups: dict[int, dict[int, int]] = {}
    for page in damaged.pages:
        clusters = groups.setdefault(page.tree, {})
        clusters[page.cluster] = max(page.group, clusters.get(page.cluster, -1))
    return groups


def _numbers(layout: Sequence[int]) -> Iterator[range]:
    """Numbers of the columns of each page."""
    for stop, count in zip(accumulate(layout), layout, strict=True):
        yield range(stop - count, stop)


def _reason(error: Exception) -> str:
    """The text of an error, for people; one without a text is named."""
    return str(error) or type(error).__name__
