"""Carried out of fpga.build."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from baler_root.errors import ConfigError, CorruptFileError, MissingExtraError, MissingToolError, OutputError, SourceError, ToolFailedError
from baler_root.fpga.build import hls, rtl, rtl_simulation
from baler_root.fpga.build.agreement import Agreement, Log, agree
from baler_root.fpga.encoder import Definition
from baler_root.fpga.front_end import Rows, rows_of
from baler_root.fpga.link import Link
from baler_root.fpga.build.plot import draw
from baler_root.fpga.build.report import Report
from baler_root.fpga.build.synthesis import Synthesis, synthesise
from baler_root.fpga.build.target import DEFAULT, Target, parse_clock
from baler_root.fpga.build.templating import fill
from baler_root.fpga.build.tools import package_version
from baler_root.fpga.wire.traffic import Traffic
from baler_root.fpga.build.vectors import Vectors


@contextmanager
def new_folder(path: Path, overwrite: bool, mark: str = "spec.json", what: str = "firmware") -> Iterator[Path]:
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
