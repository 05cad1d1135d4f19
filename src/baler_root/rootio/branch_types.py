"""Types of branches of a TTree: leaves, strings and vectors as ROOT streams them, and members of records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from baler_root.rootio.leaves import LETTERS, Leaf
from baler_root.rootio.raw.branch_record import Record
from baler_root.rootio.raw.object_bytes import Encoding
from baler_root.rootio.raw.record_writer import OutputRecord

_DIMENSIONS = re.compile(r"([^\[\]]+)(\[[^\[\]]*\])+")


_TYPENAMES = {
    "O": "bool", "B": "int8_t", "b": "uint8_t", "S": "int16_t", "s": "uint16_t", "I": "int32_t", "i": "uint32_t",
    "L": "int64_t", "l": "uint64_t", "F": "float", "D": "double", "C": "char*",
}  # fmt: skip
"""uproot's name of what each kind of leaf holds."""


_CLASS_NAMES = {
    "O": "bool", "B": "char", "b": "unsigned char", "S": "short", "s": "unsigned short", "I": "int", "i": "unsigned int",
    "L": "Long64_t", "l": "ULong64_t", "F": "float", "D": "double",
}  # fmt: skip
"""ROOT's name of each kind of number in a template argument."""


_STRING_CLASSES = {"std::string": "string", "TString": "TString"}
"""ROOT's class of strings, by uproot's name."""


_MAP_MEMBERS = ("first", "second")


_LISTS = (None, "set", "bitset")
"""Kinds of lists that are written as vectors: ROOT cannot read most sets without a dictionary."""


class NoLeafError(Exception):
    """Reason why a TTree cannot hold a type."""


@dataclass(frozen=True, slots=True)
class Part:
    """A branch to write, of all values of a branch of the source or of a member of its records."""

    name: str
    members: tuple[str, ...]
    """Members of records that lead to these values; empty for all values."""
    kind: Any
    """Awkward type of the values."""


def leaf_name(name: str) -> str:
    """Name of the leaf of a branch, without brackets, which would be taken for dimensions."""
    match = _DIMENSIONS.fullmatch(name)
    return match[1] if match else re.sub(r"[\[\]]", "_", name)


def natural_typename(leaf: Leaf, *, is_jagged: bool) -> str:
    """uproot's type name of a branch with this one leaf."""
    return _TYPENAMES[leaf.letter] + "[]" * is_jagged + "".join(f"[{n}]" for n in leaf.shape)


def leaves_of(name: str, kind: Any) -> tuple[list[Leaf], bool]:
    """The leaves of a branch of this awkward type, and whether it is a list.

    Raises NoLeafError for a type that is not made of leaves.
    """
    import awkward as ak

    if kind.parameter("__array__") == "string":
        return [Leaf(leaf_name(name), None)], False
    if isinstance(kind, ak.types.ListType):
        if kind.parameter("__array__") is not None:
            raise NoLeafError(f"a {kind.parameter('__array__')} has no leaf type")
        return [_number(name, kind.content, "lists of ")], True
    if isinstance(kind, ak.types.RecordType):
        if kind.is_tuple or len(kind.contents) < 2:
            raise NoLeafError("a record needs two or more named members to be a leaf list")
        leaves, offset = [], 0
        for member, content in zip(kind.fields, kind.contents, strict=True):
            leaf = _number(member, content, "records of ")
            if leaf.dtype is None or re.search(r"[\[\]/:]", member):
                raise NoLeafError("only records of plain numbers can be leaf lists")
            leaf.offset = offset
            offset += leaf.dtype.itemsize * int(np.prod(leaf.shape))
            leaves.append(leaf)
        return leaves, False
    return [_number(name, kind, "")], False


def parts_of(name: str, kind: Any, members: tuple[str, ...] = ()) -> Iterator[Part]:
    """The branches that hold values of a type: those of each member of a record, also in lists, else one.

    Members of a map are named as ROOT names them. Raises NoLeafError for records without members.
    """
    import awkward as ak

    lists = []
    inner = kind
    while isinstance(inner, ak.types.ListType | ak.types.RegularType) and (
        inner.parameter("__array__") in _LISTS
    ):
        lists.append(inner)
        inner = inner.content
    if not isinstance(inner, ak.types.RecordType):
        yield Part(name, members, kind)
        return
    if not inner.contents:
        raise NoLeafError("a branch cannot hold records without members")
    is_map = inner.parameter("__array__") == "sorted_map"
    fields = [str(i) for i in range(len(inner.contents))] if inner.is_tuple else inner.fields
    names = _MAP_MEMBERS if is_map else fields
    for member, member_name, content in zip(fields, names, inner.contents, strict=True):
        wrapped = content
        for level in reversed(lists):
            if isinstance(level, ak.types.RegularType):
                wrapped = ak.types.RegularType(wrapped, level.size)
            else:
                wrapped = ak.types.ListType(wrapped)
        yield from parts_of(f"{name}.{member_name}", wrapped, (*members, member))


def number_of(part: Part) -> Leaf | None:
    """The leaf of a branch of numbers or arrays of fixed size; None for another type."""
    try:
        leaves, is_list = leaves_of(part.name, part.kind)
    except NoLeafError:
        return None
    return leaves[0] if not is_list and len(leaves) == 1 and leaves[0].dtype is not None else None


def has_leaves(name: str, typename: str, kind: Any) -> bool:
    """Whether a branch of this name and type is written as leaves, not streamed or as members.

    Vectors and strings are streamed as in the source; `typename` is uproot's name of its type. So are lists
    whose leaf has not the name of the branch, since ROOT does not read those.
    """
    try:
        leaves, is_list = leaves_of(name, kind)
    except NoLeafError:
        return False
    if is_list and leaves[0].shape:
        return True
    is_streamed = typename in _STRING_CLASSES or typename.startswith("std::vector<")
    return not is_streamed and not (is_list and leaves[0].name != name)


def streamed_branch(part: Part, title: str, position: int, typename: str) -> tuple[OutputRecord, str]:
    """A branch of strings or containers as ROOT streams them, and uproot's name of its type.

    `position` and `typename` are those of the branch of the source. Raises NoLeafError for another type.
    """
    encoding, classname, written = _streamed(part.kind, "TString" if "TString" in typename else "std::string")
    if "string" not in encoding:
        encoding = {"versioned": encoding, "version": f"{_VECTOR_VERSION:04x}"}
    return OutputRecord(
        part.name, title, _record(part.name, classname), position, encoding, members=part.members
    ), written


_VECTOR_VERSION = 9
"""Version in front of a streamed container: that of TStreamerInfo."""


_DO_NOT_USE_BUFFER_MAP = 1 << 22


def _record(name: str, classname: str) -> Record:
    """Description of a branch that holds objects of a class whole."""
    is_container = classname.endswith(">")
    leaf = {
        "class": "TLeafElement", "fName": leaf_name(name), "fTitle": leaf_name(name), "fLen": 1, "fLenType": 0, "fOffset": 0,
        "fIsRange": 0, "fIsUnsigned": 0, "fLeafCount": None, "fID": -1, "fType": -1,
    }  # fmt: skip
    return {
        "class": "TBranchElement", "fBits": _DO_NOT_USE_BUFFER_MAP, "fBasketSize": 32000, "fEntryOffsetLen": 1000,
        "fOffset": 0, "fSplitLevel": 0, "fFirstEntry": 0, "fIOBits": 0, "fLeaves": [leaf], "fClassName": classname,
        "fParentName": "", "fClonesName": "", "fCheckSum": 0, "fClassVersion": 6 if is_container else 2, "fID": -1,
        "fType": 0 if is_container else -1, "fStreamerType": -1, "fMaximum": 0, "fBranchCount": None,
        "fBranchCount2": None,
    }  # fmt: skip


def _streamed(kind: Any, string: str) -> tuple[Encoding, str, str]:
    """Encoding of a type, ROOT's name of its class, and uproot's; strings are of this type of uproot's."""
    import awkward as ak

    array = kind.parameter("__array__")
    if array == "string":
        return {"string": 1}, _STRING_CLASSES[string], string
    if isinstance(kind, ak.types.ListType) and array in _LISTS:
        inner, classname, typename = _streamed(kind.content, string)
        space = " " * classname.endswith(">")
        return {"counted": inner}, f"vector<{classname}{space}>", f"std::vector<{typename}>"
    leaf = _number("", kind, "lists of ")
    if leaf.shape or leaf.dtype is None:
        raise NoLeafError("a branch cannot hold lists of lists of arrays of fixed size")
    number = leaf.dtype.newbyteorder(">").str
    return {"number": number}, _CLASS_NAMES[leaf.letter], _TYPENAMES[leaf.letter]


def _number(name: str, kind: Any, prefix: str) -> Leaf:
    import awkward as ak

    shape: tuple[int, ...] = ()
    while isinstance(kind, ak.types.RegularType) and kind.parameter("__array__") is None:
        shape += (kind.size,)
        kind = kind.content
    if not isinstance(kind, ak.types.NumpyType):
        type_name = {
            ak.types.ListType: "strings" if kind.parameter("__array__") else "lists",
            ak.types.RecordType: "records",
            ak.types.OptionType: "optional values",
            ak.types.UnionType: "unions",
            ak.types.UnknownType: "values of unknown type",
        }.get(type(kind), str(kind))
        raise NoLeafError(f"a leaf cannot hold {prefix}{type_name}")
    dtype = np.dtype(kind.primitive)
    if 0 in shape:
        raise NoLeafError("a leaf cannot have zero values")
    if dtype.str[1:].replace("b1", "?") not in LETTERS:
        raise NoLeafError(f"{prefix}{dtype} has no leaf type")
    return Leaf(leaf_name(name), dtype, shape)
