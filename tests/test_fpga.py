"""Firmware: every way to compute the latents gives the bits of the definition, and what cannot be firmware is refused."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot
from baler_root.fpga.build import agreement, hls, rtl_simulation, tools
from baler_root.fpga.build.agreement import C_SIMULATION, INTERPRETER, RTL
from baler_root.fpga.build.packetiser import expected_packets
from baler_root.fpga.build.project import Options, build, verify
from baler_root.fpga.build.rtl import Field, _sized, write_rtl
from baler_root.fpga.build.target import Target, folder, parse_clock
from baler_root.fpga.build.vectors import Vectors, from_hex, to_hex
from command import Cli
from models import attending, known_column, random_autoencoder
from numpy.typing import NDArray

import baler_root
from baler_root.compression.quantisation.quantise import quantise
from baler_root.errors import ConfigError, CorruptFileError, DisagreementError, MissingToolError
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.latent.columns import latents_of
from baler_root.format.codecs.latent.model import LATENT_LIMIT, AutoencoderModel
from baler_root.format.container.references import KnownColumn
from baler_root.format.model_file import StoredModel, write_model_file
from baler_root.format.networks.dense import Dense
from baler_root.format.networks.program import Program
from baler_root.fpga.code_format import CodeFormat
from baler_root.fpga.encoder import Definition
from baler_root.fpga.wire.software_board import send

BRANCHES = ("pt", "mass", "energy", "count")
Make = Callable[..., Path]
INSTALLED = {name: shutil.which(name) is not None for name in ("g++", "verilator", "yosys", "iverilog")}

needs_verilator = pytest.mark.skipif(
    not (INSTALLED["verilator"] and INSTALLED["g++"]), reason="verilator or g++ is not installed"
)
needs_compiler = pytest.mark.skipif(not INSTALLED["g++"], reason="g++ is not installed")


def values_of(rows: int = 3000, seed: int = 5) -> dict[str, NDArray[np.generic]]:
    rng = np.random.default_rng(seed)
    floats = {name: rng.exponential(50.0, rows).astype(np.float32) for name in BRANCHES[:3]}
    return {**floats, "count": rng.integers(0, 40, rows).astype(np.int32)}


def dense(rng: np.random.Generator, inputs: int, outputs: int, shift: int, low: int, high: int) -> Dense:
    weights = rng.integers(-30, 31, (outputs, inputs)).astype(np.int8)
    weights[rng.random(weights.shape) < 0.2] = 0
    return Dense(weights, rng.integers(-9999, 9999, outputs).astype(np.int32), shift, low, high)


def small_encoder(rng: np.random.Generator) -> Program:
    """Saturates in both layers; one latent is always 0, one is narrow."""
    last = dense(rng, 6, 4, 5, -128, 127)
    last.weight[1], last.bias[1] = 0, 0
    last.weight[2] = [0, 0, 1, 0, 0, 0]
    last.bias[2] = 0
    return Program([dense(rng, 4, 6, 6, 0, 1023), last], 4, -CODE_LIMIT, CODE_LIMIT - 1)


def model_of(encoder: Program, latents: int = 4, decoder: Program | None = None) -> AutoencoderModel:
    columns = []
    for name, values in values_of().items():
        bound = ErrorBound.parse("rel=0.001" if values.dtype.kind == "f" else "lossless")
        quantised = quantise(values, bound)
        columns.append(known_column(name, quantised.recipe.to_bytes(), quantised.symbols))
    return random_autoencoder(columns, latents=latents, encoder=encoder, decoder=decoder)


@pytest.fixture
def make_model(tmp_path: Path) -> Make:
    """`make_model(encoder)` writes a `.balermodel` of random networks with this encoder."""

    def make(encoder: Program | None = None, latents: int = 4, trees: tuple[str, ...] = ("Events",)) -> Path:
        model = model_of(encoder or small_encoder(np.random.default_rng(1)), latents)
        known = [
            KnownColumn(name, "", "data", str(values.dtype), bound, bound)
            for name, values in values_of().items()
            for bound in ["rel=0.001" if values.dtype.kind == "f" else "lossless"]
        ]
        path = tmp_path / "small.balermodel"
        write_model_file(path, [StoredModel.of(tree, known, model.to_bytes()) for tree in trees], {})
        return path

    return make


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# The definition


def test_definition_is_the_encoder_of_the_codec(make_model: Make) -> None:
    model = model_of(small_encoder(np.random.default_rng(1)))
    definition = Definition.from_model(make_model())
    rng = np.random.default_rng(3)
    places = {n: rng.integers(0, column.axis.length, 500) for n, column in enumerate(model.columns)}
    codes = np.stack([model.columns[n].axis.codes[at] for n, at in places.items()], axis=1)
    assert np.array_equal(definition(codes), latents_of(model, places))
    for n, entry in enumerate(definition.inputs):
        assert np.array_equal(entry.of_symbols(places[n] + model.columns[n].axis.low), codes[:, n])


def test_definition_survives_its_file(make_model: Make, tmp_path: Path) -> None:
    definition = Definition.from_model(make_model())
    path = tmp_path / "spec.json"
    definition.write(path)
    again = Definition.read(path)
    assert again.to_json() == definition.to_json()
    assert again.digest == definition.digest
    changed(path, '"sum_width": ', '"sum_width": 1')
    with pytest.raises(CorruptFileError, match="contradicts itself"):
        Definition.read(path)


def test_values_get_the_codes_of_their_symbols(make_model: Make) -> None:
    definition, values = Definition.from_model(make_model()), values_of()
    model = model_of(small_encoder(np.random.default_rng(1)))
    for entry, column, (name, own) in zip(definition.inputs, model.columns, values.items(), strict=True):
        symbols = quantise(own, ErrorBound.parse(entry.column.held)).symbols
        assert np.array_equal(entry.of_values(own), column.axis.codes[column.axis.places(symbols)]), name


def test_thresholds_give_nearly_the_same_codes(make_model: Make) -> None:
    """A front end that compares with `inputs.csv` is at most one symbol off."""
    for entry, own in zip(Definition.from_model(make_model()).inputs, values_of().values(), strict=True):
        run = np.searchsorted(entry.thresholds(), own, side="right") - 1
        exact = np.searchsorted(entry.codes, entry.of_values(own))
        assert np.abs(run - exact).max() <= 1


def test_latents_fit_their_formats(make_model: Make) -> None:
    definition = Definition.from_model(make_model())
    latents = Vectors.make(definition, None).latents
    low, high = latents.min(axis=0), latents.max(axis=0)
    for latent, least, most in zip(definition.latents, low, high, strict=True):
        assert latent.low <= least
        assert most <= latent.high
    assert definition.latents[1].width == 1
    assert definition.latents[2].width < definition.output.width


def test_vectors_saturate_and_come_back_from_text(make_model: Make, tmp_path: Path) -> None:
    definition = Definition.from_model(make_model())
    vectors = Vectors.make(definition, None)
    assert len(vectors.codes) >= 10_000
    assert (definition.saturated(vectors.codes).sum(axis=0) > 100).all()
    vectors.write(tmp_path, definition)
    again = Vectors.read(tmp_path, definition, 0)
    assert np.array_equal(again.codes, vectors.codes)
    assert np.array_equal(again.latents, vectors.latents)


def test_hex_has_the_first_code_in_the_lowest_bits(tmp_path: Path) -> None:
    formats = [CodeFormat(True, 5), CodeFormat(False, 3), CodeFormat(True, 9)]
    rows = np.array([[-1, 2, 3], [7, 5, -256]])
    text = to_hex(rows, formats)
    assert text.split()[0] == f"{0b11111 | 2 << 5 | 3 << 8:06x}"
    path = tmp_path / "rows.hex"
    path.write_text(text)
    assert np.array_equal(from_hex(path, formats), rows)


@pytest.mark.parametrize(
    ("field", "latent", "text"),
    [
        (Field(4, 0, 0, False), CodeFormat(True, 6), "6'd0"),
        (Field(4, 6, 0, True), CodeFormat(True, 6), "{trimmed[9:4]}"),
        (Field(4, 8, 0, True), CodeFormat(True, 6), "{trimmed[9:4]}"),
        (Field(4, 5, 0, False), CodeFormat(True, 6), "{1'd0, trimmed[8:4]}"),
        (Field(4, 3, 1, True), CodeFormat(True, 6), "{{2{trimmed[6]}}, trimmed[6:4], 1'd0}"),
    ],
)
def test_latents_are_extended_to_their_widths(field: Field, latent: CodeFormat, text: str) -> None:
    assert _sized(field, latent) == text


# What cannot be firmware


def test_other_codecs_are_refused(make_model: Make) -> None:
    attention = Program([*attending(4, 4, 1, seed=0, width=4).operations], 4, -CODE_LIMIT, CODE_LIMIT - 1)
    with pytest.raises(
        ConfigError, match=r"an encoder with 'shape', cannot be firmware; .*'autoencoder' can"
    ):
        Definition.from_model(make_model(attention))


def test_limits_that_are_no_powers_of_two_are_refused(make_model: Make) -> None:
    rng = np.random.default_rng(0)
    encoder = Program([dense(rng, 4, 4, 6, -100, 100)], 4, -CODE_LIMIT, CODE_LIMIT - 1)
    with pytest.raises(ConfigError, match=r"layer 0 saturates at -100 and 100; .* powers of two"):
        Definition.from_model(make_model(encoder))


def test_sums_that_are_too_wide_are_refused(make_model: Make) -> None:
    first = Dense(np.full((4, 4), 127, np.int8), np.zeros(4, np.int32), 1, -(1 << 30), (1 << 30) - 1)
    last = Dense(np.full((4, 4), 127, np.int8), np.zeros(4, np.int32), 20, -LATENT_LIMIT, LATENT_LIMIT - 1)
    encoder = Program([first, last], 4, -CODE_LIMIT, CODE_LIMIT - 1)
    with pytest.raises(ConfigError, match=r"layer 1 is too wide: sums of 4 products of int31 need \d+ bits"):
        Definition.from_model(make_model(encoder))


def test_one_of_several_trees_must_be_named(make_model: Make) -> None:
    path = make_model(trees=("Events", "Runs"))
    with pytest.raises(ConfigError, match=r"2 models, of trees 'Events', 'Runs'.*--tree"):
        Definition.from_model(path)
    assert Definition.from_model(path, "Runs").tree == "Runs"
    with pytest.raises(ConfigError, match="no model of tree 'Jets'"):
        Definition.from_model(path, "Jets")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "quartz"], "one of vitis, vivado, catapult"),
        (["--strategy", "fast"], "one of latency, resource, distributed_arithmetic"),
        (["--strategy", "distributed_arithmetic", "--backend", "catapult"], "take vitis or vivado"),
        (["--reuse", "4"], "--strategy resource"),
        (["--reuse", "0"], "at least once"),
        (["--clock", "fast"], "write it as 200MHz or 5ns"),
        (["--levels", "0"], "at least 1"),
        (["--target", "vu999"], "built-in ones are ku115, vu13p"),
        (["--target", "nowhere.toml"], "no such file"),
    ],
)
def test_options_that_make_no_sense(
    make_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    outcome = Cli(capsys)("fpga", "build", make_model(), "-o", tmp_path / "out", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("luts =", "lutts =", "unknown key 'lutts'; did you mean 'luts'"),
        ("dsps = 12288", "", "dsps missing"),
        ("luts = 1728000", 'luts = "many"', "luts must be int"),
        ('"200MHz"', '"soon"', "write it as 200MHz"),
        ('"xcup"', '"ice40"', "yosys_family must be one of"),
        ("adder_levels = 3", "adder_levels = 0", "must be positive"),
        ("name =", "name", "cannot be read as TOML"),
    ],
)
def test_target_files_that_are_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    shutil.copyfile(folder() / "vu13p.toml", path)
    assert Target.load(str(path)) == Target.load("vu13p")
    changed(path, old, new)
    with pytest.raises(ConfigError, match=message):
        Target.load(str(path))


def test_clocks() -> None:
    assert parse_clock("2.5ns") == parse_clock("0.4 GHz") == parse_clock("400 MHz") == 400
    for wrong in ("", "200", "0MHz", "-5ns", "5us"):
        with pytest.raises(ConfigError, match="write it as"):
            parse_clock(wrong)


# Firmware


@pytest.fixture
def built(make_model: Make, tmp_path: Path) -> Path:
    """Firmware without what takes long: no synthesis, and only the ways that need no compiler."""
    path = tmp_path / "firmware"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools.shutil, "which", lambda _: None)
        build(make_model(), path, Options(synthesis_seconds=0))
    return path


def test_what_is_not_installed_is_named_and_the_rest_done(built: Path) -> None:
    document = json.loads((built / "agreement.json").read_text())
    assert not document["complete"]
    gaps = {path["path"]: path["gap"] for path in document["paths"]}
    assert gaps[C_SIMULATION] == "g++ is not installed: apt install g++"
    assert gaps[RTL] == "verilator is not installed: apt install verilator"
    for path in document["paths"]:
        assert path["identical"] == path["rows"] == (0 if path["gap"] else 10_000)
    report = (built / "report.md").read_text(encoding="utf-8")
    assert "RTL under Verilator: verilator is not installed" in report
    assert "synthesis: left out, as asked" in report
    for name in (
        "spec.json",
        "inputs.csv",
        "hls/build_prj.tcl",
        "hls/README.md",
        "rtl/baler_link.v",
        "tb/bench.v",
    ):
        assert (built / name).is_file(), name


def test_without_libraries_the_rest_is_built(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    for name in ("da4ml", "da4ml.trace", "da4ml.types", "hls4ml", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    report = build(make_model(), tmp_path / "out", Options())
    assert {gap.partition(":")[0] for gap in report.gaps} >= {"hls/", "rtl/", "report.png", INTERPRETER}
    assert 'pip install "baler-root[rtl]"' in "".join(report.gaps)
    assert not (tmp_path / "out" / "rtl").exists()
    assert (tmp_path / "out" / "report.md").is_file()
    assert report.edges is None


def test_spec_has_the_digest_of_the_model(built: Path) -> None:
    spec = json.loads((built / "spec.json").read_text())
    assert bytes.fromhex(spec["sha256"]) == Definition.from_model(built / "model.balermodel").digest
    assert spec["sha256"] in (built / "rtl" / "baler_encoder.v").read_text()
    with (built / "inputs.csv").open() as file:
        assert {row["branch"] for row in csv.DictReader(file)} == set(BRANCHES)


def test_every_precision_is_explicit(built: Path) -> None:
    defines = (built / "hls" / "firmware" / "defines.h").read_text()
    definition = Definition.from_model(built / "model.balermodel")
    types = [line for line in defines.splitlines() if line.startswith("typedef ap_")]
    assert "ap_fixed<16,6" not in defines
    assert sum("AP_RND,AP_SAT" in line for line in types) == len(definition.layers)
    for number, layer in enumerate(definition.layers):
        sums = definition.sum_format(number).width
        assert f"ap_fixed<{sums},{sums - layer.shift}> dense{number}_accum_t" in defines


def test_verify_finds_changes(
    built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    cli = Cli(capsys)
    assert cli("fpga", "verify", built, "--json").json["rows"] == 10_000
    latents = built / "tb" / "latents.hex"
    original = latents.read_text()
    first, _, rest = original.partition("\n")
    latents.write_text(f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}")
    outcome = cli("fpga", "verify", built)
    assert outcome.code == 1
    assert "1 rows of latents are not those of the definition" in outcome.err
    latents.write_text(original)
    spec = built / "spec.json"
    document = json.loads(spec.read_text())
    document["layers"][0]["weights"][0][0] ^= 1
    spec.write_text(json.dumps(document))
    outcome = cli("fpga", "verify", built)
    assert outcome.code == 1
    assert "build the firmware again" in outcome.err


def test_other_logic_is_found(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose Verilog is of another model."""
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    other = Path(str(built) + "-other")
    model = model_of(small_encoder(np.random.default_rng(2)))
    definition = Definition.read(built / "spec.json")
    known = [entry.column for entry in definition.inputs]
    write_rtl(
        Definition.of(StoredModel.of("Events", known, model.to_bytes())),
        Target.load("vu13p"),
        200.0,
        3,
        other,
    )
    shutil.copyfile(other / "encoder.json", built / "rtl" / "encoder.json")
    with pytest.raises(
        DisagreementError, match=r"da4ml interpreter: \d+ of 10000 rows differ .* the first is row"
    ):
        verify(built)


def test_disagreement_leaves_nothing(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    monkeypatch.setattr(agreement, "_gemm", lambda definition, codes: definition(codes) ^ (codes[:, :1] == 0))
    with pytest.raises(DisagreementError, match="float GEMM"):
        build(make_model(), tmp_path / "out", Options(synthesis_seconds=0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.balermodel"]


def test_folders_that_exist_are_kept(
    make_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    cli = Cli(capsys)
    outcome = cli("fpga", "build", make_model(), "-o", target)
    assert outcome.code == 1
    assert "exists already; use --overwrite" in outcome.err
    outcome = cli("fpga", "build", tmp_path / "small.balermodel", "-o", target, "--overwrite")
    assert outcome.code == 1
    assert "no folder of firmware" in outcome.err
    assert (target / "thesis.tex").read_text() == "years of work"


def test_rows_of_a_data_file_come_first(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    data = tmp_path / "data.root"
    values = values_of(rows=700, seed=9)
    with uproot.recreate(data) as file:
        file.mktree("Events", {name: own.dtype for name, own in values.items()})
        file["Events"].extend(values)
    report = build(make_model(), tmp_path / "out", Options(synthesis_seconds=0), data=data, rows=500)
    assert report.agreement.physics == 500
    definition = report.definition
    vectors = Vectors.read(tmp_path / "out" / "tb", definition, 500)
    codes = np.stack(
        [entry.of_values(own) for entry, own in zip(definition.inputs, values.values(), strict=True)], axis=1
    )
    assert np.array_equal(vectors.codes[:500], codes[:500])


def test_rows_that_are_sent_raw_are_counted(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a board of the simulator counts them, and as they are in its packets."""
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    data, values = tmp_path / "data.root", values_of(rows=700, seed=9)
    values["count"][::10] = 1000  # beyond the table
    with uproot.recreate(data) as file:
        file.mktree("Events", {name: own.dtype for name, own in values.items()})
        file["Events"].extend(values)
    rng = np.random.default_rng(4)
    model = make_model(Program([dense(rng, 4, 4, 6, -512, 511)], 4, -CODE_LIMIT, CODE_LIMIT - 1))
    report = build(model, tmp_path / "out", Options(synthesis_seconds=0), data=data)
    found = report.traffic
    assert found is not None
    assert found.rows == 700
    assert found.odd >= 70
    assert 0 < found.saturated < found.raw < 700
    sent = send(data, model, str(tmp_path / "stream.bin"))
    assert (found.raw, found.saturated) == (sent.raw, sent.saturated)
    assert found.bits == sent.bits_out
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert document["traffic"]["raw"] == found.raw
    figures = {figure["what"]: figure for figure in document["figures"]}
    raw, bits = figures["rows sent raw"], figures["bits on the wire with these, per row"]
    assert (raw["value"], raw["how"]) == (100 * found.raw / 700, "measured")
    assert (bits["value"], bits["how"]) == (found.bits, "measured")
    assert bits["value"] > figures["bits on the wire, per row"]["value"]
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert f"{found.raw} of 700 rows of --data" in text


def test_without_data_nothing_is_known_of_raw_rows(built: Path) -> None:
    document = json.loads((built / "report.json").read_text())
    assert document["traffic"] is None
    (raw,) = [figure for figure in document["figures"] if figure["what"] == "rows sent raw"]
    assert (raw["value"], raw["how"]) == (None, "not known here")


def test_packets_are_decoded_to_the_latents(
    make_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that the Verilog is compared with."""
    model = make_model()
    definition = Definition.from_model(model)
    vectors = Vectors.make(definition, None)
    codes, raw = vectors.codes[-300:], np.arange(300) % 7 == 2
    stream = tmp_path / "stream.bin"
    stream.write_bytes(expected_packets(definition, codes, raw))
    outcome = Cli(capsys)("fpga", "decode", stream, "--model", model, "-o", tmp_path / "out.baler")
    assert outcome.code == 0, outcome.err
    with baler_root.open(tmp_path / "out.baler") as file:
        tree = file["Events"]
        assert np.array_equal(tree["wire_entry"].array(library="np"), np.arange(300))
        assert np.array_equal(np.asarray(tree.latents()), vectors.latents[-300:])


@needs_compiler
def test_c_simulation_gives_the_same_bits(built: Path) -> None:
    definition = Definition.read(built / "spec.json")
    vectors = Vectors.read(built / "tb", definition, 0)
    assert np.array_equal(hls.simulate(definition, built / "hls", vectors.codes), vectors.latents)


@needs_verilator
def test_verilog_gives_the_same_bits_and_packets(make_model: Make, tmp_path: Path) -> None:
    report = build(make_model(), tmp_path / "out", Options(synthesis_seconds=0))
    assert report.gaps == ("synthesis: left out, as asked",)
    found = report.agreement
    assert found.complete
    assert {path.identical for path in found.paths} == {10_000}
    assert report.pipeline is not None
    assert found.edges == report.pipeline.edges
    assert found.packets is not None
    assert (tmp_path / "out" / "report.png").read_bytes().startswith(b"\x89PNG")


@needs_verilator
def test_changed_verilog_is_found(built: Path) -> None:
    text = (built / "rtl" / "baler_encoder.v").read_text()
    at = text.index("assign latents[")
    (built / "rtl" / "baler_encoder.v").write_text(text[:at] + text[at:].replace("= {", "= ~{", 1))
    definition = Definition.read(built / "spec.json")
    out = rtl_simulation.simulate(definition, built / "rtl", built / "tb")
    latents = Vectors.read(built / "tb", definition, 0).latents
    assert (out.latents[:, 0] == ~latents[:, 0]).all()


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED["iverilog"], reason="iverilog is not installed")
def test_verilog_bench_runs_elsewhere(built: Path) -> None:
    sources = [str(path) for path in sorted((built / "rtl").glob("*.v"))]
    command = ["iverilog", "-g2001", "-o", "bench", "bench.v", *sources]
    subprocess.run(command, cwd=built / "tb", check=True, timeout=300)
    done = subprocess.run(
        ["./bench"], cwd=built / "tb", check=True, capture_output=True, text=True, timeout=600
    )
    assert "10000 of 10000 rows identical" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED["yosys"], reason="yosys is not installed")
def test_synthesis_counts_cells(make_model: Make, tmp_path: Path) -> None:
    report = build(make_model(), tmp_path / "out", Options(synthesis_seconds=600))
    assert report.synthesis is not None
    cells = report.synthesis.network
    assert cells.dsps == report.synthesis.link.dsps == 0
    assert report.pipeline is not None
    assert 0.5 < cells.luts / report.pipeline.luts < 2


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    "options",
    [
        Options(backend="vivado", strategy="distributed_arithmetic"),
        Options(backend="catapult", strategy="resource", reuse=2),
        Options(backend="vitis", strategy="resource", reuse=4, target="ku115"),
    ],
    ids=lambda options: f"{options.backend}-{options.strategy}",
)
def test_every_backend_gives_the_same_bits(make_model: Make, tmp_path: Path, options: Options) -> None:
    definition = Definition.from_model(make_model())
    codes = Vectors.make(definition, None).codes
    target = Target.load(options.target)
    hls.write_hls(
        definition, target, 200.0, options.backend, options.strategy, options.reuse, tmp_path / "hls"
    )
    assert np.array_equal(hls.simulate(definition, tmp_path / "hls", codes), definition(codes))


def test_tools_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    with pytest.raises(MissingToolError, match="yosys is not installed: apt install yosys"):
        tools.YOSYS.path()
