"""Descriptions of branches are checked as a whole, and refused before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from baler_root.errors import CorruptFileError
from baler_root.format.schema import Branch, Tree
from baler_root.rootio.raw.branch_record import LEAF_NUMBERS, expand
from baler_root.rootio.raw.record_layout import described_branches


def branch_of(**leaf: Any) -> dict[str, Any]:
    """A description of a branch with one leaf."""
    return {"class": "TBranch", "fLeaves": [{"class": "TLeafI", **leaf}]}


NOT_VALID: list[Any] = [
    *({}, 5, {"class": "TBranch"}, {"class": "TBranch", "fLeaves": [5]}),
    {"class": "TBranch", "fLeaves": [{"class": "X"}]},
    {"class": "TBranch", "fLeaves": [], "fBits": -1},
    {"class": "TBranchElement", "fLeaves": [], "fBranchCount": 3},
    *(branch_of(fLeafCount=counter) for counter in ([1], [None, 0], [0, None], [0, -1], [0, "0"], [3, 0], 5)),
    *(branch_of(**{name: value}) for name in ("fIsRange", "fIsUnsigned") for value in ([1], "x", 2, 0.5, {})),
    branch_of(**{"class": "TLeafObject", "fVirtual": [0]}),
    *(branch_of(**{"class": f"TLeaf{letter}", "fMaximum": [1]}) for letter in "OBSILGFDC"),
    branch_of(**{"class": "TLeafF", "fMaximum": 1e300}),
    branch_of(fMaximum=1 << 31),
]


@pytest.mark.parametrize("description", NOT_VALID, ids=str)
def test_a_description_that_is_not_valid_is_refused(description: Any) -> None:
    with pytest.raises(CorruptFileError):
        expand(description, 3)


@pytest.mark.parametrize("name", LEAF_NUMBERS)
@pytest.mark.parametrize("flag", [True, False, 0, 1])
def test_flags_are_truth_values(name: str, flag: Any) -> None:
    leaf = expand(branch_of(**{"class": name, "fIsRange": flag}), 1)["fLeaves"][0]
    assert leaf["fIsRange"] == flag


def tree_of(*records: Any) -> Tree:
    branches = tuple(Branch(f"b{n}", None, "int32_t", record=record) for n, record in enumerate(records))
    return Tree("t", 1, "TTree", title="", num_entries=3, branches=branches)


@pytest.mark.parametrize("counter", [[0, 1], [0, 5], [1, 1], [1, 1 << 40]])
def test_a_leaf_is_counted_by_a_leaf_that_exists(counter: list[int]) -> None:
    """Counters may be in any branch, before and behind the one that is counted, or in itself."""
    for records in (
        (branch_of(), branch_of(fLeafCount=counter)),
        (branch_of(fLeafCount=counter), branch_of()),
    ):
        with pytest.raises(CorruptFileError, match=r"counted by leaf \d+ of branch [01], which has 1 leaves"):
            described_branches(tree_of(*records))
    described_branches(tree_of(branch_of(), branch_of(fLeafCount=[counter[0], 0])))
