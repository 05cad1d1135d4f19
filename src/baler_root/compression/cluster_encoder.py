"""Encodes one cluster: arrays in, page payloads out. Every value is decoded again and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baler_root._types import Values
from baler_root.compression.column_encoder import encode_columns
from baler_root.compression.exact_candidate import exact_columns
from baler_root.compression.fingerprint import equality_key
from baler_root.compression.models.mixing import page_contexts
from baler_root.compression.outlier_rows import with_exact_rows
from baler_root.compression.plan import GroupMixing, GroupModel, Plan
from baler_root.errors import ErrorBoundViolated
from baler_root.format.bounds import measure
from baler_root.format.cluster_decoder import ClusterPage, decode_cluster
from baler_root.format.codecs.base import Codec
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.list_context import ListContext
from baler_root.format.codecs.conditional.model import Model
from baler_root.format.codecs.latent.codec import LatentCodec
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.registry import get_codec
from baler_root.format.columns.form_columns import Column
from baler_root.format.columns.to_columns import flatten
from baler_root.format.container.write import EncodedPage
from baler_root.format.encodings.base import ColumnEncoding
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.page import EncodedColumn, Page, pack_page
from baler_root.format.statistics import RECORD, record
from baler_root.format.tables import tables_of
from baler_root.format.values_digest import values_digest

if TYPE_CHECKING:
    import awkward as ak


@dataclass(frozen=True, slots=True, eq=False)
class EncodedCluster:
    """A cluster ready to be written."""

    entries: int
    pages: list[EncodedPage]
    records: Values
    """Statistics of each column, an array of `RECORD`."""
    lists: list[int]
    """Digest of each counts column: lists of equal structure have equal digests."""


class _PagePlan(NamedTuple):
    """The model of a page, the columns for mixing, and the numbers of its columns."""

    model: GroupModel | None
    mixing: GroupMixing | None
    members: range


def encode_cluster(plan: Plan, arrays: dict[int, ak.Array], entries: int) -> EncodedCluster:
    """The pages of one cluster of `entries` entries; `arrays` holds the array of each branch by its position.

    Every page is decoded again. Raises ErrorBoundViolated if a decoded value misses its bound; that would be
    a bug, and is never written.
    """
    columns = plan.columns
    originals = flatten(plan.schema, columns, arrays)
    encoded, bounds = encode_columns(plan, originals)
    members = [
        range(stop - count, stop) for stop, count in zip(accumulate(plan.groups), plan.groups, strict=True)
    ]
    models = {model.group: model for model in plan.models}
    mixing = {planned.group: planned for planned in plan.mixing}
    pages = [
        _PagePlan(models.get(group), mixing.get(group), numbers) for group, numbers in enumerate(members)
    ]
    codecs = [_codec(plan, page, encoded, originals) for page in pages]
    codecs, encoded = _with_outlier_rows(codecs, members, encoded, originals, columns)
    payloads, sizes, opened = [], list[float](), []
    for group, numbers in enumerate(members):
        codec = codecs[group]
        payload, shares = pack_page(codec, [encoded[n] for n in numbers])
        if isinstance(codec, ConditionalCodec) and group in models:
            costs = _costs_of_modelled(models[group], plan, encoded, dict(zip(numbers, shares, strict=True)))
            if exact := exact_columns(plan, originals, encoded, costs):
                candidates = [exact.get(n, column) for n, column in enumerate(encoded)]
                exact_codec = _codec(plan, pages[group], candidates, originals)
                exact_page = pack_page(exact_codec, [candidates[n] for n in numbers])
                if len(exact_page[0]) < len(payload):
                    codec, encoded, (payload, shares) = exact_codec, candidates, exact_page
        page = Page(memoryview(payload), [columns[n] for n in numbers])
        opened.append(ClusterPage(numbers.start, page, codec))
        payloads.append(payload)
        sizes += shares
    values = decode_cluster(opened, columns)
    records = np.zeros(len(columns), dtype=RECORD)
    for n, size in enumerate(sizes):
        errors = measure(originals[n], values[n], bounds[n])
        if errors.violations or values[n].dtype != originals[n].dtype:
            location = f"tree {plan.schema.path!r}, branch {plan.schema.path_of(columns[n].branch)!r}"
            raise ErrorBoundViolated(
                f"{location}: {errors.violations} of {len(originals[n])} decoded values miss the bound {bounds[n]}; "
                "nothing was written. This is a bug in baler_root: please report it with the branch"
            )
        records[n] = record(values[n], errors, encoded[n].encoding.outlier_count, size)
    written = []
    for payload, numbers in zip(payloads, members, strict=True):
        decoded = [values[n] for n in numbers]
        written.append(EncodedPage(payload, sum(array.nbytes for array in decoded), values_digest(decoded)))
    lists = [equality_key(v)[1] for v, c in zip(originals, columns, strict=True) if c.role == "counts"]
    return EncodedCluster(entries, written, records, lists)


def _codec(
    plan: Plan,
    planned: _PagePlan,
    encoded: Sequence[EncodedColumn],
    originals: Sequence[Values],
) -> Codec:
    """The codec of one page, with its model for the columns that the model fits, and contexts for mixing."""
    learned, mixing, members = planned
    if learned is None and mixing is None:
        return get_codec(plan.codec)

    def fits(number: int) -> bool:
        quantised = encoded[number].quantised
        column = None if learned is None else learned.column(number)
        if quantised is None or column is None:
            return False
        kinds = "uib" if column.dropped_bits is None else "f"
        return quantised.symbols.dtype.kind in kinds and quantised.quantiser.to_bytes() == column.quantiser

    coded = [number for number in members if encoded[number].symbols is not None]
    numbers = [learned.numbers.get(n) if learned is not None and fits(n) else None for n in coded]
    if learned is not None and isinstance(learned.model, AutoencoderModel):
        codec = get_codec(plan.codec)
        if not isinstance(codec, LatentCodec):
            raise TypeError(f"the codec {plan.codec!r} cannot use an autoencoder")
        numbers = _of_one_length(learned.model, [encoded[n].encoding for n in coded], numbers)
        return type(codec)({learned.name: learned.model}, learned.name, numbers, compare=learned.compare)
    context = ListContext({})
    lists = next((page.lists for page in (learned, mixing) if page is not None), None)
    if lists is not None and _is_in_other_page(lists, members, encoded):
        columns = {} if learned is None else {n: i for n, i in learned.context.items() if fits(n)}
        entries = {*columns, *(() if mixing is None else mixing.entries)}
        symbols = {
            n: array
            for n in entries
            if (array := encoded[n].symbols) is not None and _is_in_other_page(n, members, encoded)
        }
        columns = {index: n for n, index in columns.items() if n in symbols}
        symbols[lists] = originals[lists]
        context = ListContext(symbols, columns, lists)
    contexts = None if mixing is None else page_contexts(mixing, coded, encoded, context)
    if learned is None or not isinstance(learned.model, Model):
        return ConditionalCodec(context=context, mixing=contexts)
    return ConditionalCodec(
        {learned.name: learned.model}, learned.name, numbers, learned.compare, context, contexts
    )


def _costs_of_modelled(
    learned: GroupModel, plan: Plan, encoded: Sequence[EncodedColumn], shares: Mapping[int, float]
) -> dict[int, float]:
    """Bytes of each column that the model encodes and that no other column needs, by number."""
    needed = {n for model in plan.models for n in model.context}
    needed.update(source for column in encoded for source in column.encoding.sources)
    return {n: shares[n] for n in learned.numbers if n in shares and n not in needed}


def _of_one_length(
    model: AutoencoderModel, encodings: Sequence[ColumnEncoding], numbers: Sequence[int | None]
) -> list[int | None]:
    """Columns of the model, with None for columns that differ in shape or number of rows.

    The model gives the shape, its first column in this page the number of rows. Lists with equal lengths in
    the sample may differ in this cluster.
    """
    result: list[int | None] = []
    rows = 0
    for encoding, number in zip(encodings, numbers, strict=True):
        values_per_row = math.prod(encoding.symbol_shape)
        fits = number is not None and values_per_row == model.columns[number].values_per_row
        rows = rows or (encoding.length // values_per_row if fits else 0)
        result.append(number if fits and encoding.length == rows * values_per_row else None)
    return result


def _with_outlier_rows(
    codecs: Sequence[Codec],
    pages: Sequence[range],
    encoded: Sequence[EncodedColumn],
    originals: Sequence[Values],
    columns: Sequence[Column],
) -> tuple[list[Codec], list[EncodedColumn]]:
    """Codecs that know the outlier rows of their pages, and the columns with these rows stored exactly."""
    codecs_with_rows, exact = list(codecs), list(encoded)
    for page, (codec, members) in enumerate(zip(codecs, pages, strict=True)):
        if not isinstance(codec, LatentCodec):
            continue
        symbols = {n: array for n in members if (array := encoded[n].symbols) is not None}
        outlier_rows = codec.find_outlier_rows(list(symbols.values()))
        if outlier_rows is None:
            continue
        rows, scores, count = outlier_rows
        codecs_with_rows[page] = codec.with_outlier_rows(rows, scores)
        if len(rows):
            tables = tables_of(columns, originals)
            modelled = {
                tables[n] for n, number in zip(symbols, codec.numbers, strict=True) if number is not None
            }
            numbers = [n for n, table in enumerate(tables) if table in modelled]
            exact = with_exact_rows(exact, originals, numbers, rows, count)
    return codecs_with_rows, exact


def _is_in_other_page(number: int, members: range, encoded: Sequence[EncodedColumn]) -> bool:
    """Whether a reader finds the symbols of a column outside this page: its own, or those of the column it
    copies."""
    encoding = encoded[number].encoding
    origin = encoding.source if isinstance(encoding, CopyEncoding) else number
    source = encoded[origin].encoding
    return (
        origin not in members and source.symbol_dtype is not None and not source.sources and source.length > 0
    )
