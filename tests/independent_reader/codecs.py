"""Codecs of the second reader of `.baler` files, from `formats/codecs.md` alone; see `reader`."""

from __future__ import annotations

import decimal
import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from pcodec import wrapped

from tests.independent_reader.binary import Bytes, need

Symbols = list[Any]
Wanted = Sequence[tuple[np.dtype[Any], int, tuple[int, ...]]]  # type, length, row shape


def classic(data: Bytes, columns: Wanted) -> Symbols:
    """The symbols of columns of these (type, length, row shape)."""
    head, out = data.packed(), []
    entries = Bytes(head.take(head.varint()))
    for dtype, length, shape in columns:
        code, dictionary, coded = entries.unpack("B")[0], None, dtype
        need(code >> 4 < 6 and code & 15 < 4, "unknown transform or coding")
        if code >> 4 == 3:
            dictionary, coded = entries.array(dtype, entries.varint()), np.dtype("uint8")
        values = np.zeros(length, coded)
        if length and code & 15 == 0:
            values[:] = entries.array(coded, 1)
        elif length and code & 15 == 1:
            planes = head.array("u1", length * coded.itemsize).reshape(-1, length)
            values = planes.T.copy().view(coded)
        elif length and code & 15 == 2:
            bits = np.unpackbits(head.array("u1", -(-length // 8)), bitorder="little")
            need(coded.itemsize == 1 and not bits[length:].any(), "bits left over")
            values = bits[:length].view(coded)
        elif length:
            unpco(data.take(entries.varint()), values.view("u1" if coded == "bool" else coded))
        if dictionary is not None:
            need(not length or int(values.max()) < len(dictionary), "dictionary position out of range")
            values = dictionary[values]
        elif code >> 4:
            need(coded.kind in "iu" and length % math.prod(shape) == 0, "sums of no integers")
            rows = {1: (1,), 2: shape, 4: (math.prod(shape),), 5: shape}[code >> 4]
            values = values.reshape(-1, *rows)
            for axis in {1: [0], 4: [0], 2: range(1, values.ndim), 5: range(values.ndim)}[code >> 4]:
                values = np.cumsum(values, axis=axis, dtype=coded)
        out.append(values.reshape(-1))
    need(all(part.at == len(part.data) for part in (entries, head, data)), "bytes left over")
    return out


def unpco(stream: bytes, out: Any) -> None:
    pco, at = wrapped.FileDecompressor.new(b"\x04\x01")[0], 0
    for start in range(0, len(out), 1 << 22):
        chunk, used = pco.chunk_decompressor(stream[at:], f"{out.dtype.kind}{8 * out.dtype.itemsize}")
        at += used
        for first in range(start, min(len(out), start + (1 << 22)), 1 << 18):
            part = out[first : min(first + (1 << 18), start + (1 << 22))]
            progress, used = chunk.read_page_into(stream[at:], len(part), part)
            at += used
            need(progress.finished, "pco page ends too early")
    need(at == len(stream), "bytes left over after pco")


def conditional(
    models: dict[bytes, bytes], outer: Callable[[int], Any] | None, data: Bytes, columns: Wanted
) -> Symbols:
    """The symbols of columns coded with a model; `outer` has those around the page. Without, zeros where they matter."""
    kind = data.unpack("B")[0]
    need(kind < 3, "kind of a page")
    if not kind:
        return classic(Bytes(data.take(len(data.data) - data.at)), columns)
    name = data.take(8)
    need(name in models, "a model that is not there")
    model, numbers, sizes, lists = Model(models[name]), {}, {}, None
    codes: dict[int, Any] = {}
    lengths = data.varint() if kind == 2 else None
    pairs = [(data.varint(), data.varint()) for _ in range(0 if lengths is None else data.varint())]
    if lengths is not None and outer is not None:
        lists = Lists(outer(lengths))
        for number, source in pairs:
            need(model.columns[number].get("kind") == "entry", "no column of the entries")
            need(number not in codes, "a column of the model twice")
            codes[number] = np.repeat(seen(model.columns[number], outer(source)), lists.lengths)
        for number, column in enumerate(model.columns):
            if column.get("kind") in ("length", "position"):
                item = lists.items if column["kind"] == "length" else lists.position
                codes[number] = seen(column, item)
    for at in range(len(columns)):
        code = data.varint()
        if code:
            need(
                (code - 1) // 2 not in numbers and (code - 1) // 2 < len(model.columns), "column of the model"
            )
            need("kind" not in model.columns[(code - 1) // 2], "a column that is not in the page")
            numbers[(code - 1) // 2] = at
            if code % 2 == 0:
                sizes[at] = data.varint()
    rest = Bytes(data.take(data.varint()))
    streams = {at: Bytes(data.take(size)) for at, size in sorted(sizes.items())}
    need(data.at == len(data.data), "bytes left over")
    plain = iter(classic(rest, [column for at, column in enumerate(columns) if at not in streams]))
    out: Symbols = [None if at in streams else next(plain) for at in range(len(columns))]
    if kind == 2 and outer is None:
        return [
            np.zeros(columns[at][1], columns[at][0]) if at in streams else out[at] for at in range(len(out))
        ]
    for number, at in sorted(numbers.items()):
        column, (dtype, length, _) = model.columns[number], columns[at]
        if at in streams:
            need("parents" in column, "a column of which nothing tells")
            others = [parent for parent in column["parents"] if parent != number]
            need(all(len(codes.get(p, ())) == length for p in others), "parents")
            order, steps = np.arange(length), [0] * (length > 0)
            if number in column["parents"]:
                need(lists is not None and len(lists.step) == length, "no item before")
                order = np.argsort(lists.step, kind="stable")
                steps = np.searchsorted(lists.step[order], np.unique(lists.step)).tolist()
            codes[number] = np.full(length + 1, -2048)  # the last stands before the first items
            places = np.zeros(length, np.int64)
            cuts = sorted({*steps, *range(0, length, 1 << 16), length})
            for start, stop in itertools.pairwise(cuts):
                items = order[start:stop]
                if start % (1 << 16) == 0:
                    coded = Unrans(
                        Bytes(streams[at].take(streams[at].varint())), 2 if "cuts" in column else 1
                    )
                inputs = np.zeros((len(items), len(column["parents"])), np.int64)
                for i, parent in enumerate(column["parents"]):
                    own = parent == number
                    inputs[:, i] = codes[parent][
                        np.where(lists.step[items] == 0, -1, items - 1) if own else items
                    ]
                shares = (
                    histogram_shares(column, inputs)
                    if "cuts" in column
                    else mixture_shares(mixtures(network(column["net"], inputs)), column["edges"])
                )
                places[items] = coded.take(shares, len(column["codes"]))
                codes[number][items] = column["codes"][places[items]]
                if stop % (1 << 16) == 0 or stop == length:
                    coded.finish()
            codes[number] = codes[number][:length]
            need(streams[at].at == len(streams[at].data), "bytes left over")
            out[at] = (places + column["low"]).astype(dtype)
            need(np.array_equal(out[at].astype(np.int64), places + column["low"]), "symbols of another type")
        else:
            codes[number] = seen(column, out[at])
    return out


def seen(column: dict[str, Any], symbols: Any) -> Any:
    """The codes of symbols."""
    return column["codes"][np.clip(symbols.astype(np.int64) - column["low"], 0, len(column["codes"]) - 1)]


class Lists:
    """Lists of these lengths: for each item the length of its list, its place, and its step."""

    def __init__(self, lengths: Any) -> None:
        self.lengths = lengths.astype(np.int64)
        self.items = np.repeat(self.lengths, self.lengths)
        starts = np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        self.position = np.arange(len(self.items)) - starts
        self.step = self.position % 64


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
    """Give a column its cells, and C of their first places and what is needed for the others, context by context."""
    cuts, n = column["cuts"], column["cells"]
    limits = [[-2048, *some, 2048] for some in cuts]
    need(all(a < b for some in limits for a, b in itertools.pairwise(some)), "cuts")
    contexts = math.prod(len(some) + 1 for some in cuts)
    need(
        len(cuts) == len(column["parents"]) and 1 <= n <= 256 and contexts * n <= 1 << 18,
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


def rounded(value: decimal.Decimal) -> int:
    return int(value.to_integral_value(decimal.ROUND_HALF_UP))


@cache
def sigma() -> Any:
    """2**28 times the logistic distribution, from -20 to 20 in steps of 1/128."""
    with decimal.localcontext(decimal.Context(prec=40)):
        up = [rounded((1 << 28) / (1 + (decimal.Decimal(-j) / 128).exp())) for j in range(2561)]
    return np.array([(1 << 28) - value for value in up[:0:-1]] + up, np.int64)


def power(exponent: decimal.Decimal) -> int:
    """A power of two, rounded."""
    with decimal.localcontext(decimal.Context(prec=40)):
        return rounded(decimal.Decimal(2) ** exponent)


def quantile(shares: Any) -> Any:
    """Where the logistic distribution has these parts of 2**28 below it."""
    table = sigma()
    j = np.minimum(np.searchsorted(table, shares, side="right") - 1, 5119)
    j = np.maximum(j, 0)
    inside = (shares - table[j]) * 8192 // np.maximum(1, table[j + 1] - table[j])
    return 8192 * j + np.clip(inside, 0, 8192) - (20 << 20)


def network(layers: Any, values: Any) -> Any:
    for weight, bias, shift, low, high in layers:
        sums = values @ weight.T.astype(np.int64) + bias.astype(np.int64) + (1 << (shift - 1))
        values = np.clip(sums >> shift, low, high)
    return values


def mixtures(outputs: Any) -> tuple[Any, Any, Any]:
    """Weights, means and inverse scales, (rows, components) each."""
    w, m, r = np.split(outputs, 3, axis=1)
    powers = np.array([power(15 - decimal.Decimal(d) / 16) for d in range(256)])
    inverses = np.array([power(8 - decimal.Decimal(t) / 16) for t in range(-192, 49)])
    raw = powers[np.minimum(255, (w.max(axis=1, keepdims=True) - w) >> 6)]
    weight = raw * ((1 << 15) - 128) // raw.sum(axis=1, keepdims=True)
    one = np.ones((len(outputs), 1), np.int64)
    weight = np.hstack([weight, (1 << 15) - weight.sum(axis=1, keepdims=True)])
    return (
        weight,
        np.hstack([1024 * m, 0 * one]),
        np.hstack([inverses[np.clip(r >> 6, -192, 48) + 192], 256 * one]),
    )


def mixture_shares(mixture: tuple[Any, Any, Any], edges: Any) -> Iterator[Callable[[int], int]]:
    """For each row what lies below a place."""
    table, places, edge = sigma().tolist(), len(edges) - 1, edges.tolist()
    for row in zip(*(part.tolist() for part in mixture), strict=True):
        parts = list(zip(*row, strict=True))

        def share(i: int, parts: Sequence[Any] = parts) -> int:
            if i in (0, places):
                return (1 << 30) * (i > 0)
            total = 0
            for weight, mean, inverse in parts:
                x = min(max(((edge[i] - mean) * inverse >> 8) + (20 << 20), 0), (40 << 20) - 1)
                j = x >> 13
                total += weight * (table[j] + ((table[j + 1] - table[j]) * (x & 8191) >> 13))
            return i + ((total >> 15) * ((1 << 30) - places) >> 28)

        yield share


class Unrans:
    """The places of a block, coded with states that take turns."""

    def __init__(self, data: Bytes, lanes: int) -> None:
        self.words = data.array("u4", len(data.data) // 4).tolist()
        need(data.at == len(data.data) and len(self.words) >= 2 * lanes, "words of a stream")
        self.states = [self.words[2 * i] + (self.words[2 * i + 1] << 32) for i in range(lanes)]
        self.at, self.row = 2 * lanes, 0

    def take(self, shares: Iterator[Callable[[int], int]], places: int) -> Any:
        out = []
        for share in shares:
            lane = self.row % len(self.states)
            x = self.states[lane]
            slot = x & ((1 << 30) - 1)
            low, high, below, above = 0, places, 0, 1 << 30
            while high - low > 1:
                middle = (low + high) // 2
                value = share(middle)
                if value <= slot:
                    low, below = middle, value
                else:
                    high, above = middle, value
            out.append(low)
            x = (above - below) * (x >> 30) + slot - below
            if x < 1 << 31:
                need(self.at < len(self.words), "a stream ends too early")
                x, self.at = (x << 32) + self.words[self.at], self.at + 1
            self.states[lane] = x
            self.row += 1
        return np.array(out, np.int64)

    def finish(self) -> None:
        need(
            all(state == 1 << 31 for state in self.states) and self.at == len(self.words),
            "the end of a stream",
        )
