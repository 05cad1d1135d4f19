"""Fixtures shared by all tests: places of data, small ROOT files, files with models, hypothesis profiles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from baler_root.analyses.samples.toys import correlated_jets
from hypothesis import HealthCheck, settings

import baler_root
from baler_root import LatentOptions, ModelReuse
from tests.helpers.cli import Cli
from tests.helpers.latent_files import CLUSTER, RESIDUALS, events, short_training, write
from tests.helpers.model_files import quick_level
from tests.helpers.root_files import write_root
from tests.helpers.trees import digest

settings.register_profile(
    "default", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

DATA = Path(os.environ.get("BALER_ROOT_DATA", Path(__file__).parents[1].parent / "shared" / "data"))

Columns = dict[str, object]


def data_path(*parts: str) -> Path:
    """Path of a data file or folder; skips the test, naming it, where it is absent."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no data at {path} (BALER_ROOT_DATA says where to look)")
    return path


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with `real/`, `generated/` and `coverage/`; skips where it is absent."""
    return data_path()


@pytest.fixture(scope="session")
def data_file() -> Callable[..., Path]:
    """`data_file("real", "x.root")` is that path; skips where it is absent."""
    return data_path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """`cli("inspect", path)` is what `baler-root inspect path` does."""
    return Cli(capsys)


def flat_columns(n: int = 1000, seed: int = 1) -> Columns:
    """One column per numeric dtype, a constant, a duplicate, sentinels, NaN, infinities and -0."""
    rng = np.random.default_rng(seed)
    energy = rng.exponential(50.0, n).astype(np.float32)
    special = rng.normal(0.0, 1.0, n)
    special[: min(n, 6)] = [np.nan, np.inf, -np.inf, -0.0, -999.0, 5e-324][: min(n, 6)]
    return {
        "event": np.arange(10**12, 10**12 + n, dtype=np.uint64),
        "run": np.full(n, 204564, np.uint32),
        "weight": rng.normal(1.0, 0.1, n).astype(np.float32),
        "energy": energy,
        "energy_copy": energy.copy(),
        "special": special,
        "trigger": rng.random(n) < 0.1,
        **{f"i{8 * size}": rng.integers(-100, 100, n).astype(f"i{size}") for size in (1, 2, 4, 8)},
        **{f"u{8 * size}": rng.integers(0, 200, n).astype(f"u{size}") for size in (1, 2, 4)},
    }


def jagged_columns(n: int = 1000, seed: int = 2) -> Columns:
    """A collection of float, int and bool members sharing one length per entry, some entries empty."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(1.5, n)
    total = int(counts.sum())
    members = {
        "pt": rng.exponential(30.0, total).astype(np.float32),
        "eta": rng.normal(0.0, 1.5, total).astype(np.float32),
        "charge": rng.choice(np.array([-1, 1], np.int32), total),
        "tight": rng.random(total) < 0.5,
    }
    return {"Muon": ak.zip({k: ak.unflatten(v, counts) for k, v in members.items()})}


def nested_columns(n: int = 200, seed: int = 3) -> Columns:
    """Lists of lists, strings and lists of strings: what uproot writes to RNTuple only."""
    rng = np.random.default_rng(seed)
    inner = rng.poisson(2.0, 3 * n)
    values = ak.unflatten(rng.normal(size=int(inner.sum())).astype(np.float32), inner)
    words = ["", "µ", "HLT_IsoMu24", "x" * 300]
    return {
        "nested": ak.unflatten(values, np.full(n, 3)),
        "name": ak.Array([words[i % 4] for i in range(n)]),
        "names": ak.Array([words[: i % 4] for i in range(n)]),
    }


def fixed_columns(n: int = 100, seed: int = 4) -> Columns:
    """Fixed-size arrays: a vector and a smooth matrix per entry."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0.0, 3.0, 6)
    grid = np.sin(x[:, None] + x[None, :])
    return {
        "vector": rng.normal(size=(n, 3)).astype(np.float32),
        "grid": grid[None] * rng.uniform(0.5, 2.0, (n, 1, 1)),
    }


@pytest.fixture
def make_root(tmp_path: Path) -> Callable[..., Path]:
    """`make_root("a.root", Events=columns)` writes each keyword as a TTree, or as an RNTuple with
    `kind="rntuple"`, and returns the path."""

    def make(name: str, kind: str = "ttree", **trees: Columns) -> Path:
        return write_root(tmp_path / name, kind, **trees)

    return make


@pytest.fixture
def flat_root(make_root: Callable[..., Path]) -> Path:
    """TTree `Events` of flat columns, every numeric dtype."""
    return make_root("flat.root", Events=flat_columns())


@pytest.fixture
def jagged_root(make_root: Callable[..., Path]) -> Path:
    """TTree `Events` with one jagged collection and one flat column."""
    return make_root("jagged.root", Events={**jagged_columns(), "event": np.arange(1000)})


@pytest.fixture
def nested_root(make_root: Callable[..., Path]) -> Path:
    """RNTuple `Events` of nested lists and strings."""
    return make_root("nested.root", kind="rntuple", Events=nested_columns())


@pytest.fixture
def fixed_root(make_root: Callable[..., Path]) -> Path:
    """TTree `Events` of fixed-size arrays."""
    return make_root("fixed.root", Events=fixed_columns())


@pytest.fixture
def two_trees_root(make_root: Callable[..., Path]) -> Path:
    """TTrees `Events` and `runs/Summary` in one file."""
    return make_root("two.root", **{"Events": flat_columns(), "runs/Summary": {"lumi": np.arange(3.0)}})


@pytest.fixture
def untouched(flat_root: Path, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Compress with the arguments given, see it fail, see that nothing else changed."""
    before = digest(flat_root)

    def fails(kind: type[BaseException], match: str | None, **options: Any) -> None:
        with pytest.raises(kind, match=match):
            baler_root.compress(flat_root, tmp_path / "out" / "a.baler", **{"cluster_size": 100, **options})
        assert digest(flat_root) == before
        assert list((tmp_path / "out").iterdir()) == []

    (tmp_path / "out").mkdir()
    yield fails
    assert digest(flat_root) == before


@pytest.fixture
def rich_root(make_root: Callable[..., Path]) -> Path:
    """Flat, jagged and fixed-size columns, a second tree in a folder."""
    columns = {**flat_columns(500), **jagged_columns(500), **fixed_columns(500)}
    return make_root("rich.root", **{"Events": columns, "runs/Summary": {"lumi": np.arange(3.0)}})


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
