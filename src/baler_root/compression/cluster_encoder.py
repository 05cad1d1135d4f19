"""Encodes one cluster: arrays in, page payloads out, every value decoded again and checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.column_encoder import make_cells
from baler_root.compression.fingerprint import equality_key
from baler_root.compression.interpolation import interpolated
from baler_root.compression.outlier_rows import keep_exactly
from baler_root.compression.plan import GroupModel, Plan
from baler_root.errors import ErrorBoundViolated
from baler_root.format.bounds import measure
from baler_root.format.cluster_decoder import OpenedPage, decode_cluster
from baler_root.format.codecs.base import Codec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.list_context import ListContext
from baler_root.format.codecs.latent.codec import LatentCodec
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.registry import get_codec
from baler_root.format.columns import Column, flatten
from baler_root.format.page import Cell, Page, pack_page
from baler_root.format.statistics import RECORD, digest_of, record
from baler_root.format.tables import tables_of

if TYPE_CHECKING:
    import awkward as ak


Values = NDArray[Any]


INTERPOLATES = (Classic.id, ConditionalCodec.id)
"""Codecs that make of arrays what `classic` does; another may know better, and gets them as they are."""


@dataclass(slots=True)
class EncodedPage:
    """A page ready to be written."""

    payload: bytes
    length: int
    digest: int


@dataclass(slots=True)
class EncodedCluster:
    """A cluster ready to be written."""

    entries: int
    pages: list[EncodedPage] = field(default_factory=list)
    records: Values = field(default_factory=lambda: np.zeros(0, dtype=RECORD))
    lists: list[int] = field(default_factory=list)
    """Digest of each counts column: lists of equal structure have equal digests."""


def encode_cluster(plan: Plan, arrays: dict[int, ak.Array], entries: int) -> EncodedCluster:
    """The pages of one cluster.

    Raises ErrorBoundViolated when a decoded value misses its bound, which is a bug and never written.
    """
    columns = plan.columns
    originals = flatten(plan.schema, columns, arrays)
    cells, bounds = make_cells(plan, columns, originals)
    if plan.codec in INTERPOLATES:
        for i, bound in enumerate(bounds):
            if all(model.column(i) is None for model in plan.models):
                cells[i] = interpolated(cells[i], originals[i], bound, plan.sentinels)
    out = EncodedCluster(entries, records=np.zeros(len(columns), dtype=RECORD))
    learned = {entry.group: entry for entry in plan.models}
    payloads, sizes = [], []
    opened: list[OpenedPage] = []
    pages = [
        range(stop - count, stop) for stop, count in zip(accumulate(plan.groups), plan.groups, strict=True)
    ]
    codecs = [_codec(plan, learned.get(group), page, cells, originals) for group, page in enumerate(pages)]
    codecs = _with_outlier_rows(codecs, pages, cells, originals, columns)
    for codec, members in zip(codecs, pages, strict=True):
        payload, shares = pack_page(codec, [cells[i] for i in members])
        page = Page(memoryview(payload), [columns[i] for i in members])
        opened.append(OpenedPage(members.start, page, codec))
        payloads.append(payload)
        sizes += shares
    values = decode_cluster(opened, columns)
    for i, size in enumerate(sizes):
        errors = measure(originals[i], values[i], bounds[i])
        if errors.violations or values[i].dtype != originals[i].dtype:
            where = f"tree {plan.schema.path!r}, branch {plan.schema.path_of(columns[i].branch)!r}"
            raise ErrorBoundViolated(
                f"{where}: {errors.violations} of {len(originals[i])} decoded values miss the bound {bounds[i]}; "
                "nothing was written. This is a bug in baler_root: please report it with the branch"
            )
        exact = cells[i].related or cells[i].quantised
        outliers = 0 if exact is None else len(exact.positions)
        out.records[i] = record(values[i], errors, outliers, size)
    for payload, members in zip(payloads, pages, strict=True):
        length = sum(values[i].nbytes for i in members)
        out.pages.append(EncodedPage(payload, length, digest_of([values[i] for i in members])))
    out.lists = [equality_key(v)[1] for v, c in zip(originals, columns, strict=True) if c.role == "counts"]
    return out


def _codec(
    plan: Plan,
    learned: GroupModel | None,
    members: range,
    cells: Sequence[Cell],
    originals: Sequence[Values],
) -> Codec:
    """The codec for one page, told what its model knows of the columns that have symbols of their own."""
    if learned is None:
        return get_codec(plan.codec)

    def fits(number: int) -> bool:
        quantised, column = cells[number].quantised, learned.column(number)
        if quantised is None or column is None or cells[number].related is not None:
            return False
        kinds = "uib" if column.dropped_bits is None else "f"
        return quantised.symbols.dtype.kind in kinds and quantised.quantiser.to_bytes() == column.quantiser

    own = [number for number in members if cells[number].quantised is not None]
    known = [learned.numbers[n] if n in learned.numbers and fits(n) else None for n in own]
    if isinstance(learned.model, AutoencoderModel):
        codec = get_codec(plan.codec)
        if not isinstance(codec, LatentCodec):
            raise TypeError(f"the codec {plan.codec!r} has no use for an autoencoder")
        known = _of_one_length(learned.model, [cells[n] for n in own], known)
        return type(codec)({learned.name: learned.model}, learned.name, known, compare=learned.compare)
    context = None
    if learned.lists is not None and _is_outside(learned.lists, members, cells):
        there = {n: at for n, at in learned.outside.items() if fits(n) and _is_outside(n, members, cells)}
        symbols = {number: quantised.symbols for number in there if (quantised := cells[number].quantised)}
        symbols[learned.lists] = originals[learned.lists]
        context = ListContext(symbols, {at: number for number, at in there.items()}, learned.lists)
    return ConditionalCodec({learned.name: learned.model}, learned.name, known, learned.compare, context)


def _of_one_length(
    model: AutoencoderModel, cells: Sequence[Cell], known: Sequence[int | None]
) -> list[int | None]:
    """The numbers of those columns that are shaped as the model knows, with as many rows as the first of them.

    Lists that were of equal lengths in the sample may not be so here.
    """
    out: list[int | None] = []
    rows = 0
    for cell, number in zip(cells, known, strict=True):
        each = math.prod(cell.shape)
        fits = number is not None and each == model.columns[number].values_per_row
        rows = rows or (cell.length // each if fits else 0)
        out.append(number if fits and cell.length == rows * each else None)
    return out


def _with_outlier_rows(
    codecs: Sequence[Codec],
    pages: Sequence[range],
    cells: list[Cell],
    originals: Sequence[Values],
    columns: Sequence[Column],
) -> list[Codec]:
    """The codecs told which rows of their pages are anomalies; the cells of these rows' tables keep them exactly then."""
    out = list(codecs)
    for number, (codec, members) in enumerate(zip(codecs, pages, strict=True)):
        if not isinstance(codec, LatentCodec):
            continue
        own = {n: quantised.symbols for n in members if (quantised := cells[n].quantised) is not None}
        found = codec.find_outlier_rows(list(own.values()))
        if found is None:
            continue
        rows, scores, count = found
        out[number] = codec.with_outlier_rows(rows, scores)
        if len(rows):
            tables = tables_of(columns, originals)
            mine = {tables[n] for n, known in zip(own, codec.known, strict=True) if known is not None}
            keep_exactly(
                cells, originals, [n for n, table in enumerate(tables) if table in mine], rows, count
            )
    return out


def _is_outside(number: int, members: range, cells: Sequence[Cell]) -> bool:
    """Whether a reader finds a column in another page: by itself, or as what it is a copy of."""
    origin = number if cells[number].quantised is not None else cells[number].copy_of
    cell = cells[origin]
    return origin not in members and cell.quantised is not None and cell.related is None and cell.length > 0
