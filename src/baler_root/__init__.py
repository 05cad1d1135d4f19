"""Compression for ROOT files with a guaranteed error bound on every value.

`compress` turns a ROOT file into a `.baler` file, `open` reads it as uproot reads the original, `decompress`
turns it back into a ROOT file, `verify` checks it, `inspect` describes it. `train` learns models from some
files, which make all files of their kind smaller. Errors are classes of `baler_root.errors`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from baler_root import errors

__version__ = "0.1.0"

_MODULES = {
    "HardwareLimits": "baler_root.training.hardware.limits",
    "LatentOptions": "baler_root.training.options",
    "ModelReuse": "baler_root.api.options",
    "Rules": "baler_root.compression.rules.rules",
    "TrainingOptions": "baler_root.training.options",
    "compress": "baler_root.api.compress",
    "concatenate": "baler_root.dataset",
    "decompress": "baler_root.api.decompress",
    "inspect": "baler_root.api.inspect",
    "iterate": "baler_root.dataset",
    "merge": "baler_root.api.merge",
    "open": "baler_root.dataset",
    "recover": "baler_root.api.recover",
    "train": "baler_root.api.train",
    "verify": "baler_root.api.verify",
}
"""Where each public name lives; modules are imported when first used, so that `import baler_root` is
quick."""

__all__ = [
    "HardwareLimits",
    "LatentOptions",
    "ModelReuse",
    "Rules",
    "TrainingOptions",
    "__version__",
    "compress",
    "concatenate",
    "decompress",
    "errors",
    "inspect",
    "iterate",
    "merge",
    "open",
    "recover",
    "train",
    "verify",
]

if TYPE_CHECKING:
    from baler_root.api.compress import compress
    from baler_root.api.decompress import decompress
    from baler_root.api.inspect import inspect
    from baler_root.api.merge import merge
    from baler_root.api.options import ModelReuse
    from baler_root.api.recover import recover
    from baler_root.api.train import train
    from baler_root.api.verify import verify
    from baler_root.compression.rules.rules import Rules
    from baler_root.dataset.file import open  # noqa: A004 - as in uproot
    from baler_root.dataset.multiple_files import concatenate, iterate
    from baler_root.training.hardware.limits import HardwareLimits
    from baler_root.training.options import LatentOptions, TrainingOptions


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'baler_root' has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
