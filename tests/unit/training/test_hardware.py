"""Encoders for firmware: few bits, within a budget; codec, definition and estimates agree."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.cli import Cli

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")

import baler_root
from baler_root import LatentOptions
from baler_root.api.train import train
from baler_root.errors import ConfigError
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.latent.columns import latents_of
from baler_root.format.model_file import read_model_file
from baler_root.format.networks.dense import Dense
from baler_root.fpga.build.rtl import estimate
from baler_root.fpga.code_format import CodeFormat
from baler_root.fpga.explore.fidelity import LatentFidelity
from baler_root.fpga.explore.point import ScanPoint, mark_front
from baler_root.fpga.explore.response import resolution
from baler_root.fpga.front_end import read_rows
from baler_root.fpga.link import Link
from baler_root.fpga.wire.decode import decode
from baler_root.fpga.wire.software_board import SendOptions, send
from baler_root.training import latent
from baler_root.training.hardware.budget import HardwareBudget
from baler_root.training.hardware.encoder_hardware import Hardware
from baler_root.training.hardware.limits import HardwareLimits
from baler_root.training.hardware.resources import ESTIMATE_ERROR, Resources, nonzero_digits
from baler_root.training.torch.autoencoder import AutoencoderShape
from baler_root.training.torch.builtin_autoencoders import DenseAutoencoder
from baler_root.training.torch.pruning import BitPruning

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")

CIRCUITS = [
    Hardware(),
    Hardware((8,), (3, 4), (5,), 6, 5),
    Hardware((), (2,), (), 4, 2),
    Hardware((12, 9), (8, 5, 2), (12, 3), 12, 12),
]

Maker = Callable[..., Path]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(latent, "STEPS", {"default": 60, "max": 60})


def table(rows: int = 3000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    hidden = rng.normal(size=(rows, 2))
    mixed = hidden @ rng.normal(size=(2, 5)) + 0.05 * rng.normal(size=(rows, 5))
    return {**{f"x{n}": mixed[:, n].astype("f4") for n in range(5)}, "n": rng.poisson(3, rows).astype("i4")}


@pytest.fixture
def source(make_root: Maker) -> Path:
    return make_root("table.root", Events=table())


@pytest.mark.parametrize("hardware", CIRCUITS, ids=str)
def test_networks_compute_what_their_programs_do(hardware: Hardware) -> None:
    torch.manual_seed(1)
    network = DenseAutoencoder(AutoencoderShape(7, 3, 2, 16, (), hardware)).double()
    encoder, _ = network.programs()
    codes = np.random.default_rng(0).integers(-CODE_LIMIT, CODE_LIMIT, (200, 7))
    with torch.no_grad():
        exact = network.encode(torch.from_numpy(codes * 2.0**-8).double()).numpy()
    rounded = np.clip(np.floor(exact + 0.5), *network.latent_limits)
    # Latents of the training have a few fraction bits, and are rounded to these first.
    assert np.abs(encoder(codes) - rounded).max() <= 1
    assert (encoder(codes) == rounded).mean() > 0.9
    dense = [operation for operation in encoder.operations if isinstance(operation, Dense)]
    weighted = dense[-len(hardware.weight_bits) :]
    for layer, bits in zip(weighted, hardware.weight_bits, strict=True):
        assert np.abs(layer.weight.astype(int)).max() < 1 << (bits - 1)
        assert layer.shift >= 1
    for layer, bits in zip(weighted, hardware.activation_bits, strict=False):
        assert (layer.low, layer.high) == (0, (1 << bits) - 1)
    assert (weighted[-1].low, weighted[-1].high) == network.latent_limits
    assert network.latent_limits[1] == (1 << (hardware.latent_bits - 1)) - 1


def test_a_model_of_few_bits_is_an_ordinary_one(source: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "few.balermodel", tmp_path / "out.baler"
    hardware = HardwareLimits((8,), (5, 4), (6,), 7, 6)
    summary = train(source, model, codec=LatentOptions("autoencoder", latents=3, hardware=hardware))
    assert any("weights of 5,4 bits" in note and "LUTs" in note for note in summary.notes)
    link = Link.open(model)
    definition = link.definition
    assert definition.input == CodeFormat(True, 7)
    assert [layer.output for layer in definition.layers] == [CodeFormat(False, 6), CodeFormat(True, 6)]
    assert definition.latent_bits <= 3 * 6
    # Front end, firmware and codec give the same latents, and the wire's shorter way does.
    rows = next(read_rows(link, source))
    assert rows.codes.min() >= -64
    assert rows.codes.max() <= 63
    latents = definition(rows.codes)
    assert np.array_equal(latents, link.latents(rows.codes))
    assert np.array_equal(latents, link.model.encoder(rows.unrounded))
    known = {number: column.axis for number, column in enumerate(link.model.columns)}
    places = {
        number: np.searchsorted(axis.codes, rows.unrounded[:, number], side="left")
        for number, axis in known.items()
    }
    assert np.array_equal(latents, latents_of(link.model, places))
    for number, entry in enumerate(definition.inputs):
        back = entry.place_of_code(rows.codes[:, number], known[number])
        assert np.array_equal(entry.codes_of_symbols(back + known[number].low), rows.codes[:, number])
    assert 0 < LatentFidelity.of(link, source).error < 4
    baler_root.compress(source, out, codec="autoencoder", model=model)
    with baler_root.open(out) as file:
        for name, values in table().items():
            found = np.asarray(file["Events"][name].array())
            assert np.all(np.abs(found - values) <= 1e-3 * np.abs(values))


def test_a_budget_is_kept(source: Path, tmp_path: Path) -> None:
    sizes = {}
    for name, luts in (("free", None), ("tight", 600)):
        budget = None if luts is None else HardwareBudget(luts=luts)
        hardware = HardwareLimits((12,), (6,), budget=budget)
        path = tmp_path / f"{name}.balermodel"
        train(source, path, codec=LatentOptions("autoencoder", latents=3, hardware=hardware))
        definition = Link.open(path).definition
        bits = [definition.input_format(number).width for number in range(len(definition.layers))]
        sizes[name] = Resources.of([layer.weights for layer in definition.layers], bits).luts
    assert sizes["free"] > 900
    assert sizes["tight"] <= 600


def test_a_search_takes_what_fits(source: Path, tmp_path: Path) -> None:
    model = tmp_path / "found.balermodel"
    train(
        source,
        model,
        codec=LatentOptions(
            "autoencoder", latents=3, hardware=HardwareLimits.parse("luts<900,edges<6,levels=3")
        ),
    )
    hardware = read_model_file(model).models[0].model.training_record["circuit"]
    assert hardware["hidden"] in ([], [16], [32])
    with pytest.raises(ConfigError, match="clock cycles"):
        train(
            source,
            tmp_path / "no",
            codec=LatentOptions("autoencoder", latents=3, hardware=HardwareLimits.parse("edges<2,levels=1")),
        )
    with pytest.raises(ConfigError, match="rounding alone"):
        train(
            source,
            tmp_path / "no",
            codec=LatentOptions("autoencoder", latents=3, hardware=HardwareLimits.parse("luts<30")),
        )
    assert not (tmp_path / "no").exists()


def test_the_same_seed_gives_the_same_model(source: Path, tmp_path: Path) -> None:
    for name in "ab":
        hardware = HardwareLimits((8,), budget=HardwareBudget(luts=700))
        train(source, tmp_path / name, codec=LatentOptions("autoencoder", latents=2, hardware=hardware))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_pruned_weights_stay_away() -> None:
    torch.manual_seed(0)
    network = DenseAutoencoder(AutoencoderShape(9, 4, 2, 16, (), Hardware()))
    pruning = BitPruning.of(network.encoder, 2500)
    assert pruning is not None
    assert not pruning.within_budget
    before = pruning.loss(torch.tensor(100.0))
    assert float(before.detach()) > 100
    before.backward()
    pruning.prune(0, 1.0)
    assert pruning.within_budget
    zeros = [layer.integers() == 0 for layer in pruning.layers]
    for layer in pruning.layers:
        layer.weight.data += 1.0
    for layer, zero in zip(pruning.layers, zeros, strict=True):
        assert (layer.integers()[layer.keep.numpy() == 0] == 0).all()
        assert zero[layer.keep.numpy() == 0].all()
    assert BitPruning.of(network.encoder, np.inf) is None


def test_estimates_are_near_what_da4ml_says(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("da4ml", reason="da4ml is not installed (pip install 'baler-root[rtl]')")
    hardware = HardwareLimits((24, 16), (6,))
    train(source, tmp_path / "m", codec=LatentOptions("autoencoder", latents=6, hardware=hardware))
    definition = Link.open(tmp_path / "m").definition
    bits = [definition.input_format(number).width for number in range(len(definition.layers))]
    cheap, solved = Resources.of([layer.weights for layer in definition.layers], bits), estimate(definition)
    assert cheap.luts == pytest.approx(solved.luts, rel=2.5 * ESTIMATE_ERROR)
    assert abs(cheap.adder_depth - solved.adder_depth) <= 6


def test_digits_are_those_of_the_shortest_sums() -> None:
    for weight in range(-127, 128):
        least = min(
            (plus.bit_count() + (plus - abs(weight)).bit_count() for plus in range(abs(weight), 256)),
            default=0,
        )
        assert int(nonzero_digits(np.array(weight))) == least, weight


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("luts<0", "at least"),
        ("lut<100", "did you mean 'luts'"),
        ("luts=100", "write it as"),
        ("latency<100", "write it as"),
        ("latency<4ns", "at least two clock cycles"),
        ("luts<5,luts<6", "write it as"),
        ("", "write it as"),
        ("clock=0MHz,luts<9", "write it as"),
    ],
)
def test_budgets_that_make_no_sense(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        HardwareBudget.parse(text)


def test_budgets() -> None:
    assert HardwareBudget.parse("luts<15000, latency<100ns") == HardwareBudget(15000, 20, 200, 3)
    assert HardwareBudget.parse("edges<12,latency<25ns,clock=320MHz,levels=4") == HardwareBudget(
        latency_cycles=8, clock=320, adder_levels=4
    )
    for clock in ("400MHz", "0.4 GHz", "2.5ns"):
        assert HardwareBudget.parse(f"latency<25ns,clock={clock}") == HardwareBudget(
            latency_cycles=10, clock=400
        )
    assert HardwareBudget.parse(str(HardwareBudget(9000, 12, 240, 2))) == HardwareBudget(9000, 12, 240, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hidden", "32,x"], "write numbers"),
        (["--hidden", "32,16", "--weight-bits", "6,6"], "2 numbers for 3 layers"),
        (["--weight-bits", "9"], "from 2 to 8"),
        (["--activation-bits", "2"], "from 3 to 12"),
        (["--input-bits", "13"], "from 4 to 12"),
        (["--latent-bits", "1"], "from 2 to 12"),
        (["--hidden", "300"], "at most 4 layers of 1 to 256 neurons"),
        (["--fpga-budget", "luts"], "write it as"),
        (["--codec", "transformer", "--input-bits", "8"], "cannot be firmware"),
        (["--codec", "conditional", "--input-bits", "8"], "for the codec autoencoder"),
    ],
)
def test_options_without_sense(options: list[str], said: str, source: Path, tmp_path: Path, cli: Cli) -> None:
    codec = [] if "--codec" in options else ["--codec", "autoencoder"]
    outcome = cli("train", str(source), "-o", str(tmp_path / "m"), *codec, *options)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
    assert not (tmp_path / "m").exists()


def test_the_front_has_what_nothing_beats() -> None:
    def point(name: str, error: float, luts: float) -> ScanPoint:
        return ScanPoint(name, "", 1, 1, error, luts, 1, 1.0, "formula")

    points = [point("a", 1, 5), point("b", 2, 4), point("c", 2, 5), point("d", 3, 4), point("e", 3, 1)]
    assert [one.name for one in mark_front(points) if one.on_front] == ["a", "b", "e"]


def test_resolutions_are_half_of_the_shortest_interval() -> None:
    rng = np.random.default_rng(0)
    original = rng.exponential(5.0, 50_000)
    decoded = original * rng.normal(1.1, 0.03, original.size)
    decoded[:500] *= 100  # far off: they count, and do not matter much
    original[-9:] = 0
    decoded[-20:-10] = np.nan
    assert resolution(decoded, original) == pytest.approx(0.03, rel=0.05)
    assert resolution(np.ones(3), np.zeros(3)) is None


def test_a_scan_tells_responses(make_root: Maker, tmp_path: Path, cli: Cli) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install 'baler-root[report]')")
    values = {
        f"jet_{name}": np.exp(own) for name, own in zip(("pt", "E", "mass"), table().values(), strict=False)
    }
    source = make_root("learn.root", Events=values)
    test = make_root("test.root", Events={name: own[::-2] for name, own in values.items()})
    arguments = ["--hidden", "none", "--weight-bits", "6", "--latents", "2", "-q"]
    folder = tmp_path / "usual"
    outcome = cli("fpga", "explore", str(source), "-o", str(folder), *arguments, "--bound", "lossless")
    assert outcome.code == 0, outcome.err
    document = json.loads((folder / "explore.json").read_text())
    assert list(document["points"][0]["responses"]) == ["jet_pt", "jet_E"]
    assert not document["measured"]["held_out"]
    folder = tmp_path / "asked"
    asked = ["--response", "jet_mass", "--test", str(test)]
    outcome = cli("fpga", "explore", str(source), "-o", str(folder), *arguments, *asked)
    assert outcome.code == 0, outcome.err
    document = json.loads((folder / "explore.json").read_text())
    assert document["measured"]["held_out"]
    found = document["points"][0]["responses"]["jet_mass"]
    with (folder / "explore.csv").open(newline="") as file:
        assert [float(row["response:jet_mass"]) for row in csv.DictReader(file)] == [found]
    # What a reader of the board's packets gets, where nothing is passed through.
    model, stream = folder / "models" / "01.balermodel", tmp_path / "stream.bin"
    send(test, model, str(stream), SendOptions(pass_through=False))
    decode(stream, tmp_path / "out.baler", model)
    with baler_root.open(tmp_path / "out.baler") as file:
        decoded = np.asarray(file["Events"]["jet_mass"].array()).astype(float)
    assert resolution(decoded, values["jet_mass"][::-2].astype(float)) == found
    wrong = cli(
        "fpga", "explore", str(source), "-o", str(tmp_path / "no"), *arguments, "--response", "jet_pT"
    )
    assert wrong.code == 2
    assert "no such branch" in wrong.err
    assert "jet_pt" in wrong.err
    assert not (tmp_path / "no").exists()


def test_a_scan_writes_points_and_models(source: Path, tmp_path: Path, cli: Cli) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install 'baler-root[report]')")
    folder = tmp_path / "scan"
    arguments = ["--hidden", "8;none", "--weight-bits", "4", "--latents", "2", "--tree", "Events"]
    outcome = cli("fpga", "explore", str(source), "-o", str(folder), *arguments, "-q")
    assert outcome.code == 0, outcome.err
    points = json.loads((folder / "explore.json").read_text())["points"]
    assert [point["name"] for point in points] == ["01", "02"]
    assert any(point["on_front"] for point in points)
    assert points[1]["luts"] < points[0]["luts"]
    with (folder / "explore.csv").open(newline="") as file:
        assert [float(row["luts"]) for row in csv.DictReader(file)] == [point["luts"] for point in points]
    assert (folder / "explore.png").read_bytes().startswith(b"\x89PNG")
    for point in points:
        assert len(Link.open(folder / "models" / f"{point['name']}.balermodel").definition.latents) == 2
    again = cli("fpga", "explore", str(source), "-o", str(folder), *arguments)
    assert again.code == 1
    assert "exists already" in again.err
    none = cli("fpga", "explore", str(source), "-o", str(tmp_path / "no"), "--weight-bits", "9")
    assert none.code == 2
    assert not (tmp_path / "no").exists()
