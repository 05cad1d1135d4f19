"""Packets as datagrams: a receiver decodes them as a recording is decoded, and ends in silence."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from baler_root.errors import BalerError, SourceError
from baler_root.fpga.wire import receiver
from baler_root.fpga.wire.decode import DecodeReport, decode
from baler_root.fpga.wire.fault_injection import Faults
from baler_root.fpga.wire.receiver import receive
from baler_root.fpga.wire.software_board import SendOptions, send
from tests.helpers.wire import decoded_arrays as arrays

FAULTS = Faults(0.05, 0.05, 0.05, 0.05)


class Listening:
    """A receiver in a thread."""

    def __init__(self, target: Path, model: Path, **options: Any) -> None:
        self._ready = threading.Event()
        self.address = ""
        self.done: DecodeReport | BalerError | None = None
        self._run = lambda: receive("127.0.0.1:0", target, model, listening=self._listening, **options)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        assert self._ready.wait(600)

    def _listening(self, address: str) -> None:
        self.address = address
        self._ready.set()

    def _work(self) -> None:
        try:
            self.done = self._run()
        except BalerError as error:
            self.done = error
            self._ready.set()

    def result(self) -> DecodeReport:
        self._thread.join(600)
        assert isinstance(self.done, DecodeReport), self.done
        return self.done


def test_over_loopback_with_faults(tmp_path: Path, source: Path, model: Path) -> None:
    """Datagrams are decoded to the same file as a recording of the same packets."""
    listening = Listening(tmp_path / "live.baler", model, idle=20)
    live = send(source, model, listening.address, SendOptions(rate=20_000, faults=FAULTS, seed=9))
    received = listening.result()
    recorded = send(source, model, str(tmp_path / "s.bin"), SendOptions(faults=FAULTS, seed=9))
    decoded = decode(tmp_path / "s.bin", tmp_path / "s.baler", model)
    assert (live.faults, live.size) == (recorded.faults, recorded.size)
    assert received.statistics == decoded.statistics
    assert received.statistics.lost > 0 < received.statistics.damaged
    live_arrays, recorded_arrays = arrays(tmp_path / "live.baler"), arrays(tmp_path / "s.baler")
    assert all((values == recorded_arrays[name]).all() for name, values in live_arrays.items())


def test_silence_ends_a_run_without_an_end(tmp_path: Path, source: Path, model: Path) -> None:
    listening = Listening(tmp_path / "live.baler", model, idle=1.0)
    send(source, model, str(tmp_path / "s.bin"))
    data = (tmp_path / "s.bin").read_bytes()
    host, _, port = listening.address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(data[:1000], (host, int(port)))
    statistics = listening.result().statistics
    assert statistics.run is None
    assert statistics.events > 0
    assert "no end of the run" in statistics.problems


def test_nothing_comes(tmp_path: Path, model: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing came for 0.1 s"):
        receive("127.0.0.1:0", tmp_path / "none.baler", model, idle=0.1)
    assert not list(tmp_path.glob("*none*"))


def test_what_waits_for_a_slow_writer_is_bounded() -> None:
    assert receiver.MAX_WAITING * receiver.CHUNK <= 1 << 26
