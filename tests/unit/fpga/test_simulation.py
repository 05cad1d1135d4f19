"""Every computation of the latents, in C++ and Verilog too, gives the bits of the definition."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import baler_root
from baler_root.fpga.build import hls, rtl_simulation
from baler_root.fpga.build.packetiser import expected_packets
from baler_root.fpga.build.project import BuildOptions, build
from baler_root.fpga.build.rtl import PortField, latent_expression
from baler_root.fpga.build.target import Target
from baler_root.fpga.build.vectors import Vectors, from_hex, to_hex
from baler_root.fpga.code_format import CodeFormat
from baler_root.fpga.encoder import EncoderDefinition
from tests.helpers.cli import Cli
from tests.helpers.firmware import (
    INSTALLED,
    Make,
    needs_compiler,
    needs_verilator,
)


def test_vectors_saturate_and_come_back_from_text(make_model: Make, tmp_path: Path) -> None:
    definition = EncoderDefinition.from_model(make_model())
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
        (PortField(4, 0, 0, False), CodeFormat(True, 6), "6'd0"),
        (PortField(4, 6, 0, True), CodeFormat(True, 6), "{trimmed[9:4]}"),
        (PortField(4, 8, 0, True), CodeFormat(True, 6), "{trimmed[9:4]}"),
        (PortField(4, 5, 0, False), CodeFormat(True, 6), "{1'd0, trimmed[8:4]}"),
        (PortField(4, 3, 1, True), CodeFormat(True, 6), "{{2{trimmed[6]}}, trimmed[6:4], 1'd0}"),
    ],
)
def test_latents_are_extended_to_their_widths(field: PortField, latent: CodeFormat, text: str) -> None:
    assert latent_expression(field, latent) == text


def test_every_precision_is_explicit(built: Path) -> None:
    defines = (built / "hls" / "firmware" / "defines.h").read_text()
    definition = EncoderDefinition.from_model(built / "model.balermodel")
    types = [line for line in defines.splitlines() if line.startswith("typedef ap_")]
    assert "ap_fixed<16,6" not in defines
    assert sum("AP_RND,AP_SAT" in line for line in types) == len(definition.layers)
    for number, layer in enumerate(definition.layers):
        sums = definition.sum_format(number).width
        assert f"ap_fixed<{sums},{sums - layer.shift}> dense{number}_accum_t" in defines


def test_packets_are_decoded_to_the_latents(
    make_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The packets that the Verilog is compared with decode to the expected latents."""
    model = make_model()
    definition = EncoderDefinition.from_model(model)
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
    definition = EncoderDefinition.read(built / "spec.json")
    vectors = Vectors.read(built / "tb", definition, 0)
    assert np.array_equal(hls.simulate(definition, built / "hls", vectors.codes), vectors.latents)


@needs_verilator
def test_verilog_gives_the_same_bits_and_packets(make_model: Make, tmp_path: Path) -> None:
    report = build(make_model(), tmp_path / "out", BuildOptions(synthesis_seconds=0))
    assert report.gaps == ("synthesis: left out, as asked",)
    agreed = report.agreement
    assert agreed.complete
    assert {path.identical for path in agreed.paths} == {10_000}
    assert report.pipeline is not None
    assert agreed.latency_cycles == report.pipeline.latency_cycles
    assert agreed.packets is not None
    assert (tmp_path / "out" / "report.png").read_bytes().startswith(b"\x89PNG")


@needs_verilator
def test_changed_verilog_is_found(built: Path) -> None:
    text = (built / "rtl" / "baler_encoder.v").read_text()
    at = text.index("assign latents[")
    (built / "rtl" / "baler_encoder.v").write_text(text[:at] + text[at:].replace("= {", "= ~{", 1))
    definition = EncoderDefinition.read(built / "spec.json")
    result = rtl_simulation.simulate(definition, built / "rtl", built / "tb")
    latents = Vectors.read(built / "tb", definition, 0).latents
    assert (result.latents[:, 0] == ~latents[:, 0]).all()


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED["iverilog"], reason="iverilog is not installed")
def test_verilog_bench_runs_elsewhere(built: Path) -> None:
    sources = [str(path) for path in sorted((built / "rtl").glob("*.v"))]
    command = ["iverilog", "-g2001", "-o", "bench", "bench.v", *sources]
    subprocess.run(command, cwd=built / "tb", check=True)
    done = subprocess.run(["./bench"], cwd=built / "tb", check=True, capture_output=True, text=True)
    assert "10000 of 10000 rows identical" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED["yosys"], reason="yosys is not installed")
def test_synthesis_counts_cells(make_model: Make, tmp_path: Path) -> None:
    report = build(make_model(), tmp_path / "out", BuildOptions(synthesis_seconds=36_000))
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
        BuildOptions(backend="vivado", strategy="distributed_arithmetic"),
        BuildOptions(backend="catapult", strategy="resource", reuse=2),
        BuildOptions(backend="vitis", strategy="resource", reuse=4, target="ku115"),
    ],
    ids=lambda options: f"{options.backend}-{options.strategy}",
)
def test_every_backend_gives_the_same_bits(make_model: Make, tmp_path: Path, options: BuildOptions) -> None:
    definition = EncoderDefinition.from_model(make_model())
    codes = Vectors.make(definition, None).codes
    target = Target.load(options.target)
    hls.write_hls(
        definition, target, 200.0, options.backend, options.strategy, options.reuse, tmp_path / "hls"
    )
    assert np.array_equal(hls.simulate(definition, tmp_path / "hls", codes), definition(codes))
