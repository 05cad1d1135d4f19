"""Descriptions of TBranches, from which a branch can be written again (formats/container.md#raw-branches).

A description is plain JSON that has the names of ROOT's members. Branches and leaves that others point to are
given by their positions.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from baler_root.errors import CorruptFileError, SourceError

Record = dict[str, Any]


BRANCH = {
    "fBits": "I", "fBasketSize": "i", "fEntryOffsetLen": "i", "fOffset": "i", "fSplitLevel": "i", "fFirstEntry": "q", "fIOBits": "B",
}  # fmt: skip
"""Numbers of a TBranch, with their types as in `struct`."""


ELEMENT = {
    "fCheckSum": "I", "fClassVersion": "h", "fID": "i", "fType": "i", "fStreamerType": "i", "fMaximum": "i",
}  # fmt: skip
"""Numbers of a TBranchElement."""


ELEMENT_TEXTS = ("fClassName", "fParentName", "fClonesName")


LEAF = {"fLen": "i", "fLenType": "i", "fOffset": "i", "fIsRange": "?", "fIsUnsigned": "?"}
"""Numbers of a TLeaf."""


LEAF_NUMBERS: Mapping[str, Mapping[str, str]] = {
    "TLeafElement": {"fID": "i", "fType": "i"},
    "TLeafObject": {"fVirtual": "?"},
    **{
        f"TLeaf{letter}": {"fMinimum": code, "fMaximum": code}
        for letter, code in zip("OBSILGFDC", "?bhiqqfdi", strict=True)
    },
    "TLeafF16": {},
    "TLeafD32": {},
}
"""Further numbers of each class of leaf."""


LEAF_VERSIONS = {"TLeafObject": 4}
"""Versions of the classes of leaves that ROOT writes; 1 for all others."""


CLASSES = ("TBranch", "TBranchElement", "TBranchObject")


def describe_branches(branches: Sequence[Any]) -> dict[int, Record]:
    """The description of each branch of a TTree of uproot, by its position.

    Branches of other classes than ROOT's usual ones are left out.
    """
    positions = {id(branch): position for position, branch in enumerate(branches)}
    leaves = {
        id(leaf): [position, number]
        for position, branch in enumerate(branches)
        for number, leaf in enumerate(branch.member("fLeaves"))
    }
    records = {}
    for position, branch in enumerate(branches):
        try:
            records[position] = _describe(branch, positions, leaves)
        except SourceError:
            continue
    return records


def _describe(branch: Any, positions: Mapping[int, int], leaves: Mapping[int, list[int]]) -> Record:
    name = branch.classname
    if name not in CLASSES:
        raise SourceError(f"a branch of class {name} cannot be written again")
    record: Record = {"class": name, "fBits": int(_member(branch, "@fBits"))}
    for member in BRANCH:
        if member == "fIOBits":
            features = branch.has_member("fIOFeatures")
            record[member] = int(branch.member("fIOFeatures").member("fIOBits")) if features else 0
        elif member != "fBits":
            record[member] = int(branch.member(member))
    record["fLeaves"] = [_describe_leaf(leaf, leaves) for leaf in branch.member("fLeaves")]
    if name == "TBranchObject":
        record["fClassName"] = str(branch.member("fClassName"))
    if name == "TBranchElement":
        for member in ELEMENT_TEXTS:
            record[member] = str(branch.member(member))
        for member in ELEMENT:
            record[member] = int(branch.member(member))
        for member in ("fBranchCount", "fBranchCount2"):
            record[member] = positions.get(id(branch.member(member)))
        # uproot cannot point to a branch that it has not read to its end: a counter above its items
        if record["fBranchCount"] is None and record["fType"] in (31, 41):
            record["fBranchCount"] = positions.get(id(branch.parent))
    return record


def _describe_leaf(leaf: Any, leaves: Mapping[int, list[int]]) -> Record:
    name = leaf.classname
    if name not in LEAF_NUMBERS:
        raise SourceError(f"a leaf of class {name} cannot be written again")
    record: Record = {"class": name, "fName": leaf.member("fName"), "fTitle": leaf.member("fTitle")}
    for member in LEAF:
        record[member] = int(leaf.member(member))
    for member in LEAF_NUMBERS[name]:
        value = leaf.member(member)
        record[member] = float(value) if name in ("TLeafF", "TLeafD") else int(value)
    counter = leaf.member("fLeafCount")
    record["fLeafCount"] = None if counter is None else leaves.get(id(counter))
    if counter is not None and record["fLeafCount"] is None:
        raise SourceError(f"the counter of leaf {record['fName']!r} is in no branch")
    return record


def _member(model: Any, name: str) -> Any:
    """A member of a model or of its bases; uproot keeps those of TObject under names with `@`."""
    return model.all_members[name]


def pointed_to(record: Record) -> set[int]:
    """Positions of the branches that a description points to."""
    counters = [record.get("fBranchCount"), record.get("fBranchCount2")]
    counters += [leaf["fLeafCount"] and leaf["fLeafCount"][0] for leaf in record["fLeaves"]]
    return {position for position in counters if position is not None}


def check_record(record: Any, branches: int) -> None:
    """Raise CorruptFileError unless this is a description of one of so many branches."""
    try:
        _check_class(record["class"])
        _check_numbers(record, BRANCH)
        if record["class"] == "TBranchElement":
            _check_numbers(record, ELEMENT)
            _check_texts(record, ELEMENT_TEXTS)
            for member in ("fBranchCount", "fBranchCount2"):
                _check_position(record[member], branches)
        if record["class"] == "TBranchObject":
            _check_texts(record, ("fClassName",))
        for leaf in record["fLeaves"]:
            _check_texts(leaf, ("fName", "fTitle"))
            _check_numbers(leaf, {**LEAF, **LEAF_NUMBERS[leaf["class"]]})
            if leaf["fLeafCount"] is not None:
                _check_counter(leaf["fLeafCount"], branches)
    except CorruptFileError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"the description of a branch is not valid ({type(error).__name__}: {error})"
        ) from None


def _check_class(name: Any) -> None:
    if name not in CLASSES:
        raise CorruptFileError(f"a branch of class {name!r:.40}")


def _check_numbers(record: Record, codes: Mapping[str, str]) -> None:
    for name, code in codes.items():
        value = record[name]
        try:
            struct.pack(f">{code}", value)
            valid = code != "?" or (type(value) in (bool, int) and value in (0, 1))
        except (struct.error, OverflowError):
            valid = False
        if not valid:
            raise CorruptFileError(f"{name} of a branch is {value!r:.40}")


def _check_texts(record: Record, names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(record[name], str):
            raise CorruptFileError(f"{name} of a branch is {record[name]!r:.40}")


def _check_position(value: Any, length: int) -> None:
    if value is not None and (type(value) is not int or not 0 <= value < length):
        raise CorruptFileError(f"a branch points to branch {value!r:.40} of {length}")


def _check_counter(counter: Any, branches: int) -> None:
    position, number = counter
    if position is None or type(number) is not int or number < 0:
        raise CorruptFileError(f"a leaf is counted by {counter!r:.40}")
    _check_position(position, branches)


def check_counters(records: Mapping[int, Record]) -> None:
    """Raise CorruptFileError if a leaf of these descriptions is counted by a leaf that does not exist."""
    for record in records.values():
        for leaf in record["fLeaves"]:
            if leaf["fLeafCount"] is None:
                continue
            position, number = leaf["fLeafCount"]
            if position in records and number >= (leaves := len(records[position]["fLeaves"])):
                raise CorruptFileError(
                    f"leaf {leaf['fName']!r:.40} is counted by leaf {number} of branch {position}, "
                    f"which has {leaves} leaves"
                )


def compact(record: Record) -> Record:
    """The description without members that are 0, empty or null."""
    leaves = [
        {name: value for name, value in leaf.items() if value or value == []} for leaf in record["fLeaves"]
    ]
    members = {name: value for name, value in record.items() if value}
    return {**members, "fLeaves": leaves}


def expand(record: Any, branches: int) -> Record:
    """The whole description of one of so many branches; raises CorruptFileError where it is not one."""
    if not isinstance(record, dict) or not isinstance(record.get("fLeaves"), list):
        raise CorruptFileError(f"the description of a branch is {record!r:.40}")
    zeros: Record = dict.fromkeys([*BRANCH, *ELEMENT], 0) | dict.fromkeys(ELEMENT_TEXTS, "")
    pointers = {"fBranchCount": None, "fBranchCount2": None}
    leaves = []
    for leaf in record["fLeaves"]:
        if not isinstance(leaf, dict) or not isinstance(leaf.get("class"), str):
            raise CorruptFileError(f"the description of a leaf is {leaf!r:.40}")
        numbers = {**LEAF, **LEAF_NUMBERS.get(leaf["class"], {})}
        leaves.append({**dict.fromkeys(numbers, 0), "fName": "", "fTitle": "", "fLeafCount": None, **leaf})
    whole = {**zeros, **pointers, **record, "fLeaves": leaves}
    check_record(whole, branches)
    return whole
