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


MAX_OBJECTS_LENGTH = 1 << 28
"""Most bytes of the ROOT file of carried objects."""


MAX_COLUMN_LENGTH = 1 << 28
"""Most values of a column in one cluster."""


MAX_PARENTS = 1 << 8
"""Most parents of a column in a model."""


MAX_COMPONENTS = 1 << 4
"""Most components of a mixture."""


MAX_CONTEXTS, MAX_ALL_CONTEXTS = 1 << 12, 1 << 16
"""Most contexts of the histograms of a column, and of all columns of a model."""


MAX_ROOTS, MAX_ALL_ROOTS = 1 << 18, 1 << 22
"""Most roots of the histograms of a column, and of all columns of a model: each takes 24 bytes in memory."""


MAX_WEIGHTS = 1 << 24
"""Most weights of all networks of a model: each takes up to 8 bytes in memory."""


MAX_NET_PRODUCTS = 1 << 16
"""Most multiplications for each row in the network of one column."""


MAX_PAGE_PRODUCTS = 1 << 38
"""Most multiplications for a page in the networks of its columns."""


MAX_LATENT_PRODUCTS = 1 << 42
"""Most multiplications for a page in the decoder of its latents."""


MAX_MIXING_SOURCES, MAX_MIXING_KINDS = 8, 7
"""Most sources of the contexts of a column that is coded by mixing, and most kinds of contexts, besides the
one without sources."""


MAX_MIXING_ROWS = 1 << 22
"""Most values of a column that is coded by mixing: a reader holds up to 60 bytes for each of them."""


MAX_MIXING_COUNTERS, MIXING_COUNTERS_PER_ROW = 1 << 13, 1 << 6
"""Most counters of the contexts of a column, and more for each of its rows: values earn the memory."""


MAX_EXPANSION = 1 << 16
"""Largest ratio of decoded to compressed size of a zstd frame; zstd itself stays below it."""
