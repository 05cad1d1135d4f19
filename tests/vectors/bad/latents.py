"""Bad files of the codecs that store latents, and of their models."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from tests.helpers.forge import Forger
from tests.helpers.models import coding_of, following, latents_from, random_autoencoder, random_model
from tests.vectors.bad.files import TRUNCATED, bad
from tests.vectors.bad.payloads import classic_payload
from tests.vectors.source import flat, latent_tree


@dataclass
class Latents:
    """The payload of a page with latents, taken apart."""

    kind: int
    model: bytes
    rows: int
    codes: list[int]
    latents: bytes
    anomalies: bytes
    missed: bytes
    low_bits: bytes
    rest: bytes
    streams: dict[int, bytes]
    """By column."""

    @classmethod
    def of(cls, data: bytes, columns: int) -> Latents:
        """A payload with this number of columns."""
        cursor = Cursor(data)
        kind, model, rows = cursor.byte(), bytes(cursor.take(8)), cursor.varint()
        codes, sizes = [], {}
        for at in range(columns):
            codes.append(cursor.varint())
            if codes[-1]:
                sizes[at] = cursor.varint()
        parts = [bytes(cursor.take(cursor.varint())) for _ in range(5)]
        return cls(kind, model, rows, codes, *parts, {at: bytes(cursor.take(n)) for at, n in sizes.items()})

    def packed(self) -> bytes:
        """The payload again."""
        out = bytes([self.kind]) + self.model + pack_varint(self.rows)
        for at, code in enumerate(self.codes):
            out += pack_varint(code)
            if code:
                out += pack_varint(len(self.streams.get(at, b"")))
        for part in (self.latents, self.anomalies, self.missed, self.low_bits, self.rest):
            out += pack_varint(len(part)) + part
        return out + b"".join(stream for at, stream in sorted(self.streams.items()) if self.codes[at])


def _with_latents(alone: bool = False) -> Forger:
    """A file with latents; `alone`: without streams. Of its columns the model does not know the second."""
    n = np.arange(24) % 5
    floats = np.random.default_rng(1).normal(size=24)
    arrays = {"n": flat(n, "u1"), "w": flat(np.pi * n, "f8")}
    arrays |= {} if alone else {"half": flat(floats, "f2"), "double": flat(floats, "f8")}
    arrays |= {"pair": flat(np.stack([n, n[::-1]], axis=1), "i2"), "flag": flat(n > 2, "?")}

    def make(columns: list[Any], symbols: list[Any]) -> Any:
        if alone:
            return following([0, 0, 0, 0], "none", columns)
        model = random_autoencoder(columns, components=1)
        latents = latents_from(model, symbols)
        outlier_detector = OutlierDetector.fit(latents, 0.1, 1, seed=0)
        return replace(
            model,
            outlier_detector=outlier_detector,
            coding=coding_of(latents).to_bytes(),
            latent_numbers=(0, 1),
        )

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.baler"
        latent_tree(path, arrays, {}, [at for at in range(len(arrays)) if at != 1], make)
        return Forger(path)


def latent_page(
    change: Callable[[Latents], object], alone: bool = False, end: bytes = b""
) -> Callable[[], bytes]:
    """That file with something changed in its page, and something put at the end of it."""

    def build() -> bytes:
        forger = _with_latents(alone)
        columns = len(forger.document["trees"][0]["names"])

        def changed(_: Any, old: bytes) -> bytes:
            cursor = Cursor(old)
            unpack_bytes(cursor, 1 << 20)
            page = Latents.of(bytes(cursor.data[cursor.position :]), columns)
            change(page)
            return old[: cursor.position] + page.packed() + end

        return forger.build(page=changed)

    return build


def latent_model(
    change: Callable[[dict[str, Any], list[Any]], object],
    coding: Callable[[bytes], bytes] = lambda coding: coding,
) -> Callable[[], bytes]:
    """The file with another model, given its text and arrays, whose name the page has."""

    def build() -> bytes:
        forger = _with_latents()
        cursor = Cursor(forger.blocks[0][2])
        text, quantisers, inner = (bytes(unpack_bytes(cursor, 1 << 20)) for _ in range(3))
        document = json.loads(text)
        dtypes = [np.uint32] * 2 * len(document["columns"]) + [np.int8, np.int32] * 2 + [np.float32]
        specs = [SymbolSpec(np.dtype(t), n) for t, n in zip(dtypes, document["lengths"], strict=True)]
        arrays = list(Classic().decode(cursor.rest(), specs).values())
        change(document, arrays)
        document["lengths"] = [len(array) for array in arrays]
        payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
        data = b"".join(map(pack_bytes, (json.dumps(document).encode(), quantisers, coding(inner)))) + payload
        return _renamed(forger, data)

    return build


def _renamed(forger: Forger, model: bytes) -> bytes:
    """The file with another model, under whose name the page knows it."""
    kind, tree, before = forger.blocks[0]
    forger.blocks[0] = (kind, tree, model)
    old, new = (hashlib.sha256(data).digest()[:8] for data in (before, model))
    return forger.build(page=lambda _, payload: payload.replace(old, new))


def _columns(count: int, columns: list[Any]) -> bytes:
    """Rows by themselves."""
    payload, _ = Classic().encode(columns, [SymbolSpec(column.dtype, len(column)) for column in columns])
    return pack_varint(count) + payload


def _rows(gaps: list[int], place: int = 0) -> bytes:
    """Rows by themselves of a file whose latents stand alone, all values at one place."""
    places = [np.full(len(gaps) * values, place, np.uint32) for values in (1, 2, 1)]
    return _columns(len(gaps), [np.array(gaps, np.uint32), *places])


def _other_model() -> bytes:
    """A model for the codec `conditional`."""
    return random_model([("n", b"", np.arange(5))], [()]).to_bytes()


def _swap_codes(page: Latents, one: int, other: int) -> None:
    page.codes[one], page.codes[other] = page.codes[other], page.codes[one]


for name, about, message, change, alone in (
    ("kind", "a page of an unknown kind", "unknown kind 9", lambda page: setattr(page, "kind", 9), False),
    ("model", "a page whose model is not there", "the model 0000000000000000 is not in the file",
     lambda page: setattr(page, "model", bytes(8)), False),
    ("column", "a column that the model does not have", "column 98 of a model of 5",
     lambda page: page.codes.__setitem__(0, 99), False),
    ("twice", "two columns that are one of the model", "two columns are column 0",
     lambda page: page.codes.__setitem__(1, 1), False),
    ("none", "latents of no column", "latents of no column",
     lambda page: page.codes.__setitem__(slice(None), [0] * 6), False),
    ("rows-2-60", "2^60 rows", "a column of 24 values in 1152921504606846976 rows",
     lambda page: setattr(page, "rows", 1 << 60), False),
    ("each", "a number where the model has arrays", "24 values where the model has 2 in a row",
     lambda page: _swap_codes(page, 0, 4), False),
    ("type", "integers where the model has floats", "an axis of uint8 symbols without 4 bits",
     lambda page: _swap_codes(page, 0, 2), False),
    ("floats", "floats where the model has integers", "an axis of float64 symbols",
     lambda page: _swap_codes(page, 0, 1), False),
    ("drop", "more bits left out than there are", "an axis of float16 symbols without 47 bits",
     lambda page: _swap_codes(page, 2, 3), False),
    ("outside", "latents that depend on other pages", "depend on other pages",
     lambda page: setattr(page, "latents", b"\2" + page.latents[1:]), False),
    ("far", "a latent of 2048", "latents from 2048 to 2048",
     lambda page: setattr(page, "latents", b"\0" + classic_payload(b"\0\0\x08" * 2)), False),
    ("coding", "latents coded with another model", "is not in the file",
     lambda page: setattr(page, "latents", b"\1" + bytes(8) + b"\2\0\4\0\2\2\0"), False),
    ("missed", "rows by themselves beside streams", "rows stored by themselves beside streams",
     lambda page: setattr(page, "missed", b"\1"), False),
    ("stream-word", "a stream with another last word", "stream of symbols",
     lambda page: page.streams.update({0: page.streams[0][:-4] + bytes(4)}), False),
    ("stream-more", "a stream with a block too many", "left over after the last block",
     lambda page: page.streams.update({0: page.streams[0] + b"\0"}), False),
    ("low-far", "low bits that are more than are left out", "4 low bits are 16",
     lambda page: setattr(page, "low_bits", classic_payload(b"\0\x10\0" + bytes(8))), False),
    ("streams", "streams where the latents stand alone", "streams of a model whose latents stand alone",
     lambda page: page.streams.update({0: b"\0"}), True),
    ("low-none", "low bits of no column", "left over",
     lambda page: setattr(page, "low_bits", classic_payload(b"\0\0")), True),
    ("missed-order", "a row by itself twice", "do not increase",
     lambda page: setattr(page, "missed", _rows([3, 0])), True),
    ("missed-far", "a row by itself behind the end", "do not increase",
     lambda page: setattr(page, "missed", _rows([3, 21])), True),
    ("missed-2-60", "more rows by themselves than there are", "1152921504606846976 rows stored by themselves",
     lambda page: setattr(page, "missed", pack_varint(1 << 60) + page.missed[1:]), True),
    ("missed-place", "a value beyond the axis", "place 5 of an axis of 5",
     lambda page: setattr(page, "missed", _rows([3, 9], 5)), True),
):  # fmt: skip
    bad(f"latents-{name}", about, message, latent_page(change, alone))


bad("latents-left-over", "bytes behind the streams", "left over", latent_page(lambda _: None, end=b"\0"))


bad(
    "latents-cut",
    "a stream that is longer than what is left",
    "left",
    latent_page(lambda page: page.streams.update({5: page.streams[5][:-1]})),
    TRUNCATED,
)


bad(
    "latents-other-model",
    "a page whose model is one for another codec",
    "a model of the format 'baler-root conditional model 1'",
    lambda: _renamed(_with_latents(), _other_model()),
)


for name, about, message, change in (
    ("format", "a model of a later format", "of the format 'baler-root autoencoder model 2'",
     lambda text, _: text.update(format="baler-root autoencoder model 2")),
    ("residual", "a residual of an unknown kind", "a residual of the kind 'some'",
     lambda text, _: text.update(residual="some")),
    ("components", "no components", "0 components", lambda text, _: text.update(components=0)),
    ("components-many", "17 components", "17 components",
     lambda text, _: text.update(components=17)),
    ("drop", "a boolean for a number of bits", "an integer expected, not True",
     lambda text, _: text["columns"][0].update(drop=True)),
    ("drop-64", "64 bits left out", "a count up to 63", lambda text, _: text["columns"][0].update(drop=64)),
    ("each", "a column without values", "a column without values",
     lambda text, _: text["columns"][0].update(each=0)),
    ("each-2-40", "2^40 values in a row", "a count up to 1048576",
     lambda text, _: text["columns"][0].update(each=1 << 40)),
    ("low", "half a symbol", "an integer expected, not 0.5", lambda text, _: text["columns"][0].update(low=0.5)),
    ("latents", "two latents that are one column of their model", "not each one of the 2 columns",
     lambda text, _: text.update(latents=[0, 0])),
    ("latents-far", "a latent that its model does not have", "not each one of the 2 columns",
     lambda text, _: text.update(latents=[0, 2])),
    ("latents-more", "more latents than the encoder makes", "different latents",
     lambda text, arrays: (text.update(latents=[0, 1, None]), text.pop("clusters"), arrays.pop(),
                           arrays.__setitem__(-2, np.insert(arrays[-2], 0, [0] * 8)))),
    ("operation", "an operation with more than it needs", "says more than is known",
     lambda text, _: text["decoder"][0].update(more=1)),
    ("weights", "a weight too many", "too long",
     lambda _, arrays: arrays.__setitem__(-3, np.append(arrays[-3], arrays[-3][:1]))),
    ("biases", "a bias too few", "too short", lambda _, arrays: arrays.__setitem__(-2, arrays[-2][:-1])),
    ("threshold", "a threshold that is NaN", "not told by finite numbers",
     lambda _, arrays: arrays[-1].__setitem__(0, np.nan)),
    ("clusters", "more clusters than are there", "3 clusters of 2 latents",
     lambda text, _: text.update(clusters=3)),
    ("clusters-none", "no clusters that tell anomalies", "0 clusters of 2 latents",
     lambda text, _: text.update(clusters=0)),
):  # fmt: skip
    bad(f"latent-model-{name}", about, message, latent_model(change))


bad(
    "latent-model-coding",
    "a model of the latents that is none",
    "the model is not valid",
    latent_model(lambda *_: None, coding=lambda coding: coding[:-1]),
)


bad(
    "latent-model-pattern",
    "an axis beyond all floats",
    "a pattern beyond those of float16",
    latent_model(lambda text, _: text["columns"][1].update(low=1 << 20)),
)
