"""Limits of the format, which bound the memory of a reader (formats/container.md#limits)."""

from __future__ import annotations

MAX_MANIFEST_LENGTH = 1 << 24
"""Most bytes of a decoded manifest, and of the JSON of a model."""


MAX_JSON_ITEMS = 1 << 21
"""Most brackets, commas and colons in the JSON of a manifest or a model, strings included."""


MAX_JSON_DEPTH = 192
"""Most lists and objects inside one another in JSON."""


MAX_TREES = 1 << 12
"""Most trees of a file."""


MAX_REPEATED_TREES = 1 << 6
"""Most trees of a file that repeat others: each decodes the pages of another tree again."""


MAX_BRANCHES = 1 << 17
"""Most branches of all trees of a file."""


MAX_BRANCH_DEPTH = 64
"""Most branches inside one another."""


MAX_PATHS_LENGTH = 1 << 24
"""Most characters in the paths of all branches of a file: each path repeats the names of the parents."""


MAX_FORM_NODES = 1 << 18
"""Most nodes in the forms of all branches of a file."""


MAX_FORM_DEPTH = 64
"""Most nodes inside one another in a form."""


MAX_AXES = 32
"""Most axes of a fixed-size array, without that of the rows."""


MAX_PAGE_LENGTH = 1 << 28
"""Most bytes of the decoded columns of a page, and of its directory."""


MAX_COLUMN_LENGTH = 1 << 28
"""Most values of a column in one cluster."""


MAX_EXPANSION = 1 << 16
"""Largest ratio of decoded to compressed size of a zstd frame; zstd itself stays below it."""
