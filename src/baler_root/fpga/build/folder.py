"""Carried out of fpga.build."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baler_root.errors import (
    OutputError,
)


@contextmanager
def new_folder(
    path: Path, overwrite: bool, mark: str = "spec.json", what: str = "firmware"
) -> Iterator[Path]:
    """A temporary folder beside `path` that gets its name in the end, and is removed if that is not reached.

    Only a folder with the file `mark` is replaced.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: is a file; name a folder")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; use --overwrite (overwrite=True) to replace it")
    if path.exists() and any(path.iterdir()) and not (path / mark).is_file():
        raise OutputError(f"{path}: is no folder of {what} (no {mark}), and is not replaced; name another")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.mkdir()
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
