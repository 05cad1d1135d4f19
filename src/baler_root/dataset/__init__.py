"""Files, trees and branches of `.baler` files, read with the names, defaults and results of uproot."""

from __future__ import annotations

from baler_root.dataset.file import Directory, File, open  # noqa: A004  # uproot's name
from baler_root.dataset.many import concatenate, iterate
from baler_root.dataset.tree import Branch, Tree

__all__ = ["Branch", "Directory", "File", "Tree", "concatenate", "iterate", "open"]
