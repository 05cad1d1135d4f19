"""Firmware: all files of a build are there, gaps are listed, and changed files are traffic."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import uproot

from baler_root.errors import DisagreementError
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.model_file import StoredModel
from baler_root.format.networks.program import Program
from baler_root.fpga import tools
from baler_root.fpga.build import agreement
from baler_root.fpga.build.agreement import C_SIMULATION, INTERPRETER, RTL
from baler_root.fpga.build.project import BuildOptions, build, verify
from baler_root.fpga.build.rtl import write_rtl
from baler_root.fpga.build.target import Target
from baler_root.fpga.build.vectors import Vectors
from baler_root.fpga.encoder import EncoderDefinition
from baler_root.fpga.wire.software_board import send
from tests.helpers.cli import Cli
from tests.helpers.firmware import (
    BRANCHES,
    Make,
    dense,
    model_of,
    small_encoder,
    values_of,
)


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
    report = build(make_model(), tmp_path / "out", BuildOptions())
    assert {gap.partition(":")[0] for gap in report.gaps} >= {"hls/", "rtl/", "report.png", INTERPRETER}
    assert 'pip install "baler-root[rtl]"' in "".join(report.gaps)
    assert not (tmp_path / "out" / "rtl").exists()
    assert (tmp_path / "out" / "report.md").is_file()
    assert report.latency_cycles is None


def test_spec_has_the_digest_of_the_model(built: Path) -> None:
    spec = json.loads((built / "spec.json").read_text())
    assert bytes.fromhex(spec["sha256"]) == EncoderDefinition.from_model(built / "model.balermodel").digest
    assert spec["sha256"] in (built / "rtl" / "baler_encoder.v").read_text()
    with (built / "inputs.csv").open() as file:
        assert {row["branch"] for row in csv.DictReader(file)} == set(BRANCHES)


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
    definition = EncoderDefinition.read(built / "spec.json")
    known = [entry.column for entry in definition.inputs]
    write_rtl(
        EncoderDefinition.of(StoredModel.of("Events", known, model.to_bytes())),
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
    monkeypatch.setattr(
        agreement, "float_gemm", lambda definition, codes: definition(codes) ^ (codes[:, :1] == 0)
    )
    with pytest.raises(DisagreementError, match="float GEMM"):
        build(make_model(), tmp_path / "out", BuildOptions(synthesis_seconds=0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.balermodel"]


def test_rows_of_a_data_file_come_first(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    data = tmp_path / "data.root"
    values = values_of(rows=700, seed=9)
    with uproot.recreate(data) as file:
        file.mktree("Events", {name: array.dtype for name, array in values.items()})
        file["Events"].extend(values)
    report = build(make_model(), tmp_path / "out", BuildOptions(synthesis_seconds=0), data=data, rows=500)
    assert report.agreement.data_rows == 500
    definition = report.definition
    vectors = Vectors.read(tmp_path / "out" / "tb", definition, 500)
    codes = np.stack(
        [
            entry.codes_of_values(array)
            for entry, array in zip(definition.inputs, values.values(), strict=True)
        ],
        axis=1,
    )
    assert np.array_equal(vectors.codes[:500], codes[:500])


def test_rows_that_are_sent_raw_are_counted(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saturated latents, as a board of the simulator counts them and as its packets have them."""
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    data, values = tmp_path / "data.root", values_of(rows=700, seed=9)
    values["count"][::10] = 1000  # beyond the table
    with uproot.recreate(data) as file:
        file.mktree("Events", {name: array.dtype for name, array in values.items()})
        file["Events"].extend(values)
    rng = np.random.default_rng(4)
    model = make_model(Program([dense(rng, 4, 4, 6, -512, 511)], 4, -CODE_LIMIT, CODE_LIMIT - 1))
    report = build(model, tmp_path / "out", BuildOptions(synthesis_seconds=0), data=data)
    traffic = report.traffic
    assert traffic is not None
    assert traffic.rows == 700
    assert traffic.out_of_range >= 70
    assert 0 < traffic.saturated < traffic.raw < 700
    sent = send(data, model, str(tmp_path / "stream.bin"))
    assert (traffic.raw, traffic.saturated) == (sent.raw, sent.saturated)
    assert traffic.bits == sent.bits_out
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert document["traffic"]["raw"] == traffic.raw
    figures = {figure["what"]: figure for figure in document["figures"]}
    raw, bits = figures["rows sent raw"], figures["bits on the wire with these, per row"]
    assert (raw["value"], raw["how"]) == (100 * traffic.raw / 700, "measured")
    assert (bits["value"], bits["how"]) == (traffic.bits, "measured")
    assert bits["value"] > figures["bits on the wire, per row"]["value"]
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert f"{traffic.raw} of 700 rows of --data" in text


def test_without_data_nothing_is_known_of_raw_rows(built: Path) -> None:
    document = json.loads((built / "report.json").read_text())
    assert document["traffic"] is None
    (raw,) = [figure for figure in document["figures"] if figure["what"] == "rows sent raw"]
    assert (raw["value"], raw["how"]) == (None, "not known here")
