"""Size of the key of a basket, from whose start positions in the basket are counted."""

from __future__ import annotations

import struct

from baler_root.rootio.tbuffer import string_bytes

KEY_HEAD = struct.Struct(">ihiIhhqq")
"""Numbers at the start of a key, with positions of 64 bits."""


BASKET_HEAD = struct.Struct(">HiiiiB")
"""Numbers of a basket, which are the last part of its key."""


MAX_KEY_SIZE = (1 << 15) - 1
"""Largest size of a key, which is the largest position of the first byte of a basket."""


def basket_key_size(branch: str, tree: str) -> int:
    """Size of the key of a basket, if nothing else asks for another one."""
    strings = string_bytes("TBasket") + string_bytes(branch) + string_bytes(tree)
    return min(MAX_KEY_SIZE, KEY_HEAD.size + BASKET_HEAD.size + len(strings))
