"""Interface of codecs, which turn the symbols of some columns of one cluster into bytes, and back.

A codec knows nothing of bounds, files or forms. Its input is symbols (integers after quantising, or the
values themselves if a column is exact), and it must return each of them bit for bit. The id is a promise
about bytes: two classes may share an id only if each reads the payloads of the other.
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
    """Type, number and shape of the symbols of a column, known before they are decoded."""

    dtype: np.dtype[Any]
    length: int
    shape: tuple[int, ...] = ()
    """Shape of the fixed-size array in a row; empty for numbers. `length` counts values, not rows."""


class PayloadKind(IntEnum):
    """First byte of the payload of a codec with models: how the model is used."""

    PLAIN = 0
    """No model; `classic` coded all columns."""
    MODEL = 1
    """A model coded some of the columns."""
    CONTEXT = 2
    """A model coded some of the columns, and needs columns of other pages."""
    MIXING = 3
    """Adaptive mixing coded some of the columns; a model, other pages or both may be needed as well."""

    @property
    def prefix(self) -> bytes:
        """The kind as the byte in front of a payload."""
        return bytes((self,))

    def is_kind_of(self, payload: memoryview) -> bool:
        """Whether a payload begins with this kind."""
        return payload[:1].tobytes() == self.prefix


@runtime_checkable
class Codec(Protocol):
    """Interface of a codec; codecs are found through the entry-point group `baler_root.codecs`."""

    @property
    def id(self) -> str:
        """Name of the codec in files."""
        ...

    def encode(
        self, columns: Sequence[NDArray[Any]], specs: Sequence[SymbolSpec]
    ) -> tuple[bytes, list[float]]:
        """The bytes from which `decode` gives back these flat columns, bit for bit, and each column's share
        of them.

        The same columns give the same bytes each time. Where columns share bytes, the shares are an estimate;
        they add up to the size.
        """

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        """The columns at these positions (default: all), each of its spec's dtype and length.

        Raises FormatError for a payload that does not fit the specs; allocates only what the specs say.
        """


@runtime_checkable
class ModelCodec(Codec, Protocol):
    """Codec with models that were learned from data; they are in the file, or beside it."""

    def with_models(self, models: Mapping[bytes, bytes]) -> Self:
        """A codec for a file with these models, given as bytes by their SHA-256.

        A model is read when it is first needed, which raises FormatError if it is not valid or missing.
        """


@runtime_checkable
class ContextCodec(ModelCodec, Protocol):
    """Codec whose pages may need columns of other pages of their cluster."""

    def context_columns(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Numbers in the tree of the columns outside the page whose symbols `decode` needs for the columns at
        these positions.

        Raises FormatError as `decode` does.
        """

    def with_context(self, symbols: Mapping[int, NDArray[Any]]) -> Self:
        """A codec with the symbols of those columns, by their number in the tree.

        Columns with the lengths of lists are given as values: symbols of outliers mean nothing.
        """


@runtime_checkable
class IncrementalCodec(Codec, Protocol):
    """A codec that decodes some columns of a page with the help of others, and can reuse those decoded
    before.
    """

    def decode_more(
        self,
        payload: memoryview,
        specs: Sequence[SymbolSpec],
        positions: Sequence[int],
        decoded: Mapping[int, NDArray[Any]],
    ) -> dict[int, NDArray[Any]]:
        """The columns at these positions, and all that were decoded or reused for them.

        `decoded` holds symbols of columns of this page by position, as `decode` gave them; they are only
        read. Raises FormatError as `decode` does.
        """


class OpenedPayload(Protocol):
    """A payload in which every column has been found; each is decoded when it is asked for."""

    def decode(self, positions: Sequence[int]) -> dict[int, NDArray[Any]]:
        """The columns at these positions; raises FormatError as `Codec.decode` does."""


@runtime_checkable
class OpeningCodec(Codec, Protocol):
    """A codec that looks for the columns of a payload once, however many are then read one by one."""

    def open_payload(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> OpenedPayload | None:
        """The payload with its columns found; None if they cannot be decoded one by one.

        Raises FormatError as `decode` does.
        """


def is_opening_codec(codec: Codec) -> TypeGuard[OpeningCodec]:
    """Whether the codec is an `OpeningCodec`; faster than `isinstance`."""
    return _implements(codec, OpeningCodec)


def is_context_codec(codec: Codec) -> TypeGuard[ContextCodec]:
    """Whether the codec is a `ContextCodec`; faster than `isinstance`, which compares every method each
    time.
    """
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
