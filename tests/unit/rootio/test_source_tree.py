"""Open trees: their first entries are given up in a copy, since trees with the same baskets share them."""

from __future__ import annotations

import awkward as ak
import numpy as np

from baler_root.rootio.source import RootSource
from tests.helpers.root_files import Make


def test_a_tree_without_first_entries_leaves_the_tree_as_it_is(make_root: Make) -> None:
    path = make_root("a.root", Events={"x": np.arange(50)})
    with RootSource(path) as root:
        tree = root.open_tree("Events;1")
        (branch,) = tree.schema.stored()
        bare = tree.without_first_entries()
        assert not bare.first_entries
        assert len(tree.first_entries[branch]) == 50
        assert ak.array_equal(bare.read([branch], 0, 50)[branch], tree.first_entries[branch])
