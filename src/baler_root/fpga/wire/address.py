"""Where datagrams go to, or come in."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Any, Self

from baler_root.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, looked up."""

    text: str
    family: socket.AddressFamily
    where: Any
    """As sockets want it."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`HOST:PORT`; raises ConfigError for anything else, and for a host that is not known."""
        found = cls.find(text)
        if found is None:
            raise ConfigError(f"{text!r} is no address: write HOST:PORT, such as 127.0.0.1:5005")
        return found

    @classmethod
    def find(cls, text: str) -> Self | None:
        """The same, or None for what is no address."""
        parts = re.fullmatch(r"\[?([^\[\]/]+)\]?:(\d{1,5})", text)
        if parts is None:
            return None
        try:
            family, _, _, _, where = socket.getaddrinfo(parts[1], int(parts[2]), type=socket.SOCK_DGRAM)[0]
        except (OSError, OverflowError) as error:
            raise ConfigError(f"{text}: no such address ({error})") from None
        return cls(text, family, where)

    def __str__(self) -> str:
        return self.text
