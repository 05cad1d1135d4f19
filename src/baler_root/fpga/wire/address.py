"""`Address`: host and port of datagrams."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Any, Self

from baler_root.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, resolved."""

    text: str
    family: socket.AddressFamily
    sockaddr: Any
    """Argument of `socket.bind` and `socket.sendto`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Resolve `HOST:PORT`; raises ConfigError for any other text and for an unknown host."""
        address = cls.parse_optional(text)
        if address is None:
            raise ConfigError(f"{text!r} is no address: write HOST:PORT, such as 127.0.0.1:5005")
        return address

    @classmethod
    def parse_optional(cls, text: str) -> Self | None:
        """Resolve `HOST:PORT`; None for any other text. Raises ConfigError for an unknown host."""
        parts = re.fullmatch(r"\[?([^\[\]/]+)\]?:(\d{1,5})", text)
        if parts is None:
            return None
        try:
            family, _, _, _, sockaddr = socket.getaddrinfo(parts[1], int(parts[2]), type=socket.SOCK_DGRAM)[0]
        except (OSError, OverflowError) as error:
            raise ConfigError(f"{text}: no such address ({error})") from None
        return cls(text, family, sockaddr)

    def __str__(self) -> str:
        return self.text
