"""Codecs: each passes the suite, plugins are found, and unknown ones lose only their own columns."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from baler_root.errors import ConfigError, CorruptFileError, UnknownCodecError
from baler_root.format.codecs import registry
from baler_root.format.codecs.base import Codec, SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.builtin import AutoencoderCodec, ConvolutionalCodec, TransformerCodec
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.testing.codec_suite import CodecSuite
from tests.helpers.models import known_column, random_autoencoder
from tests.unit.format.codecs.mixed_pages import MixingCodec


class Zlib:
    """Codec of a third party: each column's bytes, deflated."""

    id = "zlib"

    def encode(
        self, columns: Sequence[NDArray[Any]], specs: Sequence[SymbolSpec]
    ) -> tuple[bytes, list[float]]:
        payload = zlib.compress(b"".join(column.tobytes() for column in columns))
        return payload, [len(payload) / max(1, len(specs))] * len(specs)

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        sizes = [spec.length * spec.dtype.itemsize for spec in specs]
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(payload, sum(sizes) + 1)
        except zlib.error as error:
            raise CorruptFileError(f"not a zlib stream ({error})") from None
        if len(data) != sum(sizes) or not inflater.eof or inflater.unused_data:
            raise CorruptFileError(f"{len(data)} bytes, {sum(sizes)} were expected")
        chosen = range(len(specs)) if positions is None else positions
        starts = np.cumsum([0, *sizes])
        return {
            i: np.frombuffer(data, specs[i].dtype, specs[i].length, int(starts[i])).copy() for i in chosen
        }


class Modelled(AutoencoderCodec):
    """Makes a model of the columns that it encodes; those of which it knows some symbols only are in, too."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.bytes = kind, dict[bytes, bytes]()

    def encode(
        self, columns: Sequence[NDArray[Any]], specs: Sequence[SymbolSpec]
    ) -> tuple[bytes, list[float]]:
        lengths = [spec.length // max(1, int(np.prod(spec.shape))) for spec in specs]
        rows = max(set(lengths), key=lengths.count) if lengths else 0
        known: list[int | None] = [None] * len(columns)
        described = []
        for at, (column, spec) in enumerate(zip(columns, specs, strict=True)):
            if rows and lengths[at] == rows and len(column) <= 100 * rows:
                known[at] = len(described)
                described.append(self.column(column, spec))
        if not described:
            return super().encode(columns, specs)
        data = random_autoencoder(described, residual=self.kind).to_bytes()
        name = hashlib.sha256(data).digest()
        self.bytes[name] = data
        return AutoencoderCodec({name: AutoencoderModel.from_bytes(data)}, name, known).encode(columns, specs)

    def column(self, column: NDArray[Any], spec: SymbolSpec) -> ModelColumn:
        dropped_bits = {2: 3, 4: 17, 8: 47}[column.itemsize] if column.dtype.kind == "f" else None
        few = column[:1] >> 24 if column.itemsize > 2 and dropped_bits is None else column
        return known_column("", b"", few, dropped_bits, int(np.prod(spec.shape)))

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        return AutoencoderCodec().with_models(self.bytes).decode(payload, specs, positions)


class NoCodec:
    """Lacks everything."""


class TestClassic(CodecSuite):
    codec = Classic()


class TestConditional(CodecSuite):
    """Without a model it is `classic` behind one byte; test_conditional.py has models."""

    codec = ConditionalCodec()


class TestMixing(CodecSuite):
    """With contexts of every kind; test_mixing.py has more."""

    codec = MixingCodec()


class TestAutoencoder(CodecSuite):
    """Without a model codecs with latents are `classic` behind one byte; test_networks.py has models."""

    codec = AutoencoderCodec()


class TestAutoencoderWithModels(CodecSuite):
    """With a model of random networks for whatever comes."""

    codec = Modelled("bounded")


class TestLatentsAlone(CodecSuite):
    """A model without streams."""

    codec = Modelled("none")


class TestTransformer(CodecSuite):
    codec = TransformerCodec()


class TestConvolutional(CodecSuite):
    codec = ConvolutionalCodec()


class TestThirdParty(CodecSuite):
    """The suite is for any codec, and passes one that has nothing to do with ours."""

    codec = Zlib()


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.GROUP)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`install(point(...))` adds entry points to the installed ones, until the test ends."""
    installed = list(registry.entry_points(group=registry.GROUP))

    def add(*points: EntryPoint) -> None:
        registry.get_codec.cache_clear()
        monkeypatch.setattr(
            registry, "entry_points", lambda group: [p for p in (*installed, *points) if p.group == group]
        )

    yield add
    registry.get_codec.cache_clear()


def test_every_registered_codec_is_tested_here() -> None:
    tested = {case.codec.id for case in CodecSuite.__subclasses__()}
    assert set(registry.codec_ids()) <= tested
    assert "classic" in registry.codec_ids()
    assert isinstance(registry.get_codec("classic"), Classic)


def test_plugin_compresses_and_reads(
    install: Callable[..., None], jagged_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.baler"
    install(point("zlib", f"{__name__}:Zlib"))
    baler_root.compress(jagged_root, target, codec="zlib")
    assert baler_root.verify(target, jagged_root).ok
    with baler_root.open(target) as file:
        assert len(file["Events"]["event"].array()) == 1000
    install()
    with baler_root.open(target) as file:
        assert file["Events"].num_entries == 1000
        with pytest.raises(
            UnknownCodecError,
            match=r"no installed package provides the codec 'zlib'; installed: .*classic",
        ):
            file["Events"]["event"].array()
    result = baler_root.verify(target, jagged_root)
    assert not result.ok
    assert all("'zlib'" in problem for problem in result.problems)


def test_unknown_codec_loses_only_its_own_columns(
    install: Callable[..., None], jagged_root: Path, tmp_path: Path
) -> None:
    """A merged file may hold pages of several codecs; those of known ones stay readable."""
    one, two, both = (tmp_path / name for name in ("one.baler", "two.baler", "both.baler"))
    install(point("zlib", f"{__name__}:Zlib"))
    baler_root.compress(jagged_root, one)
    baler_root.compress(jagged_root, two, codec="zlib")
    baler_root.merge([one, two], both)
    with baler_root.open(both) as file, baler_root.open(one) as first:
        whole = file["Events"]["event"].array()
        assert len(whole) == 2000
        install()
        alone = first["Events"].arrays()
        assert file["Events"].arrays(entry_stop=1000).to_list() == alone.to_list()
        with pytest.raises(UnknownCodecError, match="zlib"):
            file["Events"]["event"].array(entry_start=999, entry_stop=1001)
    problems = baler_root.verify(both).problems
    assert problems
    assert all("zlib" in problem for problem in problems)


def test_unknown_codec_is_refused_before_anything_is_written(jagged_root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownCodecError, match="did you mean 'classic'"):
        baler_root.compress(jagged_root, tmp_path / "out.baler", codec="clasic")
    assert list(tmp_path.glob("*.baler*")) == []


def test_two_claims_to_one_id_name_both(install: Callable[..., None]) -> None:
    install(point("zlib", f"{__name__}:Zlib"), point("zlib", "other_package.fast:Zlib"))
    with pytest.raises(
        ConfigError, match=rf"'zlib' is claimed by {__name__}:Zlib and by other_package\.fast:Zlib"
    ):
        registry.get_codec("zlib")


def test_one_package_found_twice_is_one_claim(install: Callable[..., None]) -> None:
    install(point("zlib", f"{__name__}:Zlib"), point("zlib", f"{__name__}:Zlib"))
    assert registry.get_codec("zlib").id == "zlib"


def test_entry_point_that_is_no_codec_is_refused(install: Callable[..., None]) -> None:
    install(point("none", f"{__name__}:NoCodec"))
    with pytest.raises(ConfigError, match=f"{__name__}:NoCodec is not a codec"):
        registry.get_codec("none")


def test_entry_point_under_a_wrong_id_is_refused(install: Callable[..., None]) -> None:
    """The id in a file must be the id that the codec itself goes by."""
    install(point("deflate", f"{__name__}:Zlib"))
    with pytest.raises(ConfigError, match=f"{__name__}:Zlib calls itself 'zlib', not 'deflate'"):
        registry.get_codec("deflate")


def test_codec_protocol_is_what_the_registry_checks() -> None:
    assert isinstance(Zlib(), Codec)
    assert not isinstance(NoCodec(), Codec)
