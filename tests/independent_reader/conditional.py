"""The codec `conditional` of the second reader, from `formats/codecs.md` alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need
from tests.independent_reader.classic import Symbols, Wanted, classic
from tests.independent_reader.distributions import Unrans, mixture_shares, mixtures, network
from tests.independent_reader.mixing import Record
from tests.independent_reader.model import Model, histogram_shares


def conditional(
    models: dict[bytes, bytes], outer: Callable[[int], Any] | None, data: Bytes, columns: Wanted
) -> Symbols:
    """Symbols of columns coded with a model. `outer` gives columns of other pages; without it they are 0."""
    kind = data.unpack("B")[0]
    need(kind < 4, "kind of a page")
    if not kind:
        return classic(Bytes(data.take(len(data.data) - data.at)), columns)
    head = data.packed() if kind == 3 else data
    flags = head.unpack("B")[0] if kind == 3 else 2 * kind - 1
    need(flags < 4, "flags of a page")
    name = head.take(8) if flags & 1 else b""
    need(not name or name in models, "a model that is not there")
    model, numbers, sizes, lists = Model(models[name]) if name else None, {}, {}, None
    codes: dict[int, Any] = {}
    lengths = head.varint() if flags & 2 else None
    pairs = [(head.varint(), head.varint()) for _ in range(head.varint() if flags == 3 else 0)]
    entries = [head.varint() for _ in range(head.varint() if kind == 3 and flags & 2 else 0)]
    need(len(entries) <= 256, "columns of the entries")
    if lengths is not None and outer is not None:
        lists = Lists(outer(lengths))
        for number, source in pairs:
            need(model.columns[number].get("kind") == "entry", "no column of the entries")
            need(number not in codes, "a column of the model twice")
            codes[number] = np.repeat(seen(model.columns[number], outer(source)), lists.lengths)
        for number, column in enumerate(model.columns if model else ()):
            if column.get("kind") in ("length", "position"):
                item = lists.items if column["kind"] == "length" else lists.position
                codes[number] = seen(column, item)
    mixing = []
    for at in range(len(columns)):
        code = head.varint()
        number, is_known, coded = (code - 1) // 2, code > 0, code > 0 and code % 2 == 0
        if kind == 3:
            number, is_known, coded = (code - 2) // 3, code > 1, code > 0 and code % 3 != 2
        if is_known:
            need(model is not None and number < len(model.columns) and number not in numbers, "of the model")
            need(kind < 3 or all(number > other for other in numbers), "columns of a model out of order")
            need("kind" not in model.columns[number], "a column that is not in the page")
            numbers[number] = at
        if coded:
            sizes[at] = head.varint()
        if kind == 3 and code % 3 == 1:
            mixing.append(at)
    mixed = {at: Record(head, at, entries) for at in mixing}
    need(kind < 3 or head.at == len(head.data), "bytes left over in a head")
    rest = Bytes(data.take(data.varint()))
    streams = {at: Bytes(data.take(size)) for at, size in sorted(sizes.items())}
    need(data.at == len(data.data), "bytes left over")
    plain = iter(classic(rest, [column for at, column in enumerate(columns) if at not in streams]))
    out: Symbols = [None if at in streams else next(plain) for at in range(len(columns))]
    if flags & 2 and outer is None:
        return [
            np.zeros(columns[at][1], columns[at][0]) if at in streams else out[at] for at in range(len(out))
        ]
    by_number = {at: number for number, at in numbers.items()}
    order = sorted({*by_number, *mixed}) if kind == 3 else [at for _, at in sorted(numbers.items())]
    for at in order:
        if at in mixed:
            rows = columns[at][1]
            out[at] = mixed[at].symbols(
                streams[at].data, columns[at], partial(source_values, mixed[at], out, lists, rows, outer)
            )
        if at not in by_number:
            continue
        number = by_number[at]
        column, (dtype, length, _) = model.columns[number], columns[at]
        if at in streams and at not in mixed:
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


def source_values(record: Record, out: Symbols, lists: Lists | None, rows: int, outer: Any, code: int) -> Any:
    """Values of a source of contexts; of source 0, whether each row has no previous one."""
    need(lists is not None or code in (0, *range(3, 1 << 20, 2)), "a source of lists")
    if lists is not None and (code < 3 or code % 2 == 0):
        need(len(lists.position) == rows, "lists of other lengths")
    if code == 0:
        return (np.arange(rows) if lists is None else lists.position) == 0
    if code < 3 and lists is not None:
        return lists.items if code == 1 else lists.position
    if code % 2:
        values = out[record.at - 1 - (code - 3) // 2]
    else:
        values = outer(record.entries[(code - 4) // 2])
        need(len(values) == len(lists.lengths), "a column of other entries")
        values = np.repeat(values, lists.lengths)
    need(len(values) == rows and values.dtype.kind in "uib", "a source of other rows or types")
    return values


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
