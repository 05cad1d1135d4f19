"""Finds how uproot's arrays become the bytes again that they were read from (`object_bytes`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from baler_root.rootio.raw.object_bytes import Encoding, encode, packed

_INNER = ("items", "counted", "versioned", "regular")


def find_encoding(branch: Any, array: Any, raw: Any, *, used: bool = True) -> Encoding | None:
    """The encoding of a branch of uproot, by which some entries (`array`) become their bytes (`raw`) again.

    None if no encoding is known. With `used`, also if there is a template or version that no record in these
    entries has: their bytes would be unknown. Without, such bytes are zeros.
    """
    try:
        layout = packed(array)
        entries = raw.to_list()
        expected = b"".join(entries)
        for candidate in _candidates(branch, layout, expected):
            if used and not _all_used(candidate, layout):
                continue
            encoding = _filled_from(candidate, layout, expected)
            data, offsets = encode(encoding, layout)
            if data.tobytes() == expected and np.diff(offsets).tolist() == list(map(len, entries)):
                return encoding
    except Exception:  # noqa: BLE001 - uproot has many interpretations; those without encoding are written otherwise
        return None
    return None


def _candidates(branch: Any, layout: Any, expected: bytes) -> Iterator[Encoding]:
    """Encodings that may belong to an interpretation, with zeros for bytes that all records share."""
    from uproot.interpretation import jagged, numerical, objects, strings

    interpretation = branch.interpretation
    if type(interpretation) is numerical.AsDtype:
        yield _of_dtype(interpretation.from_dtype)
    elif type(interpretation) is strings.AsStrings and interpretation.header_bytes == 0:
        yield {"string": 1}
    elif type(interpretation) is strings.AsStrings and interpretation.header_bytes == 6:
        yield {"versioned": {"string": 1}, "version": "0000"}
    elif type(interpretation) is objects.AsStridedObjects:
        yield _of_strided(interpretation)
    elif type(interpretation) is jagged.AsJagged:
        content = interpretation.content
        inner = _of_dtype(content.from_dtype) if type(content) is numerical.AsDtype else _of_strided(content)
        if interpretation.header_bytes == 0:
            yield {"items": inner}
        elif interpretation.header_bytes == 10:
            yield {"versioned": {"counted": inner}, "version": "0000"}
    elif type(interpretation) is objects.AsObjects:
        model = interpretation._model
        model = getattr(model, "_model", model)
        empty = _of_model(model, layout, branch.file, 0, len(expected) // max(1, len(layout)))
        surplus = len(expected) - len(encode(empty, layout)[0])
        records = _num_records(empty, layout)
        front = surplus // records if records and surplus > 0 and surplus % records == 0 else 0
        yield _of_model(model, layout, branch.file, front, len(expected) // max(1, len(layout)))


def _of_dtype(dtype: np.dtype[Any]) -> Encoding:
    base, shape = dtype.subdtype or (dtype, ())
    if base.names is not None:
        raise ValueError("several leaves")
    return {"number": base.str, **({"shape": list(shape)} if shape else {})}


def _of_strided(interpretation: Any, front: int = 0) -> Encoding:
    """Records of one size; the names of members that awkward arrays leave out begin with `@`."""
    dtype = np.dtype(interpretation.from_dtype)
    base, shape = dtype.subdtype or (dtype, ())
    members = [
        [name, base.fields[name][0].str, front + base.fields[name][1]]
        for name in base.names
        if "@" not in name
    ]
    encoding: Encoding = {"template": bytes(front + base.itemsize).hex(), "at": members}
    for _ in shape:
        encoding = {"regular": encoding}
    return encoding


def _places(dtype: Any, front: int) -> list[list[Any]]:
    """Name, dtype and place of each member of a structured dtype, behind so many bytes."""
    return [[name, dtype.fields[name][0].str, front + dtype.fields[name][1]] for name in dtype.names]


def _num_records(encoding: Encoding, layout: Any) -> int:
    """Number of records that a template is used for."""
    marked = [
        b"\1" * (len(level[key]) // 2) if key == "template" else b"" for level, key in _shared(encoding)
    ]
    longer = [part + b"\1" if part else b"" for part in marked]
    return len(encode(_filled(encoding, longer), layout)[0]) - len(
        encode(_filled(encoding, marked), layout)[0]
    )


def _of_model(model: Any, layout: Any, file: Any, front: int, entry_size: int) -> Encoding:
    """The encoding that belongs to a model of uproot: a number, string, container, or class of fixed size.

    Records of plain numbers have so many bytes in `front` of these: counts of bytes, and versions of the
    class and its bases.
    """
    from uproot import containers

    if isinstance(model, np.dtype | str):
        return _of_dtype(np.dtype(model))
    encoding: Encoding
    if isinstance(model, containers.AsVector | containers.AsSet):
        inner = model.values if isinstance(model, containers.AsVector) else model.keys
        encoding = {"counted": _of_model(inner, layout.content, file, front, 0)}
    elif isinstance(model, containers.AsString):
        encoding = {"string": 1}
    elif isinstance(model, containers.AsArray) and not model.inner_shape:
        encoding = {"items": _of_model(model.values, layout.content, file, front, 0)}
    elif isinstance(model, containers.AsDynamic):
        strided = _strided_of_class(model.model, file)
        return _of_strided(strided, entry_size - np.dtype(strided.from_dtype).itemsize)
    elif isinstance(model, type) and layout.is_record and _is_flat(layout):
        dtype = np.dtype([(name, _dtype_of(layout.content(name))) for name in layout.fields])
        members = _places(dtype, front)
        return {"template": bytes(front + dtype.itemsize).hex(), "at": members}
    elif isinstance(model, type):
        return _of_strided(_strided_of_class(model, file))
    else:
        raise TypeError(f"no encoding of {model}")
    header = getattr(model, "header", False)
    return {"versioned": encoding, "version": "0000"} if header else encoding


def _strided_of_class(model: Any, file: Any) -> Any:
    """uproot's interpretation of a class as records of one size; raises an error where it has none."""
    versions = getattr(model, "known_versions", None)
    cls = versions[max(versions)] if versions else model
    return cls.strided_interpretation(file, header=False, tobject_header=True, breadcrumbs=())


def _is_flat(layout: Any) -> bool:
    return bool(layout.fields) and all(layout.content(name).is_numpy for name in layout.fields)


def _dtype_of(layout: Any) -> Any:
    return np.dtype(layout.dtype).newbyteorder(">")


def _filled_from(encoding: Encoding, layout: Any, expected: bytes) -> Encoding:
    """The encoding with the bytes that all records share as they are in `expected`.

    Each such place is found by a change there. Raises ValueError for bytes of another length.
    """
    places = list(_shared(encoding))
    zeros, _ = encode(encoding, layout)
    if len(zeros) != len(expected):
        return encoding
    blank = [bytes.fromhex(level[key]) for level, key in places]
    values = [*blank]
    for number, value in enumerate(blank):
        ones = [*blank]
        ones[number] = b"\xff" * len(value)
        changed = np.flatnonzero(encode(_filled(encoding, ones), layout)[0] != zeros)
        if len(changed):
            start = int(changed[0]) - _first_shared(places[number][0])
            values[number] = expected[start : start + len(value)]
    return _filled(encoding, values)


def _all_used(encoding: Encoding, layout: Any) -> bool:
    """Whether each template and version is that of at least one record: longer ones would need more bytes."""
    blank = [bytes.fromhex(level[key]) for level, key in _shared(encoding)]
    size = len(encode(encoding, layout)[0])
    for number, value in enumerate(blank):
        longer = [*blank[:number], value + b"\0", *blank[number + 1 :]]
        if len(encode(_filled(encoding, longer), layout)[0]) == size:
            return False
    return True


def _shared(encoding: Encoding) -> Iterator[tuple[Encoding, str]]:
    """The levels that have bytes of their own, outermost first, and their keys."""
    for key in ("version", "template"):
        if key in encoding:
            yield encoding, key
    for key in _INNER:
        if key in encoding:
            yield from _shared(encoding[key])


def _first_shared(level: Encoding) -> int:
    """Place of the first byte that is not of a number."""
    if "template" not in level:
        return 0
    taken = {place + i for _, name, place in level["at"] for i in range(np.dtype(name).itemsize)}
    return next((i for i in range(len(level["template"]) // 2) if i not in taken), 0)


def _filled(encoding: Encoding, values: list[bytes]) -> Encoding:
    """The encoding with these bytes at the places of `_shared`."""
    remaining = iter(values)

    def fill(level: Encoding) -> Encoding:
        filled = dict(level)
        for key in ("version", "template"):
            if key in level:
                filled[key] = next(remaining).hex()
        for key in _INNER:
            if key in level:
                filled[key] = fill(level[key])
        return filled

    return fill(encoding)
