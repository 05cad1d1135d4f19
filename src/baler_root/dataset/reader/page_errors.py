"""Errors in a page, raised with the name of that page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from baler_root.errors import FormatError, UnknownCodecError
from baler_root.format.container.read import Container, PageId


@contextmanager
def errors_of_page(container: Container, page: PageId) -> Iterator[None]:
    """Puts the page's name in front of a FormatError or UnknownCodecError raised inside."""
    try:
        yield
    except (FormatError, UnknownCodecError) as error:
        raise type(error)(f"{container.describe(page)}: {error}") from None
