"""How correlations between columns change: the matrices of Pearson's coefficients of each table, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.evaluation.report.pairs import PairedColumn
from baler_root.format.bounds import LOSSLESS

Matrix = NDArray[np.float64]


MOST = 200
"""Columns of one table whose coefficients are taken; of a wider one the first."""


SHOWN = 10


@dataclass(frozen=True, slots=True)
class CorrelationChange:
    """One table: rows that are entries, or elements of one kind of list."""

    table: str
    columns: tuple[str, ...]
    """Those that vary."""
    rows: int
    before: Matrix
    after: Matrix
    largest: float
    """Of the changes of all coefficients; 0 where there is none."""
    rms: float
    pairs: tuple[tuple[str, str, float, float], ...]
    """The pairs of columns that changed most: names, coefficients before and after."""


class Correlations:
    """Collects sums of products of the columns of each table in which something may change."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}

    def add(self, columns: list[PairedColumn]) -> None:
        """Takes a cluster in."""
        by_table: dict[tuple[str, int], list[PairedColumn]] = {}
        for one in columns:
            if not one.row_shape:
                by_table.setdefault((one.table, len(one.original)), []).append(one)
        for (table, _), members in by_table.items():
            if len(members) > 1 and any(one.bound != LOSSLESS for one in members):
                if table not in self._tables:
                    self._tables[table] = _Table(members[:MOST])
                self._tables[table].add(members[:MOST])

    def result(self) -> list[CorrelationChange]:
        """The tables in which something may change, in the order of the file."""
        return [found for name, table in self._tables.items() if (found := table.result(name)) is not None]


class _Table:
    def __init__(self, first: list[PairedColumn]) -> None:
        self.names = [one.name for one in first]
        self.rows = 0
        self.before = _Sums([one.original for one in first])
        self.after = _Sums([one.decompressed for one in first])

    def add(self, columns: list[PairedColumn]) -> None:
        if [one.name for one in columns] != self.names:
            return
        self.rows += len(columns[0].original)
        self.before.add([one.original for one in columns])
        self.after.add([one.decompressed for one in columns])

    def result(self, table: str) -> CorrelationChange | None:
        before, after = self.before.coefficients(), self.after.coefficients()
        known = np.isfinite(np.diag(before)) & np.isfinite(np.diag(after))
        if known.sum() < 2:
            return None
        names = [name for name, is_known in zip(self.names, known, strict=True) if is_known]
        before, after = before[np.ix_(known, known)], after[np.ix_(known, known)]
        i, j = np.triu_indices(len(names), 1)
        change = (after - before)[i, j]
        size = np.nan_to_num(np.abs(change))
        most = [k for k in np.argsort(-size, kind="stable")[:SHOWN].tolist() if size[k] > 0]
        return CorrelationChange(
            table, tuple(names), self.rows, before, after,
            float(size.max()), float(np.sqrt(np.mean(np.square(size)))),
            tuple((names[i[k]], names[j[k]], float(before[i[k], j[k]]), float(after[i[k], j[k]])) for k in most),
        )  # fmt: skip


class _Sums:
    """Of pairs of columns, over the rows in which both are finite."""

    def __init__(self, first: list[NDArray[Any]]) -> None:
        # sums of products lose no digits where values are counted from near their mean, in units of their spread
        finite = [_finite(values) for values in first]
        self.origins = np.array([float(values.mean()) if values.size else 0.0 for values in finite])
        self.units = np.array([float(values.std()) or 1.0 if values.size else 1.0 for values in finite])
        self.count, self.x, self.xx, self.xy = (np.zeros((len(first), len(first))) for _ in range(4))

    def add(self, columns: list[NDArray[Any]]) -> None:
        x = (np.stack([values.astype(np.float64) for values in columns], axis=1) - self.origins) / self.units
        finite = np.isfinite(x)
        if finite.all():
            total = x.sum(axis=0)[:, None]
            self.count += len(x)
            self.x += total
            self.xx += np.square(x).sum(axis=0)[:, None]
            self.xy += x.T @ x
            return
        kept, x = finite.astype(np.float64), np.where(finite, x, 0.0)
        self.count += kept.T @ kept
        self.x += x.T @ kept
        self.xx += np.square(x).T @ kept
        self.xy += x.T @ x

    def coefficients(self) -> Matrix:
        """NaN where one of the two does not vary."""
        with np.errstate(all="ignore"):
            mean = self.x / self.count
            variance = self.xx / self.count - mean**2
            variance[variance < 1e-12] = np.nan
            return np.asarray((self.xy / self.count - mean * mean.T) / np.sqrt(variance * variance.T))


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    wide = values.astype(np.float64)
    return wide[np.isfinite(wide)]
