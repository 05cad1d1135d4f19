"""Files that several folders of tests read: with latents, and with a model that many files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from baler_root.analyses.samples.toys import correlated_jets

import baler_root
from baler_root import LatentOptions, ModelReuse
from tests.helpers.latent_files import CLUSTER, RESIDUALS, events, short_training, write
from tests.helpers.model_files import quick_level
from tests.helpers.root_files import write_root


@pytest.fixture(scope="module")
def latents_train_shortly() -> Iterator[None]:
    """Latents are trained shortly, in one thread."""
    with short_training():
        yield


@pytest.fixture(scope="session")
def latent_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ROOT file with events of every kind."""
    return write(tmp_path_factory.mktemp("source") / "in.root", events())


@pytest.fixture(scope="session")
def latent_files(latent_source: Path) -> dict[str, Path]:
    """That file with each kind of residual, 1 % of all rows kept exactly, in three clusters."""
    files = {residual: latent_source.with_name(f"{residual}.baler") for residual in RESIDUALS}
    with short_training():
        for residual, path in files.items():
            baler_root.compress(
                latent_source,
                path,
                codec=LatentOptions("autoencoder", latents=3, residual=residual, outliers=0.01),
                cluster_size=CLUSTER,
            )
    return files


@pytest.fixture(scope="session")
def jets_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of jets, trained shortly on two files; `unseen.root` beside it is of the same kind."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("one", 1), ("two", 2), ("unseen", 3)):
        write_root(folder / f"{name}.root", Events=correlated_jets(8000, seed))
    with quick_level():
        summary = baler_root.train([folder / "one.root", folder / "two.root"], folder / "jets.balermodel")
    assert summary.entries == 16_000
    assert summary.notes == ()
    return folder / "jets.balermodel"


@pytest.fixture
def unseen_jets(jets_model: Path) -> Path:
    """A file that the model has not seen."""
    return jets_model.with_name("unseen.root")


@pytest.fixture
def detached_file(jets_model: Path, unseen_jets: Path, tmp_path: Path) -> Path:
    """The unseen file compressed with the model left outside, too far away to be found."""
    folder = tmp_path / "work"
    folder.mkdir()
    baler_root.compress(unseen_jets, folder / "out.baler", model=ModelReuse(jets_model, detach=True))
    return folder / "out.baler"
