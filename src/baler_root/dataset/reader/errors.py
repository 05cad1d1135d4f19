"""Carried out of column_reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from baler_root.errors import FormatError, UnknownCodecError
from baler_root.format.container.read import Container, PageId


@contextmanager
def named(container: Container, page: PageId) -> Iterator[None]:
    """Adds the page's name to an error raised while it is decoded."""
    try:
        yield
    except (FormatError, UnknownCodecError) as error:
        raise type(error)(f"{container.describe(page)}: {error}") from None
