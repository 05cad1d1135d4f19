"""The coverage benchmark compares baskets one by one, with all that readers take from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

coverage = pytest.importorskip("benchmarks.run.coverage", reason="benchmarks/ is not on the path")


@dataclass(frozen=True)
class Basket:
    data: bytes
    entries: int
    offsets: tuple[int, ...] | None = None
    key: int = 70

    @property
    def byte_offsets(self) -> Any:
        return None if self.offsets is None else np.array(self.offsets)

    def member(self, name: str) -> int:
        assert name == "fKeylen"
        return self.key


class Branch:
    """A branch with the part of uproot's interface that gives baskets."""

    def __init__(self, *baskets: Basket) -> None:
        self.baskets = baskets
        self.num_baskets = len(baskets)

    def basket(self, number: int) -> Basket:
        return self.baskets[number]

    def basket_entry_start_stop(self, number: int) -> tuple[int, int]:
        start = sum(basket.entries for basket in self.baskets[:number])
        return start, start + self.baskets[number].entries


FIRST, SECOND = Basket(b"abcd", 2, (0, 1, 4)), Basket(b"efgh", 2, (0, 2, 4))

OTHER = {
    "other entries of a basket": (replace(FIRST, entries=1), replace(SECOND, entries=3)),
    "other bytes of a basket": (replace(FIRST, data=b"abc"), replace(SECOND, data=b"defgh")),
    "other byte offsets of a basket": (FIRST, replace(SECOND, offsets=(0, 1, 4))),
    "other length of the key of a basket": (FIRST, replace(SECOND, key=71)),
}


def test_equal_baskets_are_raw() -> None:
    assert coverage.compare_baskets(Branch(FIRST, SECOND), Branch(FIRST, SECOND)) == coverage.RAW


@pytest.mark.parametrize("result", OTHER)
def test_each_part_of_a_basket_is_compared(result: str) -> None:
    assert coverage.compare_baskets(Branch(FIRST, SECOND), Branch(*OTHER[result])) == result


@pytest.mark.parametrize(
    "other", [(FIRST,), (FIRST, SECOND, SECOND), (FIRST, replace(SECOND, offsets=None))], ids=len
)
def test_missing_baskets_and_offsets_are_a_difference(other: tuple[Basket, ...]) -> None:
    assert coverage.compare_baskets(Branch(FIRST, SECOND), Branch(*other)) != coverage.RAW
    assert coverage.compare_baskets(Branch(FIRST), None) == "missing"
