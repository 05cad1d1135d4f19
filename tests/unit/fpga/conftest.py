"""Fixtures of the tests of firmware and of packets on a wire."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baler_root.format.networks.program import Program
from baler_root.fpga import tools
from baler_root.fpga.build.project import BuildOptions, build
from tests.helpers import firmware, wire
from tests.helpers.cli import Cli
from tests.helpers.firmware import Make

WIRE_ROWS = 3000


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def make_model(tmp_path: Path) -> Make:
    """`make_model(encoder)` writes a `.balermodel` file of random networks with this encoder."""

    def make(encoder: Program | None = None, latents: int = 4, trees: tuple[str, ...] = ("Events",)) -> Path:
        network = encoder or firmware.small_encoder(np.random.default_rng(1))
        return firmware.write_model(tmp_path / "small.balermodel", firmware.model_of(network, latents), trees)

    return make


@pytest.fixture
def built(make_model: Make, tmp_path: Path) -> Path:
    """Firmware without the slow steps: no synthesis, and only computations that need no compiler."""
    path = tmp_path / "firmware"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools.shutil, "which", lambda _: None)
        build(make_model(), path, BuildOptions(synthesis_seconds=0))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model made by hand, for packets on a wire."""
    return wire.write_model(tmp_path / "m.balermodel", wire.stored_model())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A ROOT file with the columns of `model`."""
    return wire.write_root(tmp_path / "in.root", wire.columns(WIRE_ROWS))
