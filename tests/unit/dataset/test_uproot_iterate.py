"""Iteration and reports: the chunks that uproot gives for the original."""

from __future__ import annotations

from typing import Any

import awkward as ak

from tests.helpers.compare import assert_same
from tests.helpers.uproot_pairs import Pair, both


def test_iterate_by_entries(pair: Pair) -> None:
    names = [name for name in (pair.sample.flat, pair.sample.jagged) if name]
    stop = 1000
    for step in (7, 333, 10**6):
        both(
            pair, lambda t, step=step: list(t.iterate(names, step_size=step, entry_start=3, entry_stop=stop))
        )
    both(
        pair,
        lambda t: list(t.iterate(filter_name=pair.sample.glob, step_size=400, entry_stop=stop, how=dict)),
    )
    cut = f"{pair.sample.flat} > 1"
    both(pair, lambda t: list(t.iterate(names, cut, step_size=400, entry_stop=stop, library="np")))


def test_iterate_across_the_whole_tree(pair: Pair) -> None:
    """Steps that fit neither clusters nor baskets."""
    step = max(1, pair.theirs.num_entries // 5 - 1)
    both(pair, lambda t: list(t.iterate([pair.sample.flat], step_size=step)))


def test_iterate_by_memory(pair: Pair) -> None:
    """Sizes in memory differ from sizes in baskets; what is read does not."""
    names = [name for name in (pair.sample.flat, pair.sample.jagged) if name]
    parts = list(pair.ours.iterate(names, step_size="50 kB"))
    size = parts[0].nbytes
    assert len(parts) == 1 or 5_000 < size < 500_000
    assert_same(ak.concatenate(parts), pair.theirs.arrays(names))


def test_reports(pair: Pair) -> None:
    def reports(tree: Any) -> list[Any]:
        pairs = tree.iterate([pair.sample.flat], step_size=30, entry_start=10, entry_stop=100, report=True)
        return [
            (array, r.start, r.stop, r.tree_entry_start, r.global_entry_stop, r.tree.name)
            for array, r in pairs
        ]

    both(pair, reports)
