"""Models of the codec `conditional` in the second reader: axes, networks and histograms."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need
from tests.independent_reader.classic import classic
from tests.independent_reader.distributions import quantile


class Model:
    """Axes, networks and histograms of the columns of a model."""

    def __init__(self, data: bytes) -> None:
        parts = Bytes(data)
        document = json.loads(parts.packed().data)
        parts.packed()  # recipes
        need(document["format"] == "baler-root conditional model 1", "a model of another format")
        self.columns, lengths = document["columns"], document["lengths"]
        types = ["u4"] * 2 * len(self.columns) + ["i1", "i4"]
        if any("cuts" in column for column in self.columns):
            types += ["u4", "u1"]
        wanted = [(np.dtype(t), length, ()) for t, length in zip(types, lengths, strict=True)]
        arrays = classic(Bytes(parts.take(len(data) - parts.at)), wanted)
        knots, (weights, biases, *more) = arrays[: 2 * len(self.columns)], arrays[2 * len(self.columns) :]
        for number, column in enumerate(self.columns):
            below = axis(column, *knots[2 * number : 2 * number + 2])
            if "parents" in column:
                last = number - ("cuts" in column)
                need(all(0 <= parent <= last for parent in column["parents"]), "a later parent")
            need(column.get("kind") in (None, "entry", "length", "position"), "kind of a column")
            need("kind" not in column or "parents" not in column, "a column outside that has parents")
            if "cuts" in column:
                take_histograms(column, below, more)
            elif "parents" in column:
                column["net"], inputs = [], len(column["parents"])
                for outputs, *rest in column["layers"]:
                    need(len(weights) >= outputs * inputs and len(biases) >= outputs, "weights")
                    column["net"].append(
                        (weights[: outputs * inputs].reshape(outputs, inputs), biases[:outputs], *rest)
                    )
                    weights, biases, inputs = weights[outputs * inputs :], biases[outputs:], outputs
        need(not any(map(len, (weights, biases, *more))), "weights or roots left over")


def axis(column: dict[str, Any], positions: Any, shares: Any) -> Any:
    """Give a column its edges and codes; returns what lies below each place."""
    need(type(column["low"]) is int, "first symbol of an axis")
    p, s = (np.cumsum([0, *steps.tolist()]) for steps in (positions, shares))
    need(s[-1] == 1 << 24 and 0 < p[-1] <= 1 << 20 and np.all(np.diff(p) > 0), "knots of an axis")
    k = np.searchsorted(p, np.arange(p[-1]), side="right") - 1
    below = 16 * s[k] + (np.arange(p[-1]) - p[k]) * (s[k + 1] - s[k]) * 16 // (p[k + 1] - p[k])
    below = np.append(below, 1 << 28)
    column["edges"] = quantile(below)
    middle = quantile((below[:-1] + below[1:]) >> 1)
    column["codes"] = np.clip((middle + 2048) >> 12, -2048, 2047)
    return below


def take_histograms(column: dict[str, Any], below: Any, arrays: list[Any]) -> None:
    """Give a column its cells, and for each context C of their first places and the data of the others."""
    cuts, n = column["cuts"], column["cells"]
    limits = [[-2048, *some, 2048] for some in cuts]
    need(all(a < b for some in limits for a, b in itertools.pairwise(some)), "cuts")
    contexts = math.prod(len(some) + 1 for some in cuts)
    need(
        len(cuts) == len(column["parents"])
        and 1 <= n <= 256
        and contexts <= 1 << 12
        and contexts * n <= 1 << 18,
        "size of histograms",
    )
    need(len(arrays[0]) >= n - 1 and len(arrays[1]) >= contexts * n, "roots")
    q = np.cumsum([0, *arrays[0][: n - 1].tolist()])
    q = np.append(q, len(below) - 1)
    need(np.all(np.diff(q) > 0), "cells")
    weights = np.cumsum(np.square(arrays[1][: contexts * n].reshape(contexts, n).astype(np.int64)), axis=1)
    weights = np.hstack([np.zeros((contexts, 1), np.int64), weights])
    total = weights[:, -1:]
    s = (below[q] + 255 * ((weights << 28) // np.maximum(1, total))) >> 8
    column["q"], column["below"], column["s"] = (
        q.tolist(),
        below.tolist(),
        np.where(total, s, below[q]).tolist(),
    )
    arrays[:] = [arrays[0][n - 1 :], arrays[1][contexts * n :]]


def histogram_shares(column: dict[str, Any], rows: Any) -> Iterator[Callable[[int], int]]:
    """For each row what lies below a place."""
    q, below, places = column["q"], column["below"], len(column["codes"])
    for row in rows.tolist():
        context = 0
        for code, cuts in zip(row, column["cuts"], strict=True):
            context = (len(cuts) + 1) * context + sum(cut <= code for cut in cuts)

        def share(i: int, s: Sequence[int] = column["s"][context]) -> int:
            if i == places:
                return 1 << 30
            k = max(at for at, first in enumerate(q) if first <= i)
            slope = ((s[k + 1] - s[k]) << 28) // max(1, below[q[k + 1]] - below[q[k]])
            return i + ((s[k] + ((below[i] - below[q[k]]) * slope >> 28)) * ((1 << 30) - places) >> 28)

        yield share
