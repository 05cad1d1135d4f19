"""From ROOT over a wire to `.baler` and back to ROOT: the decoded file, its incidents, and errors."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.api.recover import recover
from baler_root.api.verify import verify
from baler_root.errors import BalerError, ConfigError, CorruptFileError, OutputError, SourceError
from baler_root.format.container.write import AtomicFile
from baler_root.fpga.front_end import read_rows
from baler_root.fpga.link import Link
from baler_root.fpga.wire import decoded_file
from baler_root.fpga.wire.decode import decode
from baler_root.fpga.wire.fault_injection import Faults
from baler_root.fpga.wire.software_board import SendOptions, send
from baler_root.fpga.wire.stream import Stream
from tests.helpers.cli import Cli
from tests.helpers.wire import columns, link, stored_model, write_model
from tests.helpers.wire import decoded_arrays as arrays
from tests.independent_reader import columns as independent_columns
from tests.independent_reader.reader import Reader
from tests.unit.fpga.conftest import WIRE_ROWS

FORMATS = Path(__file__).parents[3] / "formats"
FAULTS = Faults(0.05, 0.05, 0.05, 0.05)


def test_clean_stream(tmp_path: Path, source: Path, model: Path) -> None:
    sent = send(source, model, str(tmp_path / "s.bin"))
    assert (sent.events, sent.size) == (WIRE_ROWS, (tmp_path / "s.bin").stat().st_size)
    done = decode(tmp_path / "s.bin", tmp_path / "out.baler", model)
    assert done.statistics.problems == ""
    assert (done.statistics.events, done.statistics.run, done.size) == (
        WIRE_ROWS,
        WIRE_ROWS,
        (tmp_path / "out.baler").stat().st_size,
    )
    assert done.statistics.raw == sent.raw
    decoded, original = arrays(tmp_path / "out.baler"), columns(WIRE_ROWS)
    assert decoded["wire_entry"].tolist() == list(range(WIRE_ROWS))
    # the file's latents are those that the model computes
    ends, (rows,) = link(), read_rows(link(), source)
    raw = (decoded["wire_flags"] & 2) > 0
    assert raw.sum() == sent.raw
    with baler_root.open(tmp_path / "out.baler") as file:
        assert (np.asarray(file["Events"].latents()) == ends.latents(rows.codes)).all()
    # events sent raw are within the bound; others follow their latents
    assert (np.abs(decoded["pt"] - original["pt"]) <= 0.01 * original["pt"])[raw].all()
    assert (decoded["n"] == original["n"])[raw].all()
    assert decoded["pt"].dtype == np.float32
    assert decoded["tagged"].dtype == np.bool_
    assert np.corrcoef(decoded["pt"], original["pt"])[0, 1] > 0.99
    assert verify(tmp_path / "out.baler").ok


def test_second_reader_reads_the_file(tmp_path: Path, source: Path, model: Path) -> None:
    """It is an ordinary file: the text of the format is enough, and its manifest fits the schema."""
    send(source, model, str(tmp_path / "s.bin"), SendOptions(faults=FAULTS))
    decode(tmp_path / "s.bin", tmp_path / "out.baler", model)
    reader = Reader((tmp_path / "out.baler").read_bytes())
    schema = json.loads((FORMATS / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(reader.manifest, schema)
    for number, tree in enumerate(("Events", "wire_incidents")):
        decoded, names = independent_columns.read(reader, number), reader.manifest["trees"][number]["names"]
        for name, values in arrays(tmp_path / "out.baler", tree).items():
            assert (np.asarray(decoded[names.index(name)]) == values).all(), name


def test_recovers_what_a_dead_writer_left(
    tmp_path: Path, source: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    discard = AtomicFile.discard

    def copy_and_discard(output: AtomicFile) -> None:
        """A writer that dies cannot discard its file, all of which reached the disk here."""
        output.file.flush()
        shutil.copy(output.temporary, tmp_path / "dead.baler")
        discard(output)

    send(source, model, str(tmp_path / "s.bin"))
    monkeypatch.setattr(AtomicFile, "discard", copy_and_discard)
    ends = Link.open(model)
    stream = Stream(ends, "s.bin")
    with decoded_file.DecodedFile(tmp_path / "out.baler", ends) as file:
        rows = np.concatenate([stream.feed((tmp_path / "s.bin").read_bytes()), stream.finish()])
        for _ in range(1 + decoded_file.CLUSTER // WIRE_ROWS):
            file.add(rows, stream.ordering.take_incidents())
    monkeypatch.undo()
    assert not list(tmp_path.glob(".out*"))
    saved = recover(tmp_path / "dead.baler", tmp_path / "saved.baler")
    assert saved.entries["Events"] == decoded_file.CLUSTER
    assert (arrays(tmp_path / "saved.baler")["wire_entry"][:WIRE_ROWS] == np.arange(WIRE_ROWS)).all()


def test_run_without_events(tmp_path: Path, model: Path) -> None:
    (tmp_path / "s.bin").write_bytes(link().layout.pack_end(0))
    assert decode(tmp_path / "s.bin", tmp_path / "out.baler", model).statistics.problems == ""
    assert len(arrays(tmp_path / "out.baler")["pt"]) == 0
    assert verify(tmp_path / "out.baler").ok


def test_faults_are_recorded_in_the_file(tmp_path: Path, source: Path, model: Path) -> None:
    sent = send(
        source, model, str(tmp_path / "s.bin"), SendOptions(events_per_packet=1, faults=FAULTS, seed=4)
    )
    assert all(count > 50 for count in sent.faults.values())
    done = decode(tmp_path / "s.bin", tmp_path / "out.baler", model)
    decoded, incidents = arrays(tmp_path / "out.baler"), arrays(tmp_path / "out.baler", "wire_incidents")
    entries = decoded["wire_entry"]
    lost = incidents["kind"] == 1
    ranges = zip(incidents["first"][lost], incidents["stop"][lost], strict=True)
    missing = [n for first, stop in ranges for n in range(first, stop)]
    assert sorted([*entries.tolist(), *missing]) == list(range(WIRE_ROWS))
    assert done.statistics.lost == len(missing) > sent.faults["lost"]
    assert 0 < done.statistics.damaged <= sent.faults["flipped"]
    assert done.statistics.repeated == np.count_nonzero(incidents["kind"] == 3) > 0
    # those that came are as if nothing had happened
    send(source, model, str(tmp_path / "clean.bin"))
    decode(tmp_path / "clean.bin", tmp_path / "clean.baler", model)
    clean = arrays(tmp_path / "clean.baler")
    for name, values in decoded.items():
        assert (values == clean[name][entries]).all(), name
    with baler_root.open(tmp_path / "out.baler") as file:
        outcome = file.metadata["wire"]
        assert outcome["lost"] == len(missing)
        assert "no bound" in outcome["note"]
        assert "no bound" in file["Events"].title


def test_back_to_root(tmp_path: Path, source: Path, model: Path) -> None:
    send(source, model, str(tmp_path / "s.bin"), SendOptions(faults=FAULTS))
    decode(tmp_path / "s.bin", tmp_path / "out.baler", model)
    baler_root.decompress(tmp_path / "out.baler", tmp_path / "out.root")
    decoded = arrays(tmp_path / "out.baler")
    with uproot.open(tmp_path / "out.root") as file:
        assert "events are missing" in file["Events/wire_entry"].title
        assert "no bound" in file["Events"].title
        assert "1 lost" in file["wire_incidents/kind"].title
        for name, values in decoded.items():
            assert (file["Events"][name].array(library="np") == values).all()


def test_model_with_a_residual(tmp_path: Path, source: Path, model: Path) -> None:
    """Its latents are decoded without the residual, by a copy of the model; the values are the same."""
    bounded = write_model(tmp_path / "bounded.balermodel", stored_model("bounded"))
    for name, used in (("a", model), ("b", bounded)):
        send(source, used, str(tmp_path / f"{name}.bin"))
        decode(tmp_path / f"{name}.bin", tmp_path / f"{name}.baler", used)
    first, second = arrays(tmp_path / "a.baler"), arrays(tmp_path / "b.baler")
    assert all((values == second[name]).all() for name, values in first.items())
    with pytest.raises(ConfigError, match="packets of the model"):
        decode(tmp_path / "b.bin", tmp_path / "c.baler", model)


def test_memory_is_flat(tmp_path: Path, source: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the events need no more memory: all that waits is bounded."""
    monkeypatch.setattr(decoded_file, "CLUSTER", 1000)
    monkeypatch.setattr("baler_root.fpga.wire.decode.CHUNK", 1 << 12)
    peaks = []
    for events in (4_000, 40_000):
        name = str(tmp_path / f"{events}.bin")
        send(source, model, name, SendOptions(events=events, faults=Faults(0.01, 0.01, 0.01, 0.01)))
        tracemalloc.start()
        done = decode(name, tmp_path / f"{events}.baler", model, window=500)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert done.statistics.run == events
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("prepare", "error", "message"),
    [
        (lambda p: p.unlink(), SourceError, "no such file"),
        (lambda p: p.write_bytes(b""), CorruptFileError, "no packet in 0 bytes"),
        (lambda p: p.write_bytes(b"\xb4" * 5000), CorruptFileError, "no packet in 5000 bytes"),
        (lambda p: p.with_name("out.baler").touch(), OutputError, "exists already"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    source: Path,
    model: Path,
    prepare: Callable[[Path], None],
    error: type[BalerError],
    message: str,
) -> None:
    stream = tmp_path / "s.bin"
    send(source, model, str(stream))
    prepare(stream)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=message):
        decode(stream, tmp_path / "out.baler", model)
    assert sorted(tmp_path.iterdir()) == before


def test_command_line(tmp_path: Path, source: Path, model: Path, cli: Cli) -> None:
    stream, target = tmp_path / "s.bin", tmp_path / "out.baler"
    outcome = cli("fpga", "send", source, "--model", model, "--to", stream, "--loss", "0.2", "--seed", "3")
    assert outcome.code == 0
    assert "sent raw" in outcome.out
    outcome = cli("fpga", "decode", stream, "--model", model, "-o", target)
    assert outcome.code == 0
    assert "events lost" in outcome.out
    assert "values are decoded from latents alone" in outcome.out
    shown = cli("inspect", target)
    assert "no bound holds against the events before the encoder" in shown.out.replace("\n", " ")
    assert "see the tree wire_incidents" in shown.out
    assert "unknown" in shown.out
    again = cli("fpga", "decode", stream, "--model", model, "-o", target, "--overwrite", "--json")
    assert again.json["statistics"]["lost"] > 0
    other = write_model(tmp_path / "other.balermodel", stored_model(seed=8))
    refused = cli("fpga", "decode", stream, "--model", other, "-o", tmp_path / "x.baler")
    assert (refused.code, refused.out) == (2, "")
    assert "name the model whose encoder sent them" in refused.err
    wrong = cli("fpga", "receive", "nowhere", "--model", model, "-o", tmp_path / "x.baler")
    assert wrong.code == 2
    assert "write HOST:PORT" in wrong.err
