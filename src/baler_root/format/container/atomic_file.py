"""Files that get their name only when they are whole; nothing unfinished is left behind."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from baler_root.errors import ConfigError, OutputError

if sys.platform != "win32":
    import fcntl

STEM_LENGTH = 80
"""Most bytes of the file's own name in that of its temporary sibling: names may be no longer than 255
bytes."""


FOREIGN_AGE = 24 * 3600.0
"""Seconds after which a temporary file of another machine counts as left behind: some file systems keep locks
only on the machine that took them."""


_HOST = hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:4]


_TEMPORARY = re.compile(r"\..*\.[0-9a-f]{8}-(?P<host>[0-9a-f]{4})\.part", re.DOTALL)


_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that end a process without running its `finally` clauses."""


MAX_ATTEMPTS = 10
"""Temporary files made in a row while other processes remove them; then writing fails at the end."""


_unfinished: dict[Path, int] = {}
"""Temporary files that this process writes, and the process that made each (not a forked copy of it)."""


class AtomicFile:
    """A file that appears under its name only when it is complete: temporary sibling, fsync, rename.

    A lock on the sibling shows whether its process still runs; siblings without one are removed when the
    next file is written to the folder. While a file is open, SIGTERM and SIGHUP remove it before they end the
    process, unless the program handles these signals itself.
    """

    def __init__(self, path: str | os.PathLike[str], overwrite: bool = False, magic: bytes = b"") -> None:
        """Start a file; `overwrite` replaces a file that begins with `magic`, never one of another kind."""
        self.path = Path(path)
        self._overwrite, self._magic = overwrite, magic
        check_output(self.path, overwrite, magic)
        remove_stale(self.path)
        try:
            self._temporary, self.file, self._lock = _create(self.path)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from None
        _handle_signals()

    @property
    def temporary(self) -> Path:
        """Path of the bytes until the file is whole."""
        return self._temporary

    def commit(self) -> None:
        """Make everything durable, then give the file its name."""
        try:
            if not self.file.closed:
                self.file.flush()
                self.file.close()
            with self._temporary.open("rb") as written:
                os.fsync(written.fileno())
            check_output(self.path, self._overwrite, self._magic)
            self._temporary.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self.path}: cannot be written ({reason}); no output remains") from None

    def discard(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError):
            self.file.close()
        self._temporary.unlink(missing_ok=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        _unfinished.pop(self._temporary, None)
        _restore_signals()


def check_output(path: Path, overwrite: bool, magic: bytes = b"") -> None:
    """Raise OutputError when `path` cannot become a new file, or replace a file that begins with `magic`."""
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file in it")
    if not path.exists():
        return
    if not overwrite:
        raise OutputError(f"{path}: exists already; use --overwrite (overwrite=True) to replace it")
    if not _begins_with(path, magic):
        raise OutputError(
            f"{path}: is a file of another kind than the output, so --overwrite (overwrite=True) does not "
            "replace it; name another output, or delete it first"
        )


def _begins_with(path: Path, magic: bytes) -> bool:
    """Whether the file is empty or has these first bytes; True for anything but a regular file."""
    if not path.is_file():
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) in {b"", magic}
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be replaced, because it cannot be read ({error.strerror})"
        ) from None


def check_not_input(
    target: str | os.PathLike[str], source: str | os.PathLike[str], role: str = "the input"
) -> None:
    """Raise ConfigError if `target` is the file `source`, by any of its paths, links or its `file:` URL."""
    name = os.fspath(source)
    if any(_is_same(Path(target), path) for path in (name, re.sub(r"^(file|local):(//)?", "", name))):
        raise ConfigError(f"{target}: is {role}; name another file as output")


def _is_same(target: Path, path: str) -> bool:
    """Whether both are one file; False if either is missing."""
    try:
        return target.samefile(path)
    except (OSError, ValueError):
        return False


def remove_stale(path: Path) -> None:
    """Remove temporary files in the folder of `path` whose processes have ended.

    Files of earlier versions, which name no machine, are removed if they were to become `path`.
    """
    earlier = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.part")
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        names = [entry.name for entry in entries if entry.name.endswith(".part")]
        for name in names:
            match = _TEMPORARY.fullmatch(name)
            if match is None and earlier.fullmatch(name) is None:
                continue
            sibling = path.with_name(name)
            with contextlib.suppress(OSError):
                own = match is None or match["host"] == _HOST
                if (own or time.time() - sibling.stat().st_mtime > FOREIGN_AGE) and _is_abandoned(sibling):
                    sibling.unlink()


def _create(path: Path) -> tuple[Path, BinaryIO, int]:
    """A new temporary file, open for writing, and a descriptor that holds its lock until it is closed."""
    stem = os.fsencode(path.name)[:STEM_LENGTH].decode("utf-8", "ignore")
    attempts = 0
    while True:
        attempts += 1
        temporary = path.with_name(f".{stem}.{secrets.token_hex(4)}-{_HOST}.part")
        file = temporary.open("xb")
        _unfinished[temporary] = os.getpid()
        try:
            lock = os.dup(file.fileno())
        except OSError:
            file.close()
            temporary.unlink()
            raise
        _try_lock(lock)
        if temporary.exists() or attempts == MAX_ATTEMPTS:
            return temporary, file, lock
        # another process saw the file before it was locked, and removed it
        file.close()
        os.close(lock)
        del _unfinished[temporary]


def _try_lock(descriptor: int) -> bool:
    """Lock an open file; False if another process has locked it, or the file system has no locks."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_abandoned(temporary: Path) -> bool:
    """Whether no process holds the lock of a temporary file."""
    descriptor = os.open(temporary, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        return _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where the system allows a folder to be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _handle_signals() -> None:
    """Let the signals that end this process remove unfinished files first, where nothing else handles
    them."""
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _remove_and_end)


def _restore_signals() -> None:
    """Undo `_handle_signals` once no file is being written."""
    if not _unfinished and threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) is _remove_and_end:
                signal.signal(number, signal.SIG_DFL)


def _remove_and_end(number: int, _: FrameType | None) -> None:
    """Remove unfinished files, then end by the same signal, which the exit status names."""
    for temporary, process in list(_unfinished.items()):
        if process == os.getpid():
            with contextlib.suppress(OSError):
                temporary.unlink()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
