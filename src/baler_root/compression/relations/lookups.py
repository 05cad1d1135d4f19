"""Finds columns of few values that follow from one or two others, such as flags from other flags.

A column follows from others if any two rows that differ in the column also differ in one of the others. A few
hundred pairs of rows that differ in the column therefore leave few candidates; then all rows decide.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.relations.costs import ColumnSample
from baler_root.compression.relations.fit import PlannedRelation
from baler_root.compression.relations.lookup_table import Coded, distinct_values, table_shape
from baler_root.format.encodings.lookup import MAX_COMBINATIONS, Lookup

PAIRS = 256
"""Pairs of rows that are compared, as the bits of four words."""


MAX_FIRST_SOURCES = 8
"""Columns for which a second one is sought: those that distinguish most pairs of rows."""


MAX_TRIED = 12
"""Most columns, and pairs of columns, for which all rows are checked."""


MAX_LOOKUPS = 4
"""Most lookups that are considered for one column."""


MIN_CONFIRMED = 8
"""Fewest rows with a rarer value whose combination of sources occurs again: a single occurrence proves
nothing."""


MANIFEST_BYTES = 64
"""Approximate size, in bytes, of the text of a lookup in the manifest."""


def find_lookups(
    sample: ColumnSample,
    derived: Mapping[int, PlannedRelation],
    declared: Sequence[tuple[int, Lookup]],
    independent: Container[int],
    cluster_scale: float,
) -> dict[int, PlannedRelation]:
    """Lookups by the number of their column: `declared` ones first, then those found in the sample.

    Columns with a relation in `derived`, and sources of relations, are not looked up. See `discover` for
    `cluster_scale`.
    """
    columns = _Columns(sample)
    declared_sources = [
        (number, lookup.sources) for number, lookup in declared if columns.follows(number, lookup.sources)
    ]
    candidates = [
        (number, sources)
        for number in columns.coded
        if number not in independent and number not in derived and columns.may_pay(number, cluster_scale)
        for sources in columns.sources_of(number, derived)
    ]
    targets = {number for number, _ in candidates}
    # Columns come first whose sources follow from no other column.
    candidates.sort(
        key=lambda entry: (len(targets & {*entry[1]}), len(entry[1]), -sample.cost(entry[0]), -entry[0])
    )
    lookups: dict[int, PlannedRelation] = {}
    used_sources = {source for planned in derived.values() for source in planned.relation.sources}
    for number, sources in declared_sources + candidates:
        if (
            number in used_sources
            or number in lookups
            or number in derived
            or {*sources} & (lookups.keys() | derived.keys())
        ):
            continue
        if (saved := columns.saved(number, sources, cluster_scale)) > 0:
            lookups[number] = PlannedRelation(Lookup(sources), saved=saved)
            used_sources.update(sources)
    return lookups


class _Columns:
    """Sampled columns with few distinct values."""

    def __init__(self, sample: ColumnSample) -> None:
        self._sample = sample
        self.coded: dict[int, Coded] = {}
        for number in sample.integers:
            if (coded := distinct_values(sample.columns[number])) is not None:
                self.coded[number] = coded
        self._members: dict[int, list[int]] = {}
        for number in self.coded:
            self._members.setdefault(sample.tables[number], []).append(number)
        self._codes = {
            table: np.stack([self.coded[number][1] for number in members]).astype(np.uint8)
            for table, members in self._members.items()
        }

    def sources_of(self, number: int, excluded: Container[int]) -> list[tuple[int, ...]]:
        """One or two columns from which this one follows in all rows: a few choices, smallest tables
        first."""
        rare = self._rare(number)
        if np.count_nonzero(rare) < MIN_CONFIRMED:
            return []
        members = self._members[self._sample.tables[number]]
        alike = self._alike(number, np.flatnonzero(rare))
        alike[[n == number or n in excluded for n in members]] = True
        choices: list[tuple[int, ...]] = []
        for indices in _covering(alike, np.array([len(self.coded[n][0]) for n in members])):
            sources = tuple(members[i] for i in indices)
            superfluous = any({*choice} <= {*sources} for choice in choices)
            if len(choices) < MAX_LOOKUPS and not superfluous and self.follows(number, sources):
                choices.append(sources)
        return choices

    def _rare(self, number: int) -> NDArray[np.bool_]:
        """Whether each row has another value than the most frequent one of the column."""
        codes = self.coded[number][1]
        return np.asarray(codes != np.bincount(codes).argmax())

    def _alike(self, number: int, rare: NDArray[np.int64]) -> NDArray[np.bool_]:
        """For pairs of rows that differ in this column: whether each column of its group is equal in both
        rows."""
        codes = self.coded[number][1]
        generator = np.random.default_rng(0)
        first, second = generator.choice(rare, 4 * PAIRS), generator.integers(len(codes), size=4 * PAIRS)
        differ = np.flatnonzero(codes[first] != codes[second])[:PAIRS]
        stacked = self._codes[self._sample.tables[number]]
        return np.asarray(stacked[:, first[differ]] == stacked[:, second[differ]])

    def follows(self, number: int, sources: Sequence[int]) -> bool:
        """Whether a column follows from others in all rows, and enough rows confirm it."""
        if number not in self.coded or not self.coded.keys() >= {*sources}:
            return False
        shape = table_shape([self.coded[source] for source in sources])
        if shape is None or len({self._sample.tables[n] for n in (number, *sources)}) > 1:
            return False
        codes = self.coded[number][1]
        combination = np.ravel_multi_index([self.coded[source][1] for source in sources], shape)
        table = np.zeros(math.prod(shape), np.int64)
        table[combination] = codes
        if not np.array_equal(table[combination], codes):
            return False
        rare = self._rare(number)
        confirmed = int(np.sum(rare & (np.bincount(combination)[combination] > 1)))
        return confirmed >= max(MIN_CONFIRMED, 0.9 * int(rare.sum()))

    def may_pay(self, number: int, cluster_scale: float) -> bool:
        """Whether a lookup of a column can save anything; quicker than `saved`."""
        codes = self.coded[number][1]
        shares = np.bincount(codes) / len(codes)
        return -float(shares @ np.log2(shares)) * len(codes) * cluster_scale > 8 * MANIFEST_BYTES

    def saved(self, number: int, sources: tuple[int, ...], cluster_scale: float) -> float:
        """Bits per value saved in a cluster; 0 or less if the lookup does not pay."""
        columns = self._sample.columns
        counts = [len(self.coded[source][0]) for source in sources]
        size = math.prod(counts) * columns[number].itemsize + sum(counts) + MANIFEST_BYTES
        return self._sample.cost(number) - 8 * size / (len(columns[number]) * cluster_scale)


def _covering(alike: NDArray[np.bool_], sizes: NDArray[np.int64]) -> Iterator[tuple[int, ...]]:
    """Rows of a matrix that are False everywhere, then pairs of rows that are nowhere both True, by product
    of sizes."""
    counts = alike.sum(axis=1)
    singles = np.flatnonzero(counts == 0)
    padded = np.pad(alike, ((0, 0), (0, PAIRS - alike.shape[1])))
    words = np.ascontiguousarray(np.packbits(padded, axis=1)).view(np.uint64)
    first_rows = np.argsort(counts, kind="stable")[singles.size : singles.size + MAX_FIRST_SOURCES]
    first_rows = first_rows[
        2 * counts[first_rows] <= alike.shape[1]
    ]  # one row of each pair has at most half of the ones
    first, partner = np.nonzero(~(words[first_rows, None] & words).any(axis=2) & (counts > 0))
    pairs = np.unique(np.sort(np.stack([first_rows[first], partner], axis=1), axis=1), axis=0)
    pairs = pairs[sizes[pairs].prod(axis=1) <= MAX_COMBINATIONS]
    pairs = pairs[np.argsort(sizes[pairs].prod(axis=1), kind="stable")[:MAX_TRIED]]
    singles = singles[np.argsort(sizes[singles], kind="stable")[:MAX_TRIED]]
    yield from ((single,) for single in singles.tolist())
    yield from ((first, second) for first, second in pairs.tolist())
