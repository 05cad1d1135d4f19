"""A board in software: its packets, the rows it sends raw, and the faults of its wire."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import ConfigError
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.format.container.model_references import KnownColumn
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.model_file import StoredModel
from baler_root.fpga.front_end import read_rows
from baler_root.fpga.link import Link
from baler_root.fpga.wire import decoded_file
from baler_root.fpga.wire.decode import decode
from baler_root.fpga.wire.fault_injection import Faults, FaultyWire
from baler_root.fpga.wire.software_board import Board, SendOptions, packet_groups, send
from baler_root.fpga.wire.stream import Stream
from tests.helpers.models import following, known_column
from tests.helpers.wire import columns, link, stored_model, write_model, write_root
from tests.helpers.wire import decoded_arrays as arrays
from tests.unit.fpga.conftest import WIRE_ROWS

FAULTS = Faults(0.05, 0.05, 0.05, 0.05)


def test_packets_of_a_block() -> None:
    raw = np.array([0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0], np.bool_)
    starts, counts = packet_groups(raw, 3)
    assert starts.tolist() == [0, 3, 4, 5, 8, 9, 10]
    assert counts.tolist() == [3, 1, 1, 3, 1, 1, 1]
    assert packet_groups(raw[:0], 3)[1].tolist() == []


def test_codes_of_raw_events_are_exact(tmp_path: Path, source: Path) -> None:
    ends = link()
    (rows,) = read_rows(ends, source)
    board = Board(ends)
    stream = Stream(ends, "stream")
    out_of_range = rows._replace(out_of_range=np.ones(len(rows.out_of_range), np.bool_))
    events = np.concatenate(
        [stream.feed(b"".join([*board.packets(out_of_range), board.end()])), stream.finish()]
    )
    assert (events["values"][:, :4] == rows.codes).all()
    assert stream.statistics().raw == board.raw == WIRE_ROWS
    with decoded_file.DecodedFile(tmp_path / "raw.baler", ends) as file:
        file.add(events, stream.ordering.take_incidents())
        file.finish("stream", stream.statistics())
    original, decoded = columns(WIRE_ROWS), arrays(tmp_path / "raw.baler")
    assert (decoded["n"] == original["n"]).all()
    assert (decoded["tagged"] == original["tagged"]).all()
    assert (np.abs(decoded["pt"] - original["pt"]) <= 0.01 * original["pt"]).all()


def test_exact_floats_and_arrays(tmp_path: Path) -> None:
    """Codes of floats without a bound leave the low bits open; in arrays, every value has a code."""
    rng = np.random.default_rng(1)
    branches = {"x": rng.normal(size=6000), "v": rng.normal(size=(6000, 3)).astype("f4")}
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mktree("t", {"x": np.dtype("f8"), "v": np.dtype(("f4", (3,)))})
        file["t"].extend(branches)
    ends = _exact_link(branches)
    path = write_model(tmp_path / "m.balermodel", ends.stored)
    (rows,) = read_rows(ends, tmp_path / "in.root")
    assert rows.codes.shape == (6000, 4)
    board = Board(ends)
    raw = rows._replace(out_of_range=np.ones(6000, np.bool_))
    (tmp_path / "s.bin").write_bytes(b"".join([*board.packets(raw), board.end()]))
    decode(tmp_path / "s.bin", tmp_path / "out.baler", path)
    with baler_root.open(tmp_path / "out.baler") as file:
        decoded = file["t"].arrays()
        assert str(decoded["v"].type) == "6000 * 3 * float32"
        for name, values in branches.items():
            assert np.median(np.abs(np.asarray(decoded[name]) - values) / np.abs(values)) < 0.02


def _exact_link(branches: dict[str, Any]) -> Link:
    model_columns, known = [], []
    for name, values in branches.items():
        flat, count = values.reshape(-1), values.shape[1] if values.ndim > 1 else 1
        dropped_bits = {4: 17, 8: 47}[flat.dtype.itemsize]
        model_columns.append(
            known_column(name, Quantiser("exact", flat.dtype).to_bytes(), flat, dropped_bits, count)
        )
        known.append(KnownColumn(name, "", "data", str(flat.dtype), "lossless", "lossless"))
    return Link.of(StoredModel.of("t", known, following((0, 1, 1, 1), "none", model_columns).to_bytes()))


def test_saturated_events_are_flagged_and_passed_through(tmp_path: Path, source: Path, model: Path) -> None:
    write_model(model, stored_model(limit=64))
    ends = Link.open(model)
    (rows,) = read_rows(ends, source)
    saturated = ends.saturated(ends.latents(rows.codes))
    assert 0 < saturated.sum() < WIRE_ROWS
    for through in (True, False):
        sent = send(source, model, str(tmp_path / "s.bin"), SendOptions(pass_through=through), overwrite=True)
        assert sent.saturated == saturated.sum()
        assert sent.raw == (np.count_nonzero(saturated | rows.out_of_range) if through else 0)
        decode(tmp_path / "s.bin", tmp_path / "out.baler", model, overwrite=True)
        flags = arrays(tmp_path / "out.baler")["wire_flags"]
        assert ((flags & 1) > 0).tolist() == saturated.tolist()
        assert np.count_nonzero(flags & 2) == sent.raw


def test_rows_unlike_the_others_are_passed_through(source: Path) -> None:
    plain = link()
    (rows,) = read_rows(plain, source)
    latents = plain.latents(rows.codes)
    outlier_detector = OutlierDetector.fit(latents, 0.02, 1, seed=0)
    data = replace(plain.model, outlier_detector=outlier_detector).to_bytes()
    ends = Link.of(StoredModel.of("Events", plain.stored.trained.columns, data))
    board = Board(ends)
    board.packets(rows)
    expected = int(
        np.count_nonzero(rows.out_of_range | (outlier_detector.scores(latents) > outlier_detector.threshold))
    )
    assert board.raw == expected > plain.saturated(latents).sum()


def test_values_off_their_axis_are_passed_through(tmp_path: Path, model: Path) -> None:
    branches = columns(WIRE_ROWS)
    branches["pt"][5], branches["n"][7] = np.inf, 1000
    ends = link()
    (rows,) = read_rows(ends, write_root(tmp_path / "odd.root", branches))
    assert {5, 7} <= set(np.flatnonzero(rows.out_of_range).tolist())


def test_source_without_the_columns(tmp_path: Path, model: Path) -> None:
    rows = columns(100)
    del rows["mass"]
    with pytest.raises(ConfigError, match="lacks 'mass', from which the model makes its latents"):
        send(write_root(tmp_path / "less.root", rows), model, str(tmp_path / "s.bin"))
    assert not (tmp_path / "s.bin").exists()


def test_faulty_wire_is_the_same_for_a_seed() -> None:
    packets = [bytes([number]) * 8 for number in range(200)]
    first, second = (FaultyWire(replace(FAULTS, flip=0.5), 1) for _ in range(2))
    assert first.transmit(packets) == second.transmit(packets) != packets
    assert FaultyWire(Faults(), 1).transmit(packets) == packets
    with pytest.raises(ConfigError, match="from 0 to 1"):
        Faults(loss=1.5)
