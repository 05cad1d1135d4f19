"""What a codec is: it turns the symbols of some columns of one cluster into bytes, and back.

A codec knows nothing of bounds, files or forms. It gets symbols (integers after quantising, or the values
themselves where a column is exact) and must return every one of them bit for bit. The id is a promise about
bytes: two classes may share one only if each reads what the other wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, Self, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """What is known of a column's symbols before they are decoded."""

    dtype: np.dtype[Any]
    length: int
    shape: tuple[int, ...] = ()
    """Values per row, for fixed-size arrays; `length` counts values, not rows."""


class PayloadKind(IntEnum):
    """First byte of the payload of a codec with models: how the model is used."""

    PLAIN = 0
    """No model; `classic` coded all columns."""
    MODEL = 1
    """A model coded some of the columns."""
    CONTEXT = 2
    """A model coded some of the columns, and needs columns of other pages."""

    @property
    def prefix(self) -> bytes:
        """The kind as the byte in front of a payload."""
        return bytes((self,))

    def is_kind_of(self, payload: memoryview) -> bool:
        """Whether a payload begins with this kind."""
        return payload[:1].tobytes() == self.prefix


@runtime_checkable
class Codec(Protocol):
    """The interface a codec offers; found through the entry-point group `baler_root.codecs`."""

    @property
    def id(self) -> str:
        """By which files name it."""
        ...

    def encode(
        self, columns: Sequence[NDArray[Any]], specs: Sequence[SymbolSpec]
    ) -> tuple[bytes, list[float]]:
        """The bytes from which `decode` gives back these flat columns, bit for bit, and each column's share of them.

        The same columns give the same bytes each time. Where columns share bytes, the shares are an estimate;
        they add up to the size.
        """

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        """The columns at the positions `wanted` (default all), each of its spec's dtype and length.

        Raises FormatError for a payload that does not fit the specs; allocates only what the specs say.
        """


@runtime_checkable
class ModelCodec(Codec, Protocol):
    """A codec that needs what was learned from data; the models travel in the file, or beside it."""

    def with_models(self, models: Mapping[bytes, bytes]) -> Self:
        """The same codec for a file with these models: their bytes by their SHA-256.

        A model is read when it is first needed; FormatError is raised then if it is not valid or not there.
        """


@runtime_checkable
class ContextCodec(ModelCodec, Protocol):
    """A codec whose pages may need columns of other pages of their cluster."""

    def context_columns(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """The columns of the tree, outside the page, whose symbols `decode` needs for those that are `wanted`.

        Raises FormatError as `decode` does.
        """

    def with_context(self, symbols: Mapping[int, NDArray[Any]]) -> Self:
        """The same codec with the symbols of those columns, by their number in the tree.

        Of columns that are the lengths of lists it gets the values: symbols mean nothing where a value is an outlier.
        """


@runtime_checkable
class IncrementalCodec(Codec, Protocol):
    """A codec that decodes some columns of a page with the help of others, and can reuse those decoded before."""

    def decode_more(
        self,
        payload: memoryview,
        specs: Sequence[SymbolSpec],
        wanted: Sequence[int],
        decoded: Mapping[int, NDArray[Any]],
    ) -> dict[int, NDArray[Any]]:
        """The columns at the positions `wanted`, and all that were decoded or reused for them.

        `decoded` holds symbols of columns of this page by position, as `decode` gave them; they are only read.
        Raises FormatError as `decode` does.
        """


def is_context_codec(codec: Codec) -> TypeGuard[ContextCodec]:
    """Whether the codec is a `ContextCodec`; faster than `isinstance`, which compares every method each time."""
    return _implements(codec, ContextCodec)


def is_incremental_codec(codec: Codec) -> TypeGuard[IncrementalCodec]:
    """Whether the codec is an `IncrementalCodec`; faster than `isinstance`."""
    return _implements(codec, IncrementalCodec)


def _implements(codec: Codec, protocol: type) -> bool:
    key = (type(codec), protocol)
    if key not in _IMPLEMENTED:
        _IMPLEMENTED[key] = isinstance(codec, protocol)
    return _IMPLEMENTED[key]


_IMPLEMENTED: dict[tuple[type, type], bool] = {}
"""Answers of `_implements`, by class of codec and protocol."""
