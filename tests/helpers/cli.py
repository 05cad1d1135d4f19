"""Runs the command line inside the test process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from baler_root.cli import app


@dataclass(frozen=True)
class Outcome:
    """Result of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


class Cli:
    """`cli("inspect", path)` is what `baler-root inspect path` does."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Outcome:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            app([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        return Outcome(int(stopped.value.code or 0), out, err)
