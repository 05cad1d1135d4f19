"""A second reader of `.baler` files, from the texts in `formats/` alone, without code of the package.

Short, not fast. What breaks a rule of the format raises `Refused` (or what a library raises).
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import xxhash

from tests.independent_reader.binary import BIG, Bytes, need
from tests.independent_reader.classic import Symbols, classic
from tests.independent_reader.conditional import conditional
from tests.independent_reader.formulas import LISTS, Formula
from tests.independent_reader.interpolation import Interpolation
from tests.independent_reader.latents import autoencoder
from tests.independent_reader.lookups import Lookup
from tests.independent_reader.model import Model
from tests.independent_reader.predictions import Prediction
from tests.independent_reader.quantiser import Recipe

LATENT_CODECS = ("autoencoder", "transformer", "convolutional")

Form = dict[str, Any]
Spec = tuple[np.dtype[Any], tuple[int, ...]]  # type and row shape of a column
RELATIONS = {
    4: Formula,
    5: Lookup,
    7: Prediction,
}  # kinds of columns that are computed once all others are known


def primitive(name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    if name.startswith("complex"):
        return np.dtype(f"float{int(name[7:]) // 2}"), (2,)
    return np.dtype("int64" if name.startswith(("datetime64", "timedelta64")) else name), ()


def columns_of(node: Form, shape: tuple[int, ...] = ()) -> Iterator[Spec]:
    """The columns of a form, in order."""
    name = node["class"]
    if name == "NumpyArray":
        dtype, axis = primitive(node["primitive"])
        yield dtype, (*shape, *node.get("inner_shape", ()), *axis)
    elif name == "ListOffsetArray":
        yield np.dtype("uint32"), shape
    for key in ("tags", "index", "mask"):
        if key in node:
            dtype = np.dtype(node[key][0] + str(int(node[key][1:]) // 8))
            yield dtype, () if name == "BitMaskedArray" else shape
    if name not in ("RecordArray", "ByteMaskedArray", "BitMaskedArray", "UnmaskedArray"):
        shape = (*shape, node["size"]) if name == "RegularArray" else ()
    for content in node.get("contents", [node["content"]] if "content" in node else []):
        yield from columns_of(content, shape)


def unique(pairs: Any) -> dict[str, Any]:
    """A JSON object from its pairs; no NaN, which comes as text."""
    need(not isinstance(pairs, str) and len(dict(pairs)) == len(pairs), "a key twice, or NaN")
    return dict(pairs)


class Reader:
    """One file, checked and opened."""

    def __init__(self, data: bytes, beside: bytes = b"") -> None:
        """`beside`: the model file with the models that are not in this one."""
        self.data, self.beside = data, beside
        self.latents: dict[tuple[int, int, int], dict[str, Any]] = {}  # what decoded pages say of them
        need(len(data) >= 84 and data[:8] == b"\x89BLR\r\n\x1a\n", "no .baler file")
        fields = struct.unpack("<QQQQQIIHHQ8s", data[-68:])
        offset, size, xxh3, length, _, critical, _, major, _, check, magic = fields
        need(magic == b"\n\x1a\r\nRLB\x98", "no trailer: truncated?")
        need(xxhash.xxh3_64_intdigest(data[-68:-16]) == check, "checksum of the trailer")
        need((data[8:10], data[12:16], major, critical) == (b"\1\0", bytes(4), 1, 0), "needs a newer reader")
        need(length == len(data) and offset + size == length - 68, "size of the file")
        footer, sections = Bytes(self.block(offset, size, xxh3, (4, 0, 0, 0))[1]), {}
        while footer.at < len(footer.data):
            kind, zero, section = footer.unpack("IIQ")
            need(zero == 0 and kind not in sections, "section of the footer")
            sections[kind] = Bytes(footer.take(section))
        text = sections[1].packed().data.decode()
        self.manifest = json.loads(text, object_pairs_hook=unique, parse_constant=unique)
        self.table = [sections[2].unpack("QQQQQ") for _ in range(len(sections[2].data) // 40)]
        blocks = [row[:2] for row in self.table] + [tuple(block[2:]) for block in self.manifest["blocks"]]
        at = 16
        for start, part in [*sorted([*blocks, *map(tuple, self.manifest["superseded"])]), (offset, 0)]:
            need(start == at, f"hole or overlap at {at}")
            at += part

    def block(self, offset: int, size: int, digest: int | None, place: tuple[int, ...]) -> tuple[int, bytes]:
        """Codec number and payload of the block that must be there."""
        block = self.data[offset : offset + size]
        magic, kind, codec, zero, *found, length, xxh3 = struct.unpack_from("<4sBBHIIIQQ", block)
        need(magic == b"BLK\x1a" and zero == 0 and length == len(block) - 36 == size - 36, "block header")
        need(xxhash.xxh3_64_intdigest(block[:28] + block[36:]) == xxh3, "checksum of a block")
        need((kind, *found) == place and digest in (None, xxh3), "another block than expected")
        return codec, block[36:]

    def other(self, kind: int, tree: int = 0) -> bytes:
        """Unpacked content of the last block of a kind that is not a page; empty if there is none."""
        found = [block[2:] for block in self.manifest["blocks"] if block[:2] == [kind, tree]]
        return Bytes(self.block(*found[-1], None, (kind, tree, 0, 0))[1]).packed().data if found else b""

    @cached_property
    def models(self) -> dict[bytes, bytes]:
        """The models, by the first bytes of their SHA-256."""
        blocks = [block for block in self.manifest["blocks"] if block[0] == 3]
        found = [self.block(*place, None, (kind, tree, 0, 0))[1] for kind, tree, *place in blocks]
        others = list(Reader(self.beside).models.values()) if self.beside else []
        by_digest = {hashlib.sha256(model).hexdigest(): model for model in found + others}
        missing = {digest for digest, _, _ in self.manifest.get("detached", [])} - by_digest.keys()
        need(not missing, f"models that are elsewhere: {missing}")
        return {bytes.fromhex(digest)[:8]: model for digest, model in by_digest.items()}

    def check_models(self) -> None:
        """Open the models of a model file as the manifest describes them."""
        described = self.manifest.get("models", [])
        need(described and len(described) == len(self.models), "no model file")
        for about, (name, data) in zip(described, self.models.items(), strict=True):
            need(bytes.fromhex(about["sha256"])[:8] == name, "another model than described")
            need(len(Model(data).columns) == len(about["columns"]), "another number of columns")
            need(all(list(map(type, names)) == [str] * 6 for names in about["columns"]), "names of a column")

    def clusters(self, number: int) -> Iterator[list[Any]]:
        """The values of all columns of a tree, cluster by cluster."""
        row = 0
        for position, tree in enumerate(self.manifest["trees"]):
            forms = [tree["forms"]["of"][i] for i in tree["forms"]["at"]]
            columns = [column for form in forms if form for column in columns_of(form)]
            for cluster, layout in enumerate(tree["layouts"][i] for i, n in tree["layout"] for _ in range(n)):
                groups = list(enumerate(layout if position == number else ()))
                # Pages of lists may need symbols and list lengths of other pages: a first round finds these.
                _, symbols, known = self.cluster(number, cluster, row, groups, columns, None)

                def outer(n: int, symbols: Any = symbols, known: Any = known) -> Any:
                    need(n in symbols or n < len(known), "a column that is not there")
                    return known[n] if known[n].dtype == np.uint32 and n not in symbols else symbols[n]

                digests, _, values = self.cluster(number, cluster, row, groups, columns, outer)
                for start, stop, length, digest in digests:
                    raw = b"".join(column.tobytes() for column in values[start:stop])
                    need((len(raw), xxhash.xxh3_64_intdigest(raw)) == (length, digest), "digest of a page")
                row += len(layout)
                if position == number:
                    yield values
        need(row == len(self.table), "rows of the page table")

    def cluster(
        self,
        number: int,
        cluster: int,
        row: int,
        groups: Sequence[tuple[int, int]],
        columns: Sequence[Spec],
        outer: Callable[[int], Any] | None,
    ) -> tuple[list[tuple[int, int, int, int]], dict[int, Any], list[Any]]:
        """Digests of the pages of a cluster, the symbols, and the values of all columns."""
        values: list[Any] = []
        digests: list[tuple[int, int, int, int]] = []
        symbols: dict[int, Any] = {}
        made: set[int] = set()
        for group, count in groups:
            offset, size, length, xxh3, digest = self.table[row + group]
            codec, payload = self.block(offset, size, xxh3, (1, number, cluster, group))
            told = self.latents.setdefault((number, cluster, group), {})
            known = {
                "classic": classic,
                "conditional": partial(conditional, self.models, outer),
                **dict.fromkeys(LATENT_CODECS, partial(autoencoder, self.models, told)),
            }
            need(self.manifest["codecs"][codec] in known, "unknown codec")
            first, decode = len(values), known[self.manifest["codecs"][codec]]
            made |= page(Bytes(payload), columns[first : first + count], values, made, symbols, decode)
            digests.append((first, len(values), length, digest))
        computed(values, made)
        return digests, symbols, values


def page(
    data: Bytes,
    columns: Sequence[Spec],
    values: list[Any],
    before: set[int],
    found: dict[int, Any],
    decode: Callable[[Bytes, list[Any]], Symbols],
) -> set[int]:
    """Append the values of a page's columns, for relations the input of `computed`; returns the relations."""
    directory, entries = data.packed(), []

    def outliers(dtype: Any, length: int) -> tuple[Any, Any]:
        count = directory.varint()
        where = np.cumsum(directory.array("u4", count), dtype=np.int64)
        return where, directory.array(dtype, count)

    for dtype, shape in columns:
        kind, length = directory.unpack("B")[0], directory.varint()
        need(kind < 8 and length <= BIG, "entry of a page directory")
        if kind == 1:
            entries.append((length, [(0, directory.varint())], (np.zeros(0, "i8"), np.zeros(0, dtype))))
        elif kind == 3:
            count = directory.varint()
            need(0 < count < 17, "terms of a sum")
            terms = [(directory.unpack("B")[0], directory.varint()) for _ in range(count)]
            need(dtype.kind in "iuf" and all(sign < 2 for sign, _ in terms), "a sum")
            entries.append((length, terms, outliers(dtype, length)))
        elif kind in RELATIONS:
            relation = RELATIONS[kind](directory, dtype)
            entries.append((length, relation, relation.steps, outliers(dtype, length), shape))
        else:
            lattice = directory.unpack("dd") if kind == 2 else None
            recipe = Interpolation(directory, dtype, shape) if kind == 6 else Recipe(directory)
            rows = () if kind == 6 else shape
            entries.append((length, lattice, recipe, outliers(recipe.dtype, length), rows))
    need(directory.at == len(directory.data), "bytes left over")
    symbols = {
        i: e[2] if isinstance(e[1], Formula | Lookup) else e[2].symbols
        for i, e in enumerate(entries)
        if len(e) == 5
    }
    own = [(symbols[i], e[0], e[4]) for i, e in enumerate(entries) if symbols.get(i) is not None]
    need(sum(dtype.itemsize * length for dtype, length, _ in own) <= BIG, "a page of too many bytes")
    first, decoded_symbols = len(values), decode(data, own)
    found.update(
        {
            first + i: s
            for i, s in zip([i for i in symbols if symbols[i] is not None], decoded_symbols, strict=True)
        }
    )
    coded = iter(decoded_symbols)
    made = before | {
        first + i for i, e in enumerate(entries) if len(e) == 3 or isinstance(e[1], Formula | Lookup)
    }
    for (dtype, _), entry in zip(columns, entries, strict=True):
        if len(entry) == 3:
            length, terms, (where, exact) = entry
            for _, source in terms:
                need(source < len(values) and len(values[source]) == length, "of a later column")
                need(source not in made, "of a copy or sum")
            decoded = added(terms, values, dtype) if len(where) or len(terms) > 1 else values[terms[0][1]]
            decoded = decoded.astype(dtype)
            decoded[where] = exact
        elif isinstance(entry[1], Formula | Lookup):
            length, relation, steps, exactly, _ = entry
            values.append((length, relation, None if steps is None else next(coded), *exactly))
            continue
        else:
            _, lattice, recipe, (where, exact), _ = entry
            decoded = recipe.values(next(coded))
            decoded[where] = exact
            if lattice:
                decoded = decoded.astype(np.float64) * lattice[0] + lattice[1]
        values.append(decoded.astype(dtype))
    return made


def computed(values: list[Any], made: set[int]) -> None:
    """Put the values of formulas, lookups and predicted columns where `page` left what they need."""
    found = {at: value for at, value in enumerate(values) if isinstance(value, tuple)}
    waiting = sorted(found)
    while waiting:
        ready = [at for at in waiting if not {*found[at][1].sources} & {*waiting}]
        need(ready, "a column made from itself")
        for at in ready:
            length, relation, steps, where, exact = found[at]
            predicted = isinstance(relation, Prediction)
            need(
                all(
                    source < len(values) and (predicted or source not in made) for source in relation.sources
                ),
                "of a made column",
            )
            sources = [values[source] for source in relation.sources]
            aligned = sources[:1] if predicted and relation.function in LISTS else sources
            need(all(len(source) == length for source in aligned), "of a column of another length")
            values[at] = relation.values(sources, steps)
            values[at][where] = exact
        waiting = [at for at in waiting if at not in ready]


def added(terms: list[tuple[int, int]], values: list[Any], dtype: Any) -> Any:
    """Columns added up."""
    total = np.zeros(len(values[terms[0][1]]), "f8" if dtype.kind == "f" else "i8")
    for sign, source in terms:
        same = values[source].dtype == dtype or (dtype.kind != "f" and values[source].dtype.kind in "bui")
        need(same, "a sum of another type")
        term = values[source].astype(total.dtype)
        total = total - term if sign else total + term
    return np.where(np.isnan(total), np.nan, total) if dtype.kind == "f" else total
