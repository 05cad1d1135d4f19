"""Files, trees and branches of `.baler` files, read with the names, defaults and results of uproot.

Where the results differ from uproot's on the original file:

- Arrays come as uproot interpreted the branches; another interpretation cannot be chosen.
- `library="np"`: objects such as TLorentzVector are structured values, not instances of Python classes.
- Groups in groups of branches can be read on their own.
- RNTuples: formulas, aliases and cuts work; an expression that is not the name of a field is an error.
- `concatenate` of files without entries gives an empty array of the right type.
- There are no arguments for uproot's caches, executors and virtual arrays.
"""

from __future__ import annotations

from baler_root.dataset.branch import Branch
from baler_root.dataset.directory import Directory
from baler_root.dataset.file import File, open  # noqa: A004  # uproot's name
from baler_root.dataset.multiple_files import concatenate, iterate
from baler_root.dataset.tree import Tree

__all__ = ["Branch", "Directory", "File", "Tree", "concatenate", "iterate", "open"]
