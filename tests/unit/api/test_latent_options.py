"""Options of latents that make no sense are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import baler_root
from baler_root import LatentOptions
from baler_root.errors import ConfigError
from tests.helpers.cli import Cli
from tests.helpers.latent_files import Maker

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch"),
    pytest.mark.usefixtures("latents_train_shortly"),
]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--codec", "autoencoder", "--latents", "0"), "0 latents; from 1 to 256 are possible"),
        (("--codec", "autoencoder", "--latents", "257"), "257 latents; from 1 to 256 are possible"),
        (("--codec", "autoencoder", "--latents", "9"), "columns to make them of: entries (8), jet (4)"),
        (("--codec", "autoencoder", "--outliers", "101%"), "a share from 0 to 1 (100%) is needed"),
        (("--codec", "autoencoder", "--outliers", "-0.1"), "a share from 0 to 1 (100%) is needed"),
        (("--codec", "autoencoder", "--outliers", "nan"), "a share from 0 to 1 (100%) is needed"),
        (
            ("--codec", "autoencoder", "--outliers", "x"),
            "--outliers 'x': not a share of rows; write 0.01 or 1%",
        ),
        (("--codec", "autoencoder", "--clusters", "0"), "0 clusters of latents; from 1 to 256 are possible"),
        (
            ("--codec", "autoencoder", "--residual", "foo"),
            "no residual 'foo'; there are bounded, lossless, none",
        ),
        (("--codec", "autoencoder", "--level", "fast"), "trains a network; level fast trains none"),
        (("--codec", "autoencoder", "--residual", "lossless", "--bound", "rel=0.1"), "leave the bound out"),
        (("--codec", "classic", "--latents", "3"), "--latents: only for codecs that store latents"),
        (("--codec", "conditional", "--residual", "none"), "--residual: only for codecs that store latents"),
        (
            ("--outliers", "1%", "--clusters", "2"),
            "--outliers, --clusters: only for codecs that store latents",
        ),
        (("--codec", "autoencode"), "did you mean 'autoencoder'?"),
    ],
)
def test_options_without_sense(
    options: tuple[str, ...], words: str, cli: Cli, latent_source: Path, tmp_path: Path
) -> None:
    outcome = cli("compress", latent_source, tmp_path / "out.baler", *options)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert words in outcome.err
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_options_of_small_files_are_checked_too(make_root: Maker, tmp_path: Path) -> None:
    source = make_root("small.root", Events={"x": np.arange(9.0), "y": np.arange(9.0)})
    with pytest.raises(ConfigError, match="0 latents"):
        baler_root.compress(source, tmp_path / "out.baler", codec=LatentOptions("autoencoder", latents=0))
    summary = baler_root.compress(
        source, tmp_path / "out.baler", codec=LatentOptions("autoencoder", latents=50)
    )
    assert summary.notes == ("Events: 9 entries are too few to train latents; 2000 are needed",)
    assert baler_root.verify(tmp_path / "out.baler", source).problems == []
