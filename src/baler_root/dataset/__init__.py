"""Files, trees and branches of `.baler` files, read with the names, defaults and results of uproot."""

from __future__ import annotations

from baler_root.dataset.branch import Branch
from baler_root.dataset.directory import Directory
from baler_root.dataset.file import File, open  # noqa: A004  # uproot's name
from baler_root.dataset.many import concatenate, iterate
from baler_root.dataset.tree import Tree

__all__ = ["Branch", "Directory", "File", "Tree", "concatenate", "iterate", "open"]
