"""Compression for ROOT files with a guaranteed error bound on every value.

`compress` turns a ROOT file into a `.baler` file, `open` reads it as uproot reads the original, `decompress`
turns it back into a ROOT file, `verify` checks it, `inspect` tells what is in it. `train` learns from some files what
makes all of their kind smaller.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "compress": "baler_root.compressor",
    "concatenate": "baler_root.dataset",
    "decompress": "baler_root.decompressor",
    "inspect": "baler_root.inspection",
    "iterate": "baler_root.dataset",
    "merge": "baler_root.merging",
    "open": "baler_root.dataset",
    "recover": "baler_root.recovery",
    "train": "baler_root.pretraining",
    "verify": "baler_root.verification",
}
"""Where each public name lives; modules are imported when first used, so that `import baler_root` is quick."""

__all__ = [
    "__version__",
    "compress",
    "concatenate",
    "decompress",
    "inspect",
    "iterate",
    "merge",
    "open",
    "recover",
    "train",
    "verify",
]

if TYPE_CHECKING:
    from baler_root.compressor import compress
    from baler_root.dataset import concatenate, iterate, open  # noqa: A004 - as in uproot
    from baler_root.decompressor import decompress
    from baler_root.inspection import inspect
    from baler_root.merging import merge
    from baler_root.pretraining import train
    from baler_root.recovery import recover
    from baler_root.verification import verify


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'baler_root' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
