"""A process that is ended leaves no worker, no unfinished file and an exit status that says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import baler_root
from baler_root.errors import ConfigError
from baler_root.format.container.atomic_file import AtomicFile
from tests.helpers.root_files import write_root
from tests.helpers.trees import digest
from tests.vectors.corpus import FOLDER

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")

PROGRAM = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background of a shell ignore these
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from baler_root.compression import workers
from baler_root.format.container.write import ContainerWriter
workers.MIN_SIZE_FOR_POOL = 0
write = ContainerWriter.write_page
def wait_for_the_test(self, *arguments):
    write(self, *arguments)
    while self.size > 100_000 and not Path(__file__).with_name("go").exists():
        time.sleep(0.02)
ContainerWriter.write_page = wait_for_the_test
from baler_root.cli import main
if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of many clusters."""
    rng = np.random.default_rng(1)
    columns = {f"x{i}": rng.normal(size=300_000).astype(np.float32) for i in range(10)}
    return write_root(tmp_path_factory.mktemp("processes") / "in.root", Events=columns)


def workers_of(process: int) -> list[int]:
    """The processes that a process has started, by number."""
    path = Path(f"/proc/{process}/task/{process}/children")
    if not path.exists():
        pytest.skip("no list of processes under /proc")
    return [int(number) for number in path.read_text().split()]


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def started(source: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A compression with two workers, and its workers; it waits after some clusters for a file `go`."""
    (tmp_path / "out").mkdir()
    (tmp_path / "program.py").write_text(PROGRAM)
    options = ["--jobs", "2", "--cluster-size", "2000", "--codec", "classic", "--quiet"]
    target = str(tmp_path / "out" / "o.baler")
    command = [sys.executable, str(tmp_path / "program.py"), "compress", str(source), target, *options]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if any(part.stat().st_size > 50_000 for part in (tmp_path / "out").glob(".*.part")):
                break
            time.sleep(0.02)
        try:
            yield process, workers_of(process.pid)
        finally:
            process.kill()


def check_ended(workers: list[int]) -> None:
    """All workers end, without a limit of time."""
    assert len(workers) >= 2
    while any(map(is_alive, workers)):
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda n: n.name)
def test_signals(
    number: signal.Signals, started: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path
) -> None:
    process, workers = started
    process.send_signal(number)
    status = process.wait()
    assert status == (130 if number == signal.SIGINT else -number)
    check_ended(workers)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_killed_process(started: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path) -> None:
    """Its workers end by themselves, and the next run removes what it left, whatever that run's output is."""
    process, workers = started
    process.kill()
    process.wait()
    check_ended(workers)
    assert len(list((tmp_path / "out").iterdir())) == 1
    baler_root.merge([FOLDER / "integers.baler"], tmp_path / "out" / "next.baler")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["next.baler"]


def test_a_killed_worker(started: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path) -> None:
    process, workers = started
    for worker in workers:
        if "spawn_main" in Path(f"/proc/{worker}/cmdline").read_text():
            os.kill(worker, signal.SIGKILL)
            break
    (tmp_path / "go").touch()
    assert process.wait() == 1
    check_ended(workers)
    assert list((tmp_path / "out").iterdir()) == []


def test_files_being_written_are_left_alone(tmp_path: Path) -> None:
    first = AtomicFile(tmp_path / "a.baler")
    first.file.write(b"first")
    second = AtomicFile(tmp_path / "a.baler", overwrite=True)
    assert first.temporary.exists()
    assert second.temporary.exists()
    second.discard()
    first.commit()
    first.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["a.baler"]
    assert (tmp_path / "a.baler").read_bytes() == b"first"


def test_only_files_of_ended_processes_are_removed(tmp_path: Path) -> None:
    others = [".part", "notes.part", ".a.part", ".b.baler.0123abcd.part", ".a.baler.0123abcd-.part"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".a.baler.0123abcd.part").write_bytes(b"")
    output = AtomicFile(tmp_path / "a.baler")
    output.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_signal_handlers_are_those_of_the_program(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    output = AtomicFile(tmp_path / "a.baler")
    assert before is not signal.SIG_DFL or signal.getsignal(signal.SIGTERM) is not before
    output.discard()
    assert signal.getsignal(signal.SIGTERM) is before


def test_names_may_have_255_bytes(tmp_path: Path) -> None:
    for name in ("n" * 249 + ".baler", "é" * 124 + ".baler"):
        baler_root.merge([FOLDER / "integers.baler"], tmp_path / name)
        assert baler_root.verify(tmp_path / name).ok


@pytest.mark.parametrize("link", ["same", "symbolic", "hard", "url"])
def test_decompress_never_replaces_its_input(link: str, tmp_path: Path) -> None:
    path, target = tmp_path / "a.baler", tmp_path / "b.root"
    path.write_bytes((FOLDER / "integers.baler").read_bytes())
    before = digest(path)
    source = str(path)
    if link == "symbolic":
        target.symlink_to(path)
    elif link == "hard":
        target.hardlink_to(path)
    else:
        target = path
        source = f"file://{path}" if link == "url" else source
    for verb in (baler_root.decompress, baler_root.recover):
        with pytest.raises(ConfigError, match="is the input"):
            verb(source, target, overwrite=True)
    assert digest(path) == before
