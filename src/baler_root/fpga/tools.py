"""External programs and libraries: where they are, their versions, and their messages when they fail."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from baler_root.errors import MissingToolError, ToolFailedError

SHOWN_LINES = 5
"""Last lines of a failed program's output that a message quotes."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, and how to install it."""

    program: str
    install: str
    version_argument: str = "--version"

    def path(self) -> str:
        """Path of the program; raises MissingToolError."""
        path = shutil.which(self.program)
        if path is None:
            raise MissingToolError(f"{self.program} is not installed: {self.install}")
        return path

    def version(self) -> str:
        """Name and version, as the program prints them in its first line."""
        output = run([self.path(), self.version_argument], Path(), seconds=60)
        return output.splitlines()[0].split("(git")[0].strip() if output else self.program


COMPILER = Tool("g++", "apt install g++")


VERILATOR = Tool("verilator", "apt install verilator")


YOSYS = Tool("yosys", "apt install yosys", "-V")


def run(
    command: Sequence[str], folder: Path, seconds: float, environment: dict[str, str] | None = None
) -> str:
    """Run a program in a folder; returns its standard output. Raises ToolFailedError with its last lines."""
    name = Path(command[0]).name
    try:
        process = subprocess.run(  # noqa: S603 - only programs of `Tool`, with arguments built in this package
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
    if process.returncode:
        lines = [line for line in (process.stdout + process.stderr).splitlines() if line.strip()]
        raise ToolFailedError(f"{name} failed ({process.returncode}): " + "; ".join(lines[-SHOWN_LINES:]))
    return process.stdout


def package_version(name: str) -> str:
    """Name and version of a library, such as `hls4ml 1.3.0`."""
    return f"{name} {importlib.metadata.version(name)}"
