"""From ROOT over a wire to `.baler` and back to ROOT, with faults, in constant memory."""

from __future__ import annotations

import json
import socket
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.api.recover import recover
from baler_root.api.verify import verify
from baler_root.errors import BalerError, ConfigError, CorruptFileError, OutputError, SourceError
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.format.container.references import KnownColumn
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.model_file import StoredModel
from baler_root.fpga.front_end import rows_of
from baler_root.fpga.link import Link
from baler_root.fpga.wire import decoded_file, receiver
from baler_root.fpga.wire.decode import Decoded, decode
from baler_root.fpga.wire.fault_injection import Faults, FaultyWire
from baler_root.fpga.wire.receiver import receive
from baler_root.fpga.wire.software_board import Board, pieces, send
from baler_root.fpga.wire.stream import Stream
from tests.helpers.cli import Cli
from tests.helpers.models import following, known_column
from tests.helpers.wire import columns, link, stored_model, write_model, write_root
from tests.independent_reader import columns as independent_columns
from tests.independent_reader.reader import Reader

ROWS = 3000
FORMATS = Path(__file__).parents[3] / "formats"
FAULTS = Faults(0.05, 0.05, 0.05, 0.05)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.balermodel", stored_model())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_root(tmp_path / "in.root", columns(ROWS))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def arrays(path: Path, tree: str = "Events") -> dict[str, Any]:
    with baler_root.open(path) as file:
        found = file[tree].arrays()
        return {name: np.asarray(found[name]) for name in found.fields}


def test_clean_stream(tmp_path: Path, source: Path, model: Path) -> None:
    sent = send(source, model, str(tmp_path / "s.bin"))
    assert (sent.events, sent.size) == (ROWS, (tmp_path / "s.bin").stat().st_size)
    done = decode(tmp_path / "s.bin", tmp_path / "out.baler", model)
    assert done.account.problems == ""
    assert (done.account.events, done.account.run, done.size) == (
        ROWS,
        ROWS,
        (tmp_path / "out.baler").stat().st_size,
    )
    assert done.account.raw == sent.raw
    found, original = arrays(tmp_path / "out.baler"), columns(ROWS)
    assert found["wire_entry"].tolist() == list(range(ROWS))
    # what the model says is what the reader of latents says of the same latents
    own, (rows,) = link(), rows_of(link(), source)
    raw = (found["wire_flags"] & 2) > 0
    assert raw.sum() == sent.raw
    with baler_root.open(tmp_path / "out.baler") as file:
        assert (np.asarray(file["Events"].latents()) == own.latents(rows.codes)).all()
    # events sent raw are within the bound; others follow their latents
    assert (np.abs(found["pt"] - original["pt"]) <= 0.01 * original["pt"])[raw].all()
    assert (found["n"] == original["n"])[raw].all()
    assert found["pt"].dtype == np.float32
    assert found["tagged"].dtype == np.bool_
    assert np.corrcoef(found["pt"], original["pt"])[0, 1] > 0.99
    assert verify(tmp_path / "out.baler").ok


def test_second_reader_reads_the_file(tmp_path: Path, source: Path, model: Path) -> None:
    """It is an ordinary file: the text of the format is enough, and its manifest fits the schema."""
    send(source, model, str(tmp_path / "s.bin"), faults=FAULTS)
    decode(tmp_path / "s.bin", tmp_path / "out.baler", model)
    reader = Reader((tmp_path / "out.baler").read_bytes())
    schema = json.loads((FORMATS / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(reader.manifest, schema)
    for number, tree in enumerate(("Events", "wire_incidents")):
        found, names = independent_columns.read(reader, number), reader.manifest["trees"][number]["names"]
        for name, values in arrays(tmp_path / "out.baler", tree).items():
            assert (np.asarray(found[names.index(name)]) == values).all(), name


def test_recovers_what_a_dead_writer_left(tmp_path: Path, source: Path, model: Path) -> None:
    send(source, model, str(tmp_path / "s.bin"))
    own = Link.open(model)
    stream = Stream(own, "s.bin")
    with decoded_file.DecodedFile(tmp_path / "out.baler", own) as file:
        rows = np.concatenate([stream.feed((tmp_path / "s.bin").read_bytes()), stream.finish()])
        for _ in range(1 + decoded_file.CLUSTER // ROWS):
            file.add(rows, stream.ordering.take_incidents())
        (left,) = tmp_path.glob(".out.baler.*")
        file._writer._output.file.flush()
        (tmp_path / "dead.baler").write_bytes(left.read_bytes())
    assert not list(tmp_path.glob(".out*"))
    saved = recover(tmp_path / "dead.baler", tmp_path / "saved.baler")
    assert saved.entries["Events"] == decoded_file.CLUSTER
    assert (arrays(tmp_path / "saved.baler")["wire_entry"][:ROWS] == np.arange(ROWS)).all()


def test_run_without_events(tmp_path: Path, model: Path) -> None:
    (tmp_path / "s.bin").write_bytes(link().layout.pack_end(0))
    assert decode(tmp_path / "s.bin", tmp_path / "out.baler", model).account.problems == ""
    assert len(arrays(tmp_path / "out.baler")["pt"]) == 0
    assert verify(tmp_path / "out.baler").ok


def test_codes_of_raw_events_are_exact(tmp_path: Path, source: Path) -> None:
    own = link()
    (rows,) = rows_of(own, source)
    board = Board(own)
    stream = Stream(own, "stream")
    odd = rows._replace(odd=np.ones(len(rows.odd), np.bool_))
    events = np.concatenate([stream.feed(b"".join([*board.packets(odd), board.end()])), stream.finish()])
    assert (events["values"][:, :4] == rows.codes).all()
    assert stream.account().raw == board.raw == ROWS
    with decoded_file.DecodedFile(tmp_path / "raw.baler", own) as file:
        file.add(events, stream.ordering.take_incidents())
        file.finish("stream", stream.account())
    original, found = columns(ROWS), arrays(tmp_path / "raw.baler")
    assert (found["n"] == original["n"]).all()
    assert (found["tagged"] == original["tagged"]).all()
    assert (np.abs(found["pt"] - original["pt"]) <= 0.01 * original["pt"]).all()


def test_faults_are_told_in_the_file(tmp_path: Path, source: Path, model: Path) -> None:
    sent = send(source, model, str(tmp_path / "s.bin"), together=1, faults=FAULTS, seed=4)
    assert all(count > 50 for count in sent.faults.values())
    done = decode(tmp_path / "s.bin", tmp_path / "out.baler", model)
    found, incidents = arrays(tmp_path / "out.baler"), arrays(tmp_path / "out.baler", "wire_incidents")
    entries = found["wire_entry"]
    lost = incidents["kind"] == 1
    ranges = zip(incidents["first"][lost], incidents["stop"][lost], strict=True)
    missing = [n for first, stop in ranges for n in range(first, stop)]
    assert sorted([*entries.tolist(), *missing]) == list(range(ROWS))
    assert done.account.lost == len(missing) > sent.faults["lost"]
    assert 0 < done.account.damaged <= sent.faults["flipped"]
    assert done.account.repeated == np.count_nonzero(incidents["kind"] == 3) > 0
    # those that came are as if nothing had happened
    send(source, model, str(tmp_path / "clean.bin"))
    decode(tmp_path / "clean.bin", tmp_path / "clean.baler", model)
    clean = arrays(tmp_path / "clean.baler")
    for name, values in found.items():
        assert (values == clean[name][entries]).all(), name
    with baler_root.open(tmp_path / "out.baler") as file:
        told = file.metadata["wire"]
        assert told["lost"] == len(missing)
        assert "no bound" in told["note"]
        assert "no bound" in file["Events"].title


def test_back_to_root(tmp_path: Path, source: Path, model: Path) -> None:
    send(source, model, str(tmp_path / "s.bin"), faults=FAULTS)
    decode(tmp_path / "s.bin", tmp_path / "out.baler", model)
    baler_root.decompress(tmp_path / "out.baler", tmp_path / "out.root")
    found = arrays(tmp_path / "out.baler")
    with uproot.open(tmp_path / "out.root") as file:
        assert "events are missing" in file["Events/wire_entry"].title
        assert "no bound" in file["Events"].title
        assert "1 lost" in file["wire_incidents/kind"].title
        for name, values in found.items():
            assert (file["Events"][name].array(library="np") == values).all()


def test_model_with_a_residual(tmp_path: Path, source: Path, model: Path) -> None:
    """Its latents are decoded alone, by a copy of it; the values are those of a model without."""
    bounded = write_model(tmp_path / "bounded.balermodel", stored_model("bounded"))
    for name, used in (("a", model), ("b", bounded)):
        send(source, used, str(tmp_path / f"{name}.bin"))
        decode(tmp_path / f"{name}.bin", tmp_path / f"{name}.baler", used)
    first, second = arrays(tmp_path / "a.baler"), arrays(tmp_path / "b.baler")
    assert all((values == second[name]).all() for name, values in first.items())
    with pytest.raises(ConfigError, match="packets of the model"):
        decode(tmp_path / "b.bin", tmp_path / "c.baler", model)


def test_exact_floats_and_arrays(tmp_path: Path) -> None:
    """Of floats without a bound the codes leave the low bits open; of arrays every value has a code."""
    rng = np.random.default_rng(1)
    rows = {"x": rng.normal(size=6000), "v": rng.normal(size=(6000, 3)).astype("f4")}
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mktree("t", {"x": np.dtype("f8"), "v": np.dtype(("f4", (3,)))})
        file["t"].extend(rows)
    own = _exact_link(rows)
    path = write_model(tmp_path / "m.balermodel", own.stored)
    (found,) = rows_of(own, tmp_path / "in.root")
    assert found.codes.shape == (6000, 4)
    board = Board(own)
    raw = found._replace(odd=np.ones(6000, np.bool_))
    (tmp_path / "s.bin").write_bytes(b"".join([*board.packets(raw), board.end()]))
    decode(tmp_path / "s.bin", tmp_path / "out.baler", path)
    with baler_root.open(tmp_path / "out.baler") as file:
        got = file["t"].arrays()
        assert str(got["v"].type) == "6000 * 3 * float32"
        for name, values in rows.items():
            assert np.median(np.abs(np.asarray(got[name]) - values) / np.abs(values)) < 0.02


def _exact_link(rows: dict[str, Any]) -> Link:
    made, known = [], []
    for name, values in rows.items():
        flat, each = values.reshape(-1), values.shape[1] if values.ndim > 1 else 1
        dropped_bits = {4: 17, 8: 47}[flat.dtype.itemsize]
        made.append(known_column(name, Quantiser("exact", flat.dtype).to_bytes(), flat, dropped_bits, each))
        known.append(KnownColumn(name, "", "data", str(flat.dtype), "lossless", "lossless"))
    return Link.of(StoredModel.of("t", known, following((0, 1, 1, 1), "none", made).to_bytes()))


def test_pieces_of_a_block() -> None:
    raw = np.array([0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0], np.bool_)
    starts, counts = pieces(raw, 3)
    assert starts.tolist() == [0, 3, 4, 5, 8, 9, 10]
    assert counts.tolist() == [3, 1, 1, 3, 1, 1, 1]
    assert pieces(raw[:0], 3)[1].tolist() == []


def test_saturated_events_are_flagged_and_passed_through(tmp_path: Path, source: Path, model: Path) -> None:
    write_model(model, stored_model(limit=64))
    own = Link.open(model)
    (rows,) = rows_of(own, source)
    saturated = own.saturated(own.latents(rows.codes))
    assert 0 < saturated.sum() < ROWS
    for through in (True, False):
        sent = send(source, model, str(tmp_path / "s.bin"), pass_through=through, overwrite=True)
        assert sent.saturated == saturated.sum()
        assert sent.raw == (np.count_nonzero(saturated | rows.odd) if through else 0)
        decode(tmp_path / "s.bin", tmp_path / "out.baler", model, overwrite=True)
        flags = arrays(tmp_path / "out.baler")["wire_flags"]
        assert ((flags & 1) > 0).tolist() == saturated.tolist()
        assert np.count_nonzero(flags & 2) == sent.raw


def test_rows_unlike_the_others_are_passed_through(source: Path) -> None:
    plain = link()
    (rows,) = rows_of(plain, source)
    latents = plain.latents(rows.codes)
    anomaly = OutlierDetector.fit(latents, 0.02, 1, seed=0)
    data = replace(plain.model, anomaly=anomaly).to_bytes()
    own = Link.of(StoredModel.of("Events", plain.stored.trained.columns, data))
    board = Board(own)
    board.packets(rows)
    expected = int(np.count_nonzero(rows.odd | (anomaly.scores(latents) > anomaly.threshold)))
    assert board.raw == expected > plain.saturated(latents).sum()


def test_values_off_their_axis_are_passed_through(tmp_path: Path, model: Path) -> None:
    rows = columns(ROWS)
    rows["pt"][5], rows["n"][7] = np.inf, 1000
    own = link()
    (found,) = rows_of(own, write_root(tmp_path / "odd.root", rows))
    assert {5, 7} <= set(np.flatnonzero(found.odd).tolist())


class Listening:
    """A receiver in a thread."""

    def __init__(self, target: Path, model: Path, **options: Any) -> None:
        self._ready = threading.Event()
        self.address = ""
        self.done: Decoded | BalerError | None = None
        self._run = lambda: receive("127.0.0.1:0", target, model, listening=self._listening, **options)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        assert self._ready.wait(30)

    def _listening(self, address: str) -> None:
        self.address = address
        self._ready.set()

    def _work(self) -> None:
        try:
            self.done = self._run()
        except BalerError as error:
            self.done = error
            self._ready.set()

    def result(self) -> Decoded:
        self._thread.join(60)
        assert isinstance(self.done, Decoded), self.done
        return self.done


def test_over_loopback_with_faults(tmp_path: Path, source: Path, model: Path) -> None:
    """What a receiver makes of datagrams is what a recording of the same packets gives."""
    listening = Listening(tmp_path / "live.baler", model, idle=20)
    live = send(source, model, listening.address, rate=20_000, faults=FAULTS, seed=9)
    received = listening.result()
    recorded = send(source, model, str(tmp_path / "s.bin"), faults=FAULTS, seed=9)
    decoded = decode(tmp_path / "s.bin", tmp_path / "s.baler", model)
    assert (live.faults, live.size) == (recorded.faults, recorded.size)
    assert received.account == decoded.account
    assert received.account.lost > 0 < received.account.damaged
    one, other = arrays(tmp_path / "live.baler"), arrays(tmp_path / "s.baler")
    assert all((values == other[name]).all() for name, values in one.items())


def test_silence_ends_a_run_without_an_end(tmp_path: Path, source: Path, model: Path) -> None:
    listening = Listening(tmp_path / "live.baler", model, idle=1.0)
    send(source, model, str(tmp_path / "s.bin"))
    data = (tmp_path / "s.bin").read_bytes()
    host, _, port = listening.address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(data[:1000], (host, int(port)))
    account = listening.result().account
    assert account.run is None
    assert account.events > 0
    assert "no end of the run" in account.problems


def test_nothing_comes(tmp_path: Path, model: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing came for 0.1 s"):
        receive("127.0.0.1:0", tmp_path / "none.baler", model, idle=0.1)
    assert not list(tmp_path.glob("*none*"))


def test_memory_is_flat(tmp_path: Path, source: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the events need no more memory: all that waits is bounded."""
    monkeypatch.setattr(decoded_file, "CLUSTER", 1000)
    monkeypatch.setattr("baler_root.fpga.wire.decode.CHUNK", 1 << 12)
    peaks = []
    for events in (4_000, 40_000):
        name = str(tmp_path / f"{events}.bin")
        send(source, model, name, events=events, faults=Faults(0.01, 0.01, 0.01, 0.01))
        tracemalloc.start()
        done = decode(name, tmp_path / f"{events}.baler", model, window=500)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert done.account.run == events
    assert peaks[1] < 1.5 * peaks[0]


def test_what_waits_for_a_slow_writer_is_bounded() -> None:
    assert receiver.WAITING * receiver.CHUNK <= 1 << 26


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


def test_source_without_the_columns(tmp_path: Path, model: Path) -> None:
    rows = columns(100)
    del rows["mass"]
    with pytest.raises(ConfigError, match="lacks 'mass', of which the model makes its latents"):
        send(write_root(tmp_path / "less.root", rows), model, str(tmp_path / "s.bin"))
    assert not (tmp_path / "s.bin").exists()


def test_command_line(tmp_path: Path, source: Path, model: Path, cli: Cli) -> None:
    stream, target = tmp_path / "s.bin", tmp_path / "out.baler"
    told = cli("fpga", "send", source, "--model", model, "--to", stream, "--loss", "0.2", "--seed", "3")
    assert told.code == 0
    assert "sent raw" in told.out
    told = cli("fpga", "decode", stream, "--model", model, "-o", target)
    assert told.code == 0
    assert "events lost" in told.out
    assert "no bound holds" in told.out
    shown = cli("inspect", target)
    assert "no bound holds against the events before the encoder" in shown.out.replace("\n", " ")
    assert "see the tree wire_incidents" in shown.out
    assert "unknown" in shown.out
    again = cli("fpga", "decode", stream, "--model", model, "-o", target, "--overwrite", "--json")
    assert again.json["account"]["lost"] > 0
    other = write_model(tmp_path / "other.balermodel", stored_model(seed=8))
    refused = cli("fpga", "decode", stream, "--model", other, "-o", tmp_path / "x.baler")
    assert (refused.code, refused.out) == (2, "")
    assert "name the model whose encoder sent them" in refused.err
    wrong = cli("fpga", "receive", "nowhere", "--model", model, "-o", tmp_path / "x.baler")
    assert wrong.code == 2
    assert "write HOST:PORT" in wrong.err


def test_faulty_wire_is_the_same_for_a_seed() -> None:
    packets = [bytes([number]) * 8 for number in range(200)]
    one, other = (FaultyWire(replace(FAULTS, flip=0.5), 1) for _ in range(2))
    assert one.carry(packets) == other.carry(packets) != packets
    assert FaultyWire(Faults(), 1).carry(packets) == packets
    with pytest.raises(ConfigError, match="from 0 to 1"):
        Faults(loss=1.5)
