"""`conditional`: codes each column with the distribution that a model predicts from earlier columns of the
row.

formats/codecs.md#conditional is the specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.axis import symbols_at
from baler_root.format.codecs.base import OpenedPayload, PayloadKind, SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.list_context import ListContext, ListStructure
from baler_root.format.codecs.conditional.mixing import MixedColumn, MixingContexts, SourceValues, from_lowest
from baler_root.format.codecs.conditional.model import Model, ModelColumn
from baler_root.format.codecs.conditional.model_streams import Codes, decode_chained, decode_stream
from baler_root.format.codecs.conditional.page import ConditionalPage, Dependencies
from baler_root.format.codecs.conditional.page_encoder import PageEncoder
from baler_root.format.codecs.lazy_models import LazyModels, model_by_digest_prefix

Symbols = NDArray[Any]


class ConditionalCodec:
    """Codes columns with a model, and with `classic` those that the model lacks or does not make smaller."""

    id = "conditional"

    def __init__(
        self,
        models: Mapping[bytes, Model] | None = None,
        model: bytes = b"",
        numbers: Sequence[int | None] = (),
        compare: bool = False,
        context: ListContext | None = None,
        mixing: Mapping[int, MixingContexts] | None = None,
    ) -> None:
        """`models` by SHA-256. To encode: the digest of the `model` to use, and in `numbers` the number in
        the model of each column of the page. With `compare`, columns that are smaller in `classic` are coded
        by it. `mixing` has the contexts of the columns, by position, that adaptive mixing may code where that
        is smallest.
        """
        self.models = {} if models is None else models
        self.model, self.numbers = model, tuple(numbers)
        self.compare, self.context = compare, context or ListContext({})
        self.mixing = {} if mixing is None else mixing

    def with_models(self, models: Mapping[bytes, bytes]) -> ConditionalCodec:
        """See `ModelCodec.with_models`."""
        return ConditionalCodec(LazyModels(models, Model.from_bytes))

    def with_context(self, symbols: Mapping[int, Symbols]) -> ConditionalCodec:
        """See `ContextCodec.with_context`."""
        return ConditionalCodec(self.models, context=ListContext(symbols))

    def encode(self, columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        """See `Codec.encode`."""
        return PageEncoder(
            self.models, self.model, self.numbers, self.compare, self.context, self.mixing
        ).encode(columns, specs)

    def context_columns(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """See `ContextCodec.context_columns`."""
        if not (PayloadKind.CONTEXT.is_kind_of(payload) or PayloadKind.MIXING.is_kind_of(payload)):
            return ()
        page = ConditionalPage(payload, specs, self._table)
        return page.dependencies(range(len(specs)) if positions is None else positions).context_columns(page)

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> dict[int, Symbols]:
        """See `Codec.decode`; of the other columns only those are decoded on which these depend."""
        selected = range(len(specs)) if positions is None else positions
        columns = self.decode_more(payload, specs, selected, {})
        return {position: columns[position] for position in selected}

    def open_payload(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> OpenedPayload | None:
        """See `OpeningCodec.open_payload`; columns that a model codes need others."""
        return Classic().open_payload(payload[1:], specs) if PayloadKind.PLAIN.is_kind_of(payload) else None

    def decode_more(
        self,
        payload: memoryview,
        specs: Sequence[SymbolSpec],
        positions: Sequence[int],
        decoded: Mapping[int, Symbols],
    ) -> dict[int, Symbols]:
        """See `IncrementalCodec.decode_more`."""
        if PayloadKind.PLAIN.is_kind_of(payload):
            known = {position: decoded[position] for position in positions if position in decoded}
            missing = [position for position in positions if position not in known]
            return known | Classic().decode(payload[1:], specs, missing)
        page = ConditionalPage(payload, specs, self._table)
        dependencies = page.dependencies(positions, decoded)
        page.check_products(dependencies, specs)
        columns = {position: decoded[position] for position in dependencies.columns if position in decoded}
        rest_positions = [position for position in range(len(specs)) if position not in page.streams]
        rest_indices = [
            index
            for index, position in enumerate(rest_positions)
            if position in dependencies.columns and position not in columns
        ]
        # Without a column to decode, the rest was checked when the first columns were decoded.
        if rest_indices or not decoded:
            classic_columns = Classic().decode(
                page.rest, [specs[position] for position in rest_positions], rest_indices
            )
            columns |= {rest_positions[index]: symbols for index, symbols in classic_columns.items()}
        if dependencies.columns <= columns.keys():
            return columns
        lists = self._lists(page, dependencies, specs)
        symbols = self.context.symbols
        codes = {
            n: lists.codes(page.table[n], symbols.get(page.context.get(n, -1)))
            for n in dependencies.context
            if lists is not None
        }
        given = SourceValues(columns, lists, symbols)
        for position, number in page.order:
            if position not in dependencies.columns:
                continue
            if position in page.mixed and position not in columns:
                columns[position] = _decode_mixed(
                    page.mixed[position], given, specs[position], page.streams[position]
                )
            if number is None:
                continue
            if position in columns:
                codes[number] = page.table[number].axis.codes_of(columns[position])
            else:
                stream = page.streams[position]
                places = _decode_places(page.table[number], number, codes, lists, specs[position], stream)
                axis = page.table[number].axis
                columns[position] = symbols_at(places, axis.low, specs[position].dtype)
                codes[number] = axis.codes[places]
        return columns

    def _lists(
        self, page: ConditionalPage, dependencies: Dependencies, specs: Sequence[SymbolSpec]
    ) -> ListStructure | None:
        """The lists whose items are the rows of the page; None if no column depends on them."""
        columns = dependencies.context_columns(page)
        if not columns:
            return None
        missing = [column for column in columns if column not in self.context.symbols]
        if missing:
            raise CorruptFileError(f"column {missing[0]} of the tree is needed, and was not decoded")
        rows = {specs[position].length for position in dependencies.list_items}
        if len(rows) != 1:
            raise CorruptFileError("columns of different lengths in lists of one structure")
        return ListStructure(self.context.symbols[page.lists], rows.pop())

    def _table(self, name: bytes) -> Sequence[ModelColumn]:
        """Columns of the model whose SHA-256 begins with `name`."""
        return model_by_digest_prefix(self.models, name).columns


def _decode_places(
    column: ModelColumn,
    number: int,
    codes: Codes,
    lists: ListStructure | None,
    spec: SymbolSpec,
    stream: memoryview,
) -> NDArray[np.int64]:
    """Places on its axis of the values of column `number` of a model."""
    parents = () if column.conditional is None else column.conditional.parents
    lengths = {len(codes[p]) for p in parents if p != number} | {spec.length}
    if number in parents and lists is not None:
        lengths.add(lists.rows)
    if column.conditional is None or len(lengths) > 1:
        raise CorruptFileError(f"column {number} of the model cannot be decoded here")
    if number in parents and lists is not None:
        return decode_chained(column, number, codes, lists, stream)
    return decode_stream(column, codes, spec.length, stream)


def _decode_mixed(column: MixedColumn, given: SourceValues, spec: SymbolSpec, stream: memoryview) -> Symbols:
    """Symbols of a column coded by mixing."""
    from baler_root.format.entropy import adaptive_mixing

    high = column.low + column.span - 1
    limits = (0, 1) if spec.dtype.kind == "b" else None
    if limits is None and spec.dtype.kind in "ui":
        limits = (int(np.iinfo(spec.dtype).min), int(np.iinfo(spec.dtype).max))
    if limits is None or not limits[0] <= column.low <= high <= limits[1]:
        raise CorruptFileError(f"symbols from {column.low} to {high} in a column of {spec.dtype}")
    values = adaptive_mixing.decode(stream, spec.length, given.inputs(column, spec.length))
    return from_lowest(values, column.low, spec.dtype)
