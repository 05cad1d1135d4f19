"""Every registered codec keeps the promises of the interface; plugins are found, refused and missed properly."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from baler_root.errors import ConfigError, CorruptFileError, FormatError, UnknownCodecError
from baler_root.format.codecs import registry
from baler_root.format.codecs.base import Codec, SymbolSpec
from baler_root.format.codecs.classic import streams
from baler_root.format.codecs.classic.codec import Classic, encode_column
from baler_root.format.codecs.classic.streams import Coding, Transform
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.builtin import AutoencoderCodec, ConvolutionalCodec, TransformerCodec
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.testing.codec_suite import CodecSuite, patterns, spec_of
from tests.helpers.models import known_column, random_autoencoder


class Zlib:
    """What a third party might write: each column's bytes, deflated."""

    id = "zlib"

    def encode(
        self, columns: Sequence[NDArray[Any]], specs: Sequence[SymbolSpec]
    ) -> tuple[bytes, list[float]]:
        payload = zlib.compress(b"".join(column.tobytes() for column in columns))
        return payload, [len(payload) / max(1, len(specs))] * len(specs)

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        sizes = [spec.length * spec.dtype.itemsize for spec in specs]
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(payload, sum(sizes) + 1)
        except zlib.error as error:
            raise CorruptFileError(f"not a zlib stream ({error})") from None
        if len(data) != sum(sizes) or not inflater.eof or inflater.unused_data:
            raise CorruptFileError(f"{len(data)} bytes, {sum(sizes)} were expected")
        chosen = range(len(specs)) if wanted is None else wanted
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
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        return AutoencoderCodec().with_models(self.bytes).decode(payload, specs, wanted)


class NoCodec:
    """Lacks everything."""


class TestClassic(CodecSuite):
    codec = Classic()


class TestConditional(CodecSuite):
    """Without a model it is `classic` behind one byte; test_conditional.py has models."""

    codec = ConditionalCodec()


class TestAutoencoder(CodecSuite):
    """Without a model codecs with latents are `classic` behind one byte; test_networks.py has models."""

    codec = AutoencoderCodec()


class TestAutoencoderWithModels(CodecSuite):
    """With a model of random networks for whatever comes."""

    codec = Modelled("bounded")


class TestLatentsAlone(CodecSuite):
    """The same without streams."""

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


def size_of(values: NDArray[Any], shape: tuple[int, ...] = ()) -> int:
    return len(Classic().encode([values], [spec_of(values, shape)])[0])


def test_constant_columns_are_nearly_free() -> None:
    assert size_of(np.full(10**6, 1.25)) < 16


def test_trigger_bits_cost_no_overhead_each() -> None:
    """600 bits that are rarely set share a frame: less than half of what frames of their own would cost."""
    rng = np.random.default_rng(0)
    bits = [rng.random(100) < 0.02 for _ in range(600)]
    assert len(Classic().encode(bits, [spec_of(column) for column in bits])[0]) < 0.5 * sum(
        map(size_of, bits)
    )


def test_far_repetitions_beat_any_coder_of_single_values() -> None:
    values = np.tile(np.random.default_rng(0).random(5000), 20)
    assert size_of(values) < 1.1 * 5000 * 8


def test_smooth_grids_are_coded_by_their_differences() -> None:
    x, t = np.linspace(0, 3, 50), 0.3 * np.arange(60)[:, None, None]
    wave = np.sin(2 * x[:, None] + t) * np.cos(3 * x[None, :] - t)
    grid = (1e5 * wave + 2e5).astype(np.uint32).reshape(-1)
    assert size_of(grid, (50, 50)) < 0.8 * size_of(grid)


@pytest.mark.parametrize(
    ("transform", "grid"),
    [
        (Transform.LORENZO, np.random.default_rng(0).integers(0, 3, (60, 40)).cumsum(1)),
        (
            Transform.ROWS,
            np.random.default_rng(0).integers(0, 3, (60, 40)).cumsum(0) + 9 * np.arange(40) ** 2,
        ),
    ],
)
def test_arrays_are_coded_by_the_differences_that_suit_them(
    transform: Transform, grid: NDArray[np.int64]
) -> None:
    values = grid.astype(np.uint16).reshape(-1)
    assert encode_column(values, spec_of(values, (40,))).transform is transform


@pytest.mark.parametrize(
    ("transform", "values"),
    [
        (Transform.DELTA, np.arange(1000, dtype=np.uint32) * 3 + 7),
        (Transform.DICTIONARY, np.random.default_rng(0).choice(np.random.default_rng(1).random(50), 5000)),
        (Transform.NONE, np.random.default_rng(0).normal(size=1000)),
    ],
)
def test_each_transform_has_its_column(transform: Transform, values: NDArray[Any]) -> None:
    assert encode_column(values, spec_of(values)).transform is transform


def test_each_coding_has_its_column() -> None:
    rng = np.random.default_rng(0)
    text = np.frombuffer(b"HLT_IsoMu24_v1 HLT_IsoMu27_v3 " * 100, np.uint8)
    found = {
        encode_column(values, spec_of(values)).coding
        for values in (np.zeros(9), text, rng.random(999) < 0.5, rng.normal(size=5000))
    }
    assert found == set(Coding)


def test_pco_runs_and_pages_are_put_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PCO_RUN", 1000)
    monkeypatch.setattr(streams, "PCO_PAGE", 300)
    values = np.random.default_rng(0).normal(size=2750)
    encoded = streams.pco_encode(values)
    assert streams.pco_decode(memoryview(encoded), values.dtype, 2750).tobytes() == values.tobytes()
    for length in (2749, 2751, 1000):
        with pytest.raises(CorruptFileError):
            streams.pco_decode(memoryview(encoded), values.dtype, length)


def classic_payload(code: int, extra: bytes, pool: bytes, stream: bytes = b"") -> memoryview:
    """A payload of one column whose packed part is stored as it is."""
    packed = bytes([1 + len(extra), code]) + extra + pool
    return memoryview(bytes([len(packed) << 1]) + packed + stream)


@pytest.mark.parametrize(
    ("payload", "dtype", "length", "said"),
    [
        (classic_payload(0x04, b"", b""), "u4", 4, "unknown stream code 0x04"),
        (classic_payload(0x60, b"", b""), "u4", 4, "unknown stream code 0x60"),
        (classic_payload(0x00, b"\1\0", b""), "u4", 4, "4 bytes needed, 2 left"),
        (classic_payload(0x01, b"", b"\0" * 15), "u4", 4, "16 bytes needed, 15 left"),
        (classic_payload(0x01, b"", b"\0" * 17), "u4", 4, "1 bytes left over after the pool"),
        (classic_payload(0x02, b"", b"\xff"), "u1", 4, "padding bits are not zero"),
        (classic_payload(0x31, b"\0", b"\0" * 4), "u4", 4, "a dictionary of 0 values"),
        (classic_payload(0x31, b"\1" + bytes(4), b"\0\0\1\0"), "u4", 4, "symbol 1 of a dictionary of 1"),
        (classic_payload(0x30, b"\1" + bytes(4) + b"\5", b""), "u4", 4, "symbol 5 of a dictionary of 1"),
        (classic_payload(0x11, b"", b"\0" * 16), "f4", 4, "differences of float32"),
        (classic_payload(0x21, b"", b"\0" * 4), "?", 4, "differences of bool"),
        (classic_payload(0x03, b"\1", b"", b"\0"), "u4", 4, "a pco stream cannot be decoded"),
        (classic_payload(0x03, b"\2", b"", b"\0"), "u4", 4, "2 bytes needed, 1 left"),
    ],
)
def test_broken_streams_are_named(payload: memoryview, dtype: str, length: int, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        Classic().decode(payload, [SymbolSpec(np.dtype(dtype), length)])


def test_bits_past_one_are_not_taken_for_booleans() -> None:
    """Booleans are bytes in memory; whatever byte a source has comes back."""
    odd = np.array([0, 1, 2, 255, 1, 0], np.uint8).view(bool)
    payload, _ = Classic().encode([odd], [spec_of(odd)])
    assert Classic().decode(memoryview(payload), [spec_of(odd)])[0].tobytes() == odd.tobytes()


HOSTILE = """
import resource, warnings
import numpy as np
from baler_root.testing.codec_suite import decode_hostile, mixed_columns
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.binary.packed import pack_bytes
from baler_root.format.codecs.registry import get_codec
from baler_root.format.binary.varint import pack_varint

codec = get_codec("classic")
columns, specs = mixed_columns()
payload, _ = codec.encode(columns, specs)
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30,) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for position in range(8 * len(payload)):
    broken = bytearray(payload)
    broken[position // 8] ^= 1 << position % 8
    decode_hostile(codec, bytes(broken), specs)
small = [SymbolSpec(np.dtype("u4"), 4)]
bomb = pack_bytes(bytes(1 << 28))
assert len(bomb) < 100_000
assert decode_hostile(codec, bomb, small)
claim = pack_varint(12 << 1 | 1) + pack_varint(1 << 60) + bytes(10)
assert decode_hostile(codec, claim, small)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_hostile_payloads_allocate_nothing_they_have_not_earned() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    # ru_maxrss is in kB on Linux; the bomb itself is packed from 256 MB before it is refused
    assert int(done.stdout) < 700_000


@pytest.mark.parametrize("name", ["random bits", "few values"])
def test_shares_tell_which_column_costs(name: str) -> None:
    big = dict(patterns(np.dtype("f8"), 5000))[name]
    flat = np.zeros(5000)
    _, shares = Classic().encode([flat, big], [spec_of(flat), spec_of(big)])
    assert shares[1] > 5 * shares[0]


def test_codec_protocol_is_what_the_registry_checks() -> None:
    assert isinstance(Zlib(), Codec)
    assert not isinstance(NoCodec(), Codec)
