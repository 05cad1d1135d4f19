"""Changes of the correlations between columns: Pearson's coefficients of each table, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.evaluation.report.pairs import PairedColumn
from baler_root.format.bounds import LOSSLESS

Matrix = NDArray[np.float64]


MAX_COLUMNS = 200
"""Columns of a table that are correlated: the first ones of a wider table."""

MAX_PAIRS = 10
"""Most pairs of columns in `CorrelationChange.pairs`."""


@dataclass(frozen=True, slots=True)
class CorrelationChange:
    """Correlations in one table, whose rows are entries or the elements of one kind of list."""

    table: str
    columns: tuple[str, ...]
    """Names of the columns that vary."""
    rows: int
    before: Matrix
    after: Matrix
    largest: float
    """Largest change of a coefficient; 0 if none changes."""
    rms: float
    """RMS change of the coefficients."""
    pairs: tuple[tuple[str, str, float, float], ...]
    """(Name, name, coefficient before, coefficient after) of the pairs of columns that change most."""


class Correlations:
    """Accumulates sums of products, cluster by cluster, for each table in which a value may change."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}

    def add(self, columns: list[PairedColumn]) -> None:
        """Adds the columns of a cluster."""
        by_table: dict[tuple[str, int], list[PairedColumn]] = {}
        for column in columns:
            if not column.row_shape:
                by_table.setdefault((column.table, len(column.original)), []).append(column)
        for (table, _), members in by_table.items():
            if len(members) > 1 and any(column.bound != LOSSLESS for column in members):
                if table not in self._tables:
                    self._tables[table] = _Table(members[:MAX_COLUMNS])
                self._tables[table].add(members[:MAX_COLUMNS])

    def result(self) -> list[CorrelationChange]:
        """The tables in which a value may change, in the order of the file."""
        changes = (table.result(name) for name, table in self._tables.items())
        return [change for change in changes if change is not None]


class _Table:
    def __init__(self, first: list[PairedColumn]) -> None:
        self.names = [column.name for column in first]
        self.rows = 0
        self.before = _Sums([column.original for column in first])
        self.after = _Sums([column.decompressed for column in first])

    def add(self, columns: list[PairedColumn]) -> None:
        if [column.name for column in columns] != self.names:
            return
        self.rows += len(columns[0].original)
        self.before.add([column.original for column in columns])
        self.after.add([column.decompressed for column in columns])

    def result(self, table: str) -> CorrelationChange | None:
        before, after = self.before.coefficients(), self.after.coefficients()
        varies = np.isfinite(np.diag(before)) & np.isfinite(np.diag(after))
        if varies.sum() < 2:
            return None
        names = [name for name, does in zip(self.names, varies, strict=True) if does]
        before, after = before[np.ix_(varies, varies)], after[np.ix_(varies, varies)]
        i, j = np.triu_indices(len(names), 1)
        change = (after - before)[i, j]
        size = np.nan_to_num(np.abs(change))
        largest = [k for k in np.argsort(-size, kind="stable")[:MAX_PAIRS].tolist() if size[k] > 0]
        return CorrelationChange(
            table, tuple(names), self.rows, before, after,
            float(size.max()), float(np.sqrt(np.mean(np.square(size)))),
            tuple((names[i[k]], names[j[k]], float(before[i[k], j[k]]), float(after[i[k], j[k]])) for k in largest),
        )  # fmt: skip


class _Sums:
    """Sums over all pairs of columns, of the rows in which both are finite."""

    def __init__(self, first: list[NDArray[Any]]) -> None:
        # sums of products lose no digits if values are taken relative to their mean, in units of their spread
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
        present, x = finite.astype(np.float64), np.where(finite, x, 0.0)
        self.count += present.T @ present
        self.x += x.T @ present
        self.xx += np.square(x).T @ present
        self.xy += x.T @ x

    def coefficients(self) -> Matrix:
        """Correlation matrix; NaN for pairs in which a column doesn't vary."""
        with np.errstate(all="ignore"):
            mean = self.x / self.count
            variance = self.xx / self.count - mean**2
            variance[variance < 1e-12] = np.nan
            return np.asarray((self.xy / self.count - mean * mean.T) / np.sqrt(variance * variance.T))


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    wide = values.astype(np.float64)
    return wide[np.isfinite(wide)]
