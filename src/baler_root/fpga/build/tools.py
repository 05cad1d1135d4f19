"""Programs that others wrote: where they are, which version, and what they say when they fail."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from baler_root.errors import MissingExtraError, MissingToolError, ToolFailedError

SHOWN = 5
"""Last lines of a program that failed, in messages."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program and how it is got."""

    program: str
    install: str
    version_argument: str = "--version"

    def path(self) -> str:
        """Where it is; raises MissingToolError."""
        found = shutil.which(self.program)
        if found is None:
            raise MissingToolError(f"{self.program} is not installed: {self.install}")
        return found

    def version(self) -> str:
        """What it says of itself, in a line."""
        said = run([self.path(), self.version_argument], Path(), seconds=60)
        return said.splitlines()[0].split("(git")[0].strip() if said else self.program


COMPILER = Tool("g++", "apt install g++")


VERILATOR = Tool("verilator", "apt install verilator")


YOSYS = Tool("yosys", "apt install yosys", "-V")


def run(
    command: Sequence[str], folder: Path, seconds: float, environment: dict[str, str] | None = None
) -> str:
    """What a program writes to standard output, run in a folder; raises ToolFailedError with its last lines."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - programs of `Tool`, with arguments made here
            list(command),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolFailedError(f"{name} was stopped after {seconds:g} s") from None
    except OSError as error:
        raise ToolFailedError(f"{name} cannot be started ({error.strerror})") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ToolFailedError(f"{name} failed ({done.returncode}): " + "; ".join(said[-SHOWN:]))
    return done.stdout


def package(name: str, extra: str) -> ModuleType:
    """A library of an extra; raises MissingExtraError with the line that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        top = name.partition(".")[0]
        raise MissingExtraError(f'{top} is not installed: pip install "baler-root[{extra}]"') from None


def package_version(name: str) -> str:
    """`hls4ml 1.3.0`."""
    return f"{name} {importlib.metadata.version(name)}"
