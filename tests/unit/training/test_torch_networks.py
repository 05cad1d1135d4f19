"""Networks of the codecs with latents: any table and any grid, trainings that fail, messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from baler_root.analyses.samples.toys import correlated_jets

from baler_root import LatentOptions, TrainingOptions

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")

import baler_root
from baler_root.errors import CorruptFileError
from baler_root.training import latent
from baler_root.training.torch import fit_autoencoder
from baler_root.training.torch.autoencoder import Autoencoder, AutoencoderShape
from baler_root.training.torch.builtin_autoencoders import (
    ConvolutionalAutoencoder,
    DenseAutoencoder,
    TransformerAutoencoder,
)
from baler_root.training.torch.fit_autoencoder import AutoencoderSettings

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")

Maker = Callable[..., Path]

GRIDS = [(50, 50), (3, 3), (1, 1), (9, 8), (1, 40), (100, 2)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of a few steps; whatever comes of them is used."""
    torch.set_num_threads(1)
    monkeypatch.setattr(latent, "STEPS", {"default": 8, "max": 8})
    monkeypatch.setattr(latent, "pays_for_itself", lambda *_: True)


def table(rows: int = 2500) -> dict[str, np.ndarray]:
    """A few columns that depend on each other."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=rows).astype("f4")
    columns: dict[str, np.ndarray] = {"x": x, "y": (x + rng.normal(0, 0.1, rows)).astype("f4")}
    columns["n"] = rng.poisson(4 + np.abs(x)).astype("i4")
    columns["z"] = np.where(x > 1, np.float32(-999), np.exp(x))
    return columns


def frames(count: int = 60, height: int = 11, width: int = 20) -> np.ndarray:
    """A wave that runs over a grid."""
    t, y, x = np.meshgrid(np.arange(count), np.arange(height), np.arange(width), indexing="ij")
    return np.asarray(np.sin(0.3 * x + 0.2 * y - 0.4 * t))


MAKERS: list[tuple[Callable[[AutoencoderShape], Autoencoder], tuple[int, ...]]] = [
    (DenseAutoencoder, (1,)),
    (DenseAutoencoder, (30,)),
    (TransformerAutoencoder, (2,)),
    (TransformerAutoencoder, (30,)),
    *((ConvolutionalAutoencoder, grid) for grid in GRIDS),
]


@pytest.mark.parametrize(("make", "entry"), MAKERS, ids=lambda part: getattr(part, "__name__", str(part)))
@pytest.mark.parametrize("width", [16, 64])
def test_networks_compute_what_their_programs_do(
    make: Callable[[AutoencoderShape], Autoencoder], entry: tuple[int, ...], width: int
) -> None:
    torch.manual_seed(0)
    shape = AutoencoderShape(math.prod(entry), 3, 2, width, entry if len(entry) == 2 else ())
    network = make(shape)
    encoder, decoder = network.programs()
    codes = np.random.default_rng(0).integers(-2000, 2000, (9, shape.values))
    latents = encoder(codes)
    assert latents.shape == (9, 3)
    told = decoder(latents)
    assert told.shape == (9, shape.outputs)
    with torch.no_grad():
        found = network.double().encode(torch.from_numpy(codes / 256))
        again = network.decode(torch.from_numpy(latents).double())
    # Latents have finer steps in training; halves may go either way.
    assert np.abs(found.numpy() - latents).max() <= 0.5 + 2.0**-6
    assert np.array_equal(again.numpy().reshape(told.shape) * 2**network.decoder.output_bits, told)


def test_sizes_of_a_training() -> None:
    network = DenseAutoencoder(AutoencoderShape(19, 8, 2, 64))
    usual = AutoencoderSettings(6000).schedule(network, 300_000)
    assert (usual.steps, usual.batch) == (6000, 1024)
    few = AutoencoderSettings(6000).schedule(network, 53)
    assert (few.steps, few.batch) == (1000, 32)
    costly = AutoencoderSettings(6000, products=1e9).schedule(network, 300_000)
    assert costly.steps == 1e9 // (1024 * network.products)
    large = AutoencoderSettings(6000).schedule(
        ConvolutionalAutoencoder(AutoencoderShape(4096, 8, 2, 64, (64, 64))), 2000
    )
    assert large.batch == 16


@pytest.mark.parametrize("residual", ["bounded", "none", "lossless"])
def test_transformer_keeps_bounds(residual: str, make_root: Maker, tmp_path: Path) -> None:
    source, target = make_root("table.root", Events=table()), tmp_path / "out.baler"
    baler_root.compress(source, target, codec=LatentOptions("transformer", residual=residual))
    assert baler_root.verify(target, source).problems == []
    described = baler_root.inspect(target)
    assert described["codecs"] == ["transformer"]
    assert described["parts"]["model"] > 0


def test_transformer_of_lists(make_root: Maker, tmp_path: Path) -> None:
    source, target = make_root("jets.root", Events=correlated_jets(2500)), tmp_path / "out.baler"
    baler_root.compress(source, target, codec="transformer", cluster_size=1000)
    assert baler_root.verify(target, source).problems == []


@pytest.mark.parametrize("residual", ["bounded", "none"])
def test_convolutional_keeps_bounds(residual: str, make_root: Maker, tmp_path: Path) -> None:
    """A column of few frames; other branches, one of them of small arrays, have other codecs or models."""
    arrays = {"field": frames(), "small": frames(60, 2, 3), "t": np.arange(60.0), "row": frames()[:, 0]}
    source, target = make_root("frames.root", frames=arrays), tmp_path / "out.baler"
    baler_root.compress(
        source, target, bound="abs=0.01", codec=LatentOptions("convolutional", residual=residual)
    )
    assert baler_root.verify(target, source).problems == []
    assert len(baler_root.inspect(target)["models"]) == 2
    with baler_root.open(target) as file:
        found = file["frames"]["field"].array(entry_start=20, entry_stop=30)
    assert np.abs(ak.to_numpy(found) - arrays["field"][20:30]).max() <= 0.01


def test_low_bits_count_in_what_pays(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predicting leading bits of exact floats gains nothing where whole values repeat, as `classic` sees."""
    monkeypatch.setattr(latent, "pays_for_itself", lambda saved, size: saved >= size)
    rng = np.random.default_rng(0)
    few = (0x3F800000 + rng.integers(0, 1 << 13, (2, 200))).astype("u4").view("f4")
    source = make_root("few.root", t={name: rng.choice(few[n], 9000) for n, name in enumerate("ab")})
    classic = baler_root.compress(source, tmp_path / "classic.baler", bound="lossless", codec="classic")
    summary = baler_root.compress(
        source, tmp_path / "out.baler", codec=LatentOptions("autoencoder", residual="lossless")
    )
    assert "is not used: it would take" in " ".join(summary.notes)
    assert summary.size <= classic.size


def test_many_exact_floats_have_one_model(make_root: Maker, tmp_path: Path) -> None:
    wide = {f"x{n}": np.random.default_rng(n).normal(size=2500).astype("f4") for n in range(20)}
    source, target = make_root("wide.root", t=wide), tmp_path / "out.baler"
    baler_root.compress(source, target, codec=LatentOptions("autoencoder", residual="lossless"))
    (model,) = baler_root.inspect(target)["models"]
    assert model["columns"] == 20


@pytest.mark.parametrize("codec", ["autoencoder", "transformer", "convolutional"])
def test_what_does_not_pay_is_said(
    codec: str, make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent, "pays_for_itself", lambda *_: False)
    arrays = {"field": frames()} if codec == "convolutional" else table()
    summary = baler_root.compress(make_root("in.root", t=arrays), tmp_path / "out.baler", codec=codec)
    (note,) = summary.notes
    assert f"t: the {codec} of " in note
    assert "is not used: it would take" in note
    assert baler_root.inspect(tmp_path / "out.baler")["codecs"] == ["classic"]


@pytest.mark.parametrize(
    ("codec", "arrays", "why"),
    [
        ("convolutional", {"x": np.arange(3000.0)}, "no table has enough columns"),
        ("convolutional", {"field": frames(10)}, "10 entries are too few to train latents; 16 are needed"),
        ("transformer", table(100), "100 entries are too few to train latents; 2000 are needed"),
    ],
    ids=["no grid", "few grids", "few rows"],
)
def test_nothing_to_learn_is_said(
    codec: str, arrays: dict[str, np.ndarray], why: str, make_root: Maker, tmp_path: Path
) -> None:
    summary = baler_root.compress(make_root("in.root", t=arrays), tmp_path / "out.baler", codec=codec)
    (note,) = summary.notes
    assert why in note


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def no_numbers(task: Any, *_: object, **__: object) -> fit_autoencoder.RowBits:
    nothing = torch.full((1, task.data.values), math.nan, requires_grad=True)
    return fit_autoencoder.RowBits(nothing, nothing[:, :1], nothing[:, :0], nothing[:, 0])


@pytest.mark.parametrize(
    ("what", "instead", "why"),
    [
        ("fit_autoencoder.AutoencoderTask.bits", no_numbers, "no step of its training gave a number"),
        ("autoencoder.Autoencoder.programs", failing(FloatingPointError("weights are not finite")), None),
        ("network.Network.program", failing(CorruptFileError("a program of 1e9 products")), None),
    ],
    ids=["no numbers", "weights", "too large"],
)  # fmt: skip
def test_trainings_that_fail_leave_classic(
    what: str,
    instead: Any,
    why: str | None,
    make_root: Maker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"baler_root.training.torch.{what}", instead)
    source, target = make_root("table.root", Events=table()), tmp_path / "out.baler"
    summary = baler_root.compress(source, target, codec=LatentOptions("autoencoder", residual="none"))
    (note,) = summary.notes
    assert "more columns is not used, but classic: " in note
    assert why is None or why in note
    assert baler_root.verify(target, source).problems == []


def test_a_rate_that_is_too_high_diverges_or_not_but_bounds_hold(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_autoencoder, "WARM_UP", 1)
    monkeypatch.setattr(AutoencoderSettings, "__init__", _faster(AutoencoderSettings.__init__))
    source, target = make_root("table.root", Events=table()), tmp_path / "out.baler"
    baler_root.compress(source, target, codec="transformer")
    assert baler_root.verify(target, source).problems == []


def _faster(usual: Callable[..., None]) -> Callable[..., None]:
    return lambda self, **given: usual(self, **{**given, "rate": 1e6})


def test_a_gpu_with_too_little_memory_is_left_alone(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, calls = fit_autoencoder.AutoencoderTask.fit, []

    def run(self: Any, *arguments: Any) -> Any:
        calls.append(self.data.device)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return usual(self, *arguments)

    monkeypatch.setattr(fit_autoencoder.AutoencoderTask, "fit", run)
    monkeypatch.setattr(fit_autoencoder, "devices", lambda: ["cpu", "cpu"])
    source, target = make_root("table.root", Events=table()), tmp_path / "out.baler"
    summary = baler_root.compress(source, target, codec="autoencoder")
    assert len(calls) == 2
    assert any("the GPU's memory is too small for the training" in note for note in summary.notes)
    assert baler_root.verify(target, source).problems == []


def test_ctrl_c_leaves_nothing(make_root: Maker, tmp_path: Path) -> None:
    source, threads = make_root("table.root", Events=table()), torch.get_num_threads()
    random = torch.get_rng_state()

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        baler_root.compress(source, tmp_path / "out.baler", codec="autoencoder", progress=interrupt)
    assert sorted(tmp_path.iterdir()) == before
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), random)


def test_same_seed_same_bytes(make_root: Maker, tmp_path: Path) -> None:
    source = make_root("table.root", Events=table())
    data = []
    for seed in (1, 1, 2):
        baler_root.compress(
            source,
            tmp_path / "out.baler",
            codec="transformer",
            training=TrainingOptions(seed=seed),
            overwrite=True,
        )
        data.append((tmp_path / "out.baler").read_bytes())
    assert data[0] == data[1] != data[2]


def test_threads_are_given_back() -> None:
    torch.set_num_threads(2)
    seen: list[int] = []
    with fit_autoencoder.one_thread():
        seen.append(torch.get_num_threads())
    assert (seen, torch.get_num_threads()) == ([1], 2)


def widths_of(sizes: Sequence[float], level: str) -> list[int]:
    return [next(width for most, width in latent.WIDTHS[level] if size <= most) for size in sizes]


def test_small_tables_take_narrow_networks() -> None:
    assert widths_of([0, 2e5, 1e9], "default") == [16, 32, 64]
    assert widths_of([0, 2e5, 1e9], "max") == [32, 64, 128]
