"""Latents: every value within its bound whatever they miss, rows unlike the others to the bit, and arrays of both."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root import LatentOptions, ModelReuse
from baler_root.compression.models import reuse
from baler_root.compression.models import sample as sampling
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import ConfigError, KeyInFileError, MissingModelError
from baler_root.format.bounds import ErrorBound, measure
from baler_root.format.page import Page
from baler_root.training import effort as levels
from baler_root.training import latent as autoencoding
from tests.helpers.cli import Cli
from tests.helpers.compare import assert_same

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")

Maker = Callable[..., Path]
Arrays = dict[str, Any]

EVENTS, CLUSTER = 4200, 1500
RESIDUALS = ("bounded", "lossless", "none")
EXACT = ("event", "n", "constant", "jet_tracks", "jet_tagged")


def events(n: int = EVENTS, seed: int = 1) -> Arrays:
    """Events with jets, columns of every kind: related, alike, constant, exact, not finite.

    What is computed from others lies before these and behind them, in other pages.
    """
    rng = np.random.default_rng(seed)
    pt = (rng.exponential(30, n) + 20).astype("f4")
    eta = rng.normal(0, 1.5, n).astype("f4")
    mass = (pt * rng.normal(0.1, 0.002, n)).astype("f4")
    odd = rng.normal(pt, 1).astype("f4")
    odd[[3, 1700, 1701, 2000]] = [np.nan, np.inf, -np.inf, -999]
    counts = rng.poisson(1.2, n)
    total = int(counts.sum())
    jet_pt = rng.exponential(30, total) + 20
    jets = {
        "pt": jet_pt.astype("f4"),
        "mass": (jet_pt * rng.normal(0.1, 0.01, total)).astype("f8"),
        "tracks": rng.poisson(jet_pt / 4).astype("i4"),
        "tagged": jet_pt > 40,
        "pt_copy": jet_pt.astype("f4"),
    }
    return {
        "energy": (pt.astype("f8") * np.cosh(eta.astype("f8"))).astype("f4"),
        "event": np.arange(n) + 10**12,
        "pt": pt,
        "eta": eta,
        "mass": mass,
        "single": rng.normal(mass, 0.1).astype("f4").astype("f8"),
        "odd": odd,
        "n": rng.poisson(pt / 8).astype("i4"),
        "constant": np.full(n, 3.5),
        "jet": ak.zip({name: ak.unflatten(values, counts) for name, values in jets.items()}),
        "energy_too": (pt.astype("f8") * np.cosh(eta.astype("f8"))).astype("f8"),
    }


def write(path: Path, arrays: Arrays) -> Path:
    types = {k: v.dtype if isinstance(v, np.ndarray) else ak.type(v).content for k, v in arrays.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", types)
        file["Events"].extend(arrays)
    return path


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """A short training in one thread, of a network that is used whether it pays or not."""
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoencoding, "STEPS", {"default": 100})
        patch.setattr(autoencoding, "WIDTHS", {"default": ((np.inf, 16),)})
        patch.setattr(autoencoding, "MARGIN", -1e9)
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("source") / "in.root", events())


@pytest.fixture(scope="module")
def made(source: Path) -> dict[str, Path]:
    """The source with each kind of residual, 1 % of all rows kept exactly, in three clusters."""
    out = {}
    for residual in RESIDUALS:
        out[residual] = source.with_name(f"{residual}.baler")
        baler_root.compress(
            source,
            out[residual],
            codec=LatentOptions("autoencoder", latents=3, residual=residual, outliers=0.01),
            cluster_size=CLUSTER,
        )
    return out


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def original(source: Path) -> Any:
    with uproot.open(source) as file:
        return file["Events"].arrays()


def bits(array: Any) -> bytes:
    return np.asarray(ak.flatten(array, axis=None)).tobytes()


# ---- values


@pytest.mark.parametrize("residual", RESIDUALS)
def test_every_value_is_within_its_bound(residual: str, made: dict[str, Path], source: Path) -> None:
    assert baler_root.verify(made[residual], source).problems == []
    wanted = original(source)
    with baler_root.open(made[residual], num_workers=3) as file:
        found = file["Events"].arrays()
        steps = list(file["Events"].iterate(step_size=1000))
    assert ak.array_equal(ak.concatenate(steps), found, equal_nan=True)
    assert found.type == wanted.type
    for name in found.fields:
        if residual == "lossless" or name in EXACT:
            assert bits(found[name]) == bits(wanted[name]), name
            continue
        values, theirs = (np.asarray(ak.flatten(arrays[name], axis=None)) for arrays in (found, wanted))
        assert measure(theirs, values, ErrorBound("rel", 1e-3)).violations == 0, name
    assert (bits(found["pt"]) == bits(wanted["pt"])) == (residual == "lossless")
    assert bits(found["jet_pt"]) == bits(found["jet_pt_copy"])
    assert found["odd"][2000] == -999


def test_files_are_what_they_say(made: dict[str, Path]) -> None:
    for residual, path in made.items():
        found = baler_root.inspect(path)
        assert found["codecs"] == ["autoencoder"]
        assert {model["latents"] for model in found["models"]} == {3}
        kinds = {model["residual"] for model in found["models"]}
        assert kinds == {"none" if residual == "none" else "bounded"}
        assert found["provenance"]["residual"] == residual


def test_torch_is_not_needed_to_read(made: dict[str, Path]) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
import baler_root
with baler_root.open({str(made["bounded"])!r}) as file:
    tree = file["Events"]
    tree.arrays()
    assert len(tree.latents("jet")) == len(tree.latents("entries")) == {EVENTS}
    assert len(tree.outliers("jet")) > 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_lists_that_are_alike_only_in_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    counts = rng.poisson(2, 6000)
    others = np.where(np.arange(6000) < 3000, counts, rng.poisson(1, 6000))
    arrays = {
        f"{name}_{at}": ak.unflatten(rng.normal(size=int(some.sum())).astype("f4"), some)
        for name, some in (("a", counts), ("b", others))
        for at in range(2)
    }
    monkeypatch.setattr(sampling, "SAMPLE_RANGES", 1)
    monkeypatch.setattr(sampling, "SAMPLE_SIZE", 6000 * 30)
    target = tmp_path / "out.baler"
    source = write(tmp_path / "in.root", arrays)
    baler_root.compress(
        source, target, codec=LatentOptions("autoencoder", residual="none", outliers=0.02), cluster_size=1500
    )
    assert baler_root.verify(target, source).problems == []
    with baler_root.open(target) as file:
        assert file["Events"].latent_tables == ["a", "b"]
        assert_same(ak.num(file["Events"].latents("a")), ak.Array(counts))
        with pytest.raises(ConfigError, match="entries 3000 to 4500 of table 'b' have no latents"):
            file["Events"].latents("b", 3000)


# ---- latents as arrays


@pytest.mark.parametrize("residual", RESIDUALS)
def test_latents_have_a_row_for_each_row(residual: str, made: dict[str, Path], source: Path) -> None:
    jets = original(source)["jet_pt"]
    with baler_root.open(made[residual]) as file:
        tree = file["Events"]
        assert tree.latent_tables == ["entries", "jet"]
        assert str(tree.latents("entries").type) == f"{EVENTS} * 3 * int16"
        assert str(tree.latents("jet").type) == f"{EVENTS} * var * 3 * int16"
        assert ak.num(tree.latents("jet")).tolist() == ak.num(jets).tolist()
        assert tree.latents("entries", library="np").shape == (EVENTS, 3)
        assert tree.latents("jet", library="np")[0].shape == (len(jets[0]), 3)
        assert_same(tree.latents("jet_mass", 7, 9), tree.latents("jet", 7, 9))
        for latents in (tree.latents("entries"), ak.flatten(tree.latents("jet"))):
            assert np.ptp(np.asarray(latents), axis=0).max() > 0


@pytest.mark.parametrize("table", ["entries", "jet"])
@pytest.mark.parametrize(
    "cut", [(0, 0), (10, 20), (1499, 1501), (1500, 3000), (-5, None), (None, -4000), (9, 4100)]
)
def test_ranges_of_latents(cut: tuple[int | None, int | None], table: str, made: dict[str, Path]) -> None:
    with baler_root.open(made["none"]) as file:
        tree = file["Events"]
        whole, part = tree.latents(table), tree.latents(table, *cut)
        outliers, some = tree.outliers(table), tree.outliers(table, *cut)
    assert part.to_list() == whole[slice(*cut)].to_list()
    assert str(part.type).partition(" * ")[2] == str(whole.type).partition(" * ")[2]
    start, stop, _ = slice(*cut).indices(EVENTS)
    assert_same(some, outliers[(outliers.entry >= start) & (outliers.entry < stop)])


def test_latents_decode_no_column_and_read_no_other_table(
    made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Page, "symbols", lambda *_: pytest.fail("a column was decoded"))
    with baler_root.open(made["bounded"]) as file:
        tree = file["Events"]
        read: list[str] = []
        container = tree.source.container
        pages = container.read_pages
        monkeypatch.setattr(
            container, "read_pages", lambda ids: read.extend(page.group for page in ids) or pages(ids)
        )
        tree.latents("entries", 0, 100)
        reader = tree.source
        (jets,) = {reader.page_of(0, n)[0].group for n, c in enumerate(reader.columns) if c.dtype.kind == "b"}
    assert read
    assert jets not in read


def test_tables_that_are_not_there(made: dict[str, Path], source: Path, tmp_path: Path) -> None:
    with baler_root.open(made["none"]) as file:
        for method in (file["Events"].latents, file["Events"].outliers):
            with pytest.raises(KeyInFileError, match=r"not found: 'jets' in the tables .* nearest: 'jet'"):
                method("jets")
            with pytest.raises(ConfigError, match="the tables entries, jet have latents; name one of them"):
                method()
            with pytest.raises(ConfigError, match="'ak' or 'np', not 'pd'"):
                method("jet", library="pd")
        tree = file["Events"]
    for read in (tree.latents, tree.outliers):
        with pytest.raises(ValueError, match="reading from a closed file"):
            read("jet")
    baler_root.compress(source, tmp_path / "classic.baler", codec="classic")
    with baler_root.open(tmp_path / "classic.baler") as file:
        assert file["Events"].latent_tables == []
        for name in (None, "jet"):
            with pytest.raises(ConfigError, match=r"has no latents: these codecs store them: autoencoder"):
                file["Events"].latents(name)


def test_a_table_without_latents_beside_one_with(tmp_path: Path) -> None:
    arrays = events()
    target = tmp_path / "out.baler"
    kept = {"pt": arrays["pt"], "mass": arrays["mass"], "jet": arrays["jet"][["pt"]]}
    source = write(tmp_path / "in.root", kept)
    summary = baler_root.compress(
        source, target, codec=LatentOptions("autoencoder", latents=1, residual="none")
    )
    assert summary.notes == ()
    with baler_root.open(target) as file:
        assert str(file["Events"].latents().type) == f"{EVENTS} * 1 * int16"
        assert (
            str(file["Events"].outliers().type)
            == "0 * {entry: int64, score: float32, pt: float32, mass: float32, njet: int32}"
        )
        with pytest.raises(ConfigError, match="table 'jet_pt' has no latents; entries have"):
            file["Events"].latents("jet_pt")


def test_a_table_in_several_places_has_the_latents_of_all(tmp_path: Path) -> None:
    arrays = events()
    jets = arrays["jet"]
    parts = {
        "jet": jets[["pt", "mass"]],
        "pt": arrays["pt"],
        "mass": arrays["mass"],
        "jets": jets[["tracks", "tagged"]],
    }
    source = write(tmp_path / "in.root", parts)
    target = tmp_path / "out.baler"
    baler_root.compress(
        source, target, codec=LatentOptions("autoencoder", latents=2, residual="none", outliers=0.04)
    )
    assert baler_root.verify(target, source).problems == []
    with baler_root.open(target) as file:
        tree = file["Events"]
        assert str(tree.latents("jet").type) == f"{EVENTS} * var * 4 * int16"
        outliers = tree.outliers("jet")
    assert len(baler_root.inspect(target)["models"]) == 3
    assert 0.02 < len(outliers) / ak.count(jets["pt"]) <= 0.041
    _check_exact(outliers, original(source))


# ---- rows unlike the others


def _check_exact(outliers: Any, wanted: Any) -> None:
    """Every branch of the outlier rows is what it was, to the bit."""
    for name in set(outliers.fields) & set(wanted.fields):
        rows = wanted[name][outliers.entry]
        if "item" in outliers.fields:
            rows = rows[np.arange(len(rows)), outliers.item]
        assert bits(outliers[name]) == bits(rows), name


@pytest.mark.parametrize("residual", RESIDUALS)
def test_outlier_rows_are_exact_to_the_bit(residual: str, made: dict[str, Path], source: Path) -> None:
    wanted = original(source)
    with baler_root.open(made[residual]) as file:
        entries, jets = file["Events"].outliers("entries"), file["Events"].outliers("jet")
        arrays = file["Events"].arrays()
    flat = [name for name in wanted.fields if not name.startswith(("jet", "njet"))]
    assert set(flat) <= set(entries.fields)
    assert jets.fields == [
        "entry",
        "item",
        "score",
        *(name for name in wanted.fields if name.startswith("jet_")),
    ]
    for outliers, rows in ((entries, EVENTS), (jets, ak.count(wanted["jet_pt"]))):
        assert 0.005 * rows < len(outliers) < 0.015 * rows
        assert outliers.score.type == ak.Array(np.zeros(len(outliers), "f4")).type
        assert np.all(np.asarray(outliers.score) > 0)
        _check_exact(outliers, wanted)
        _check_exact(outliers, arrays)
    places = list(zip(jets.entry.to_list(), jets.item.to_list(), strict=True))
    assert places == sorted(set(places))
    assert entries.entry.to_list() == sorted(set(entries.entry.to_list()))


def test_what_is_unlike_the_others_has_the_highest_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(5000, 6))
    planted = np.arange(100, 5000, 500)
    values[planted] += 8
    source = write(tmp_path / "in.root", {f"x{n}": column.astype("f4") for n, column in enumerate(values.T)})
    target = tmp_path / "out.baler"
    baler_root.compress(
        source, target, codec=LatentOptions("autoencoder", latents=6, residual="none", outliers=0.01)
    )
    with baler_root.open(target) as file:
        outliers = file["Events"].outliers("entries")
    highest = outliers[np.argsort(-np.asarray(outliers.score))[: len(planted)]]
    assert set(planted) <= set(outliers.entry.to_list())
    assert len(set(highest.entry.to_list()) & set(planted)) >= 6


def test_only_clusters_with_outlier_rows_are_decoded(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.baler"
    baler_root.compress(
        source,
        target,
        codec=LatentOptions("autoencoder", residual="none", outliers=0.0007, clusters=2),
        cluster_size=200,
    )
    read: list[int] = []
    plain = TreeReader.read

    def watched(self: TreeReader, branches: Any, start: int, stop: int) -> Any:
        read.append(start // 200)
        return plain(self, branches, start, stop)

    monkeypatch.setattr(TreeReader, "read", watched)
    with baler_root.open(target) as file:
        outliers = file["Events"].outliers("entries")
    assert 1 <= len(outliers) <= 6
    assert read == sorted({entry // 200 for entry in outliers.entry.to_list()})


def test_structured_arrays_and_names_that_are_taken(tmp_path: Path) -> None:
    arrays = events()
    source = write(tmp_path / "in.root", {"score": arrays["pt"], "entry": arrays["mass"], "n": arrays["n"]})
    target = tmp_path / "out.baler"
    baler_root.compress(source, target, codec=LatentOptions("autoencoder", residual="none", outliers=0.01))
    with baler_root.open(target) as file:
        found = file["Events"].outliers(library="np")
        records = file["Events"].outliers()
    assert found.dtype.names == ("entry", "score", "score_", "entry_", "n")
    assert found["score_"].tobytes() == arrays["pt"][found["entry"]].tobytes()
    assert records["entry_"].to_list() == arrays["mass"][found["entry"]].tolist()


def test_all_rows_may_be_kept(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "out.baler"
    baler_root.compress(source, target, codec=LatentOptions("autoencoder", outliers=1.0, clusters=3))
    with baler_root.open(target) as file:
        arrays = file["Events"].arrays()
        assert len(file["Events"].outliers("entries")) == EVENTS
    wanted = original(source)
    assert all(bits(arrays[name]) == bits(wanted[name]) for name in wanted.fields)


# ---- files of several parts


def test_merged_and_recovered_files(made: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.baler"
    second = write(tmp_path / "second.root", events(3000, seed=2))
    baler_root.compress(
        second, other, codec=LatentOptions("autoencoder", latents=4, residual="none", outliers=0.01)
    )
    parts = [made["none"], other, made["none"]]
    merged = baler_root.merge(parts, tmp_path / "merged.baler")
    (tmp_path / "cut.baler").write_bytes(merged.read_bytes()[:-100])
    baler_root.recover(tmp_path / "cut.baler", tmp_path / "saved.baler", like=merged)
    opened = [baler_root.open(path) for path in parts]
    arrays = ak.concatenate([file["Events"].arrays() for file in opened])
    latents = [file["Events"].latents("jet") for file in opened]
    outliers = [file["Events"].outliers("jet") for file in opened]
    for path in (merged, tmp_path / "saved.baler"):
        assert baler_root.verify(path).ok
        with baler_root.open(path) as file:
            tree = file["Events"]
            assert ak.array_equal(tree.arrays(), arrays, equal_nan=True)
            assert_same(tree.latents("jet", 0, EVENTS), latents[0])
            assert_same(tree.latents("jet", EVENTS, EVENTS + 3000), latents[1])
            found = tree.outliers("jet")
            assert found.score.to_list() == ak.concatenate(outliers).score.to_list()
            assert found.entry[len(outliers[0])] == outliers[1].entry[0] + EVENTS
            with pytest.raises(
                ConfigError, match="entries 4200 to 7200 of table 'jet' have latents of another model"
            ):
                tree.latents("jet")
    for file in opened:
        file.close()
    twice = baler_root.merge([made["none"]] * 2, tmp_path / "twice.baler")
    with baler_root.open(twice) as file:
        assert_same(file["Events"].latents("jet"), ak.concatenate([latents[0]] * 2))


def test_a_missing_model_is_named(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "_worth", lambda match, _: match.numbers)
    monkeypatch.setattr(reuse, "WORTHWHILE", -1e9)
    folder = tmp_path / "models"
    folder.mkdir()
    model, target = folder / "jets.balermodel", tmp_path / "out.baler"
    baler_root.train(
        [source], model, codec=LatentOptions("autoencoder", latents=2, residual="bounded", outliers=0.01)
    )
    baler_root.compress(source, target, model=ModelReuse(model, detach=True), cluster_size=CLUSTER)
    with baler_root.open(target) as file:
        latents, outliers = file["Events"].latents("jet"), file["Events"].outliers("jet")
    assert len(outliers) > 0
    (tmp_path / "elsewhere").mkdir()
    away = model.rename(tmp_path / "elsewhere" / "jets.balermodel")
    parts = baler_root.inspect(target)["trees"][0]["tables"]
    assert all(table["latents"]["parts"]["models"] > 0 for table in parts)
    with baler_root.open(target) as file:
        tree = file["Events"]
        assert tree.latent_tables == ["entries", "jet"]
        for read in (tree.latents, tree.outliers):
            with pytest.raises(
                MissingModelError, match=r"page \d of .* needs the model .* of jets.balermodel"
            ):
                read("jet")
        with pytest.raises(MissingModelError, match="needs the model"):
            tree["jet_pt"].array()
    with baler_root.open(target, models=away) as file:
        assert_same(file["Events"].latents("jet"), latents)
        assert_same(file["Events"].outliers("jet"), outliers)


def test_the_same_seed_gives_the_same_bytes_in_several_processes(
    source: Path, made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.POOL_SIZE", 0)
    codec = LatentOptions("autoencoder", latents=3, residual="none", outliers=0.01)
    baler_root.compress(source, tmp_path / "two.baler", codec=codec, jobs=2, cluster_size=CLUSTER)
    assert (tmp_path / "two.baler").read_bytes() == made["none"].read_bytes()


# ---- what is said


def test_inspect_says_where_the_bytes_are(cli: Cli, made: dict[str, Path]) -> None:
    for residual, path in made.items():
        found = baler_root.inspect(path)
        models = {model["sha256"]: model["size"] for model in found["models"]}
        tables = {table["name"]: table for table in found["trees"][0]["tables"]}
        assert list(tables) == ["entries", "jet"]
        for table in tables.values():
            latents = table["latents"]
            parts = latents["parts"]
            assert sum(models[name] for name in latents["models"]) == parts["models"] > 0
            assert parts["latents"] > 0
            assert (parts["residual"] > 0) == (residual != "none")
            assert (parts["missed"] > 0) == (latents["missed"] > 0) == (residual == "none")
            assert latents["anomalies"] > 0 < parts["anomalies"]
            assert sum(parts.values()) < found["size"]
        assert tables["entries"]["latents"]["rows"] == EVENTS
        with baler_root.open(path) as file:
            assert len(file["Events"].outliers("jet")) == tables["jet"]["latents"]["anomalies"]
    shown = cli("inspect", made["none"]).out
    assert f"latents of entries: {EVENTS // 1000} {EVENTS % 1000} rows: latents " in shown
    assert "rows that they miss" in shown
    assert "outlier rows with scores" in shown
    assert cli("inspect", made["none"], "--json").json["trees"][0]["tables"][1]["latents"]["rows"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--codec", "autoencoder", "--latents", "0"), "0 latents; from 1 to 256 are possible"),
        (("--codec", "autoencoder", "--latents", "257"), "257 latents; from 1 to 256 are possible"),
        (("--codec", "autoencoder", "--latents", "9"), "columns to make them of: entries (8), jet (4)"),
        (("--codec", "autoencoder", "--outliers", "101%"), "a share from 0 to 1 (100%) is needed"),
        (("--codec", "autoencoder", "--outliers", "-0.1"), "a share from 0 to 1 (100%) is needed"),
        (("--codec", "autoencoder", "--outliers", "nan"), "a share from 0 to 1 (100%) is needed"),
        (("--codec", "autoencoder", "--outliers", "x"), "'x' is no share of rows: write 0.01 or 1%"),
        (("--codec", "autoencoder", "--clusters", "0"), "0 clusters of latents; from 1 to 256 are possible"),
        (
            ("--codec", "autoencoder", "--residual", "foo"),
            "no residual 'foo'; there are bounded, lossless, none",
        ),
        (("--codec", "autoencoder", "--level", "fast"), "trains a network; level fast trains none"),
        (("--codec", "autoencoder", "--residual", "lossless", "--bound", "rel=0.1"), "leave the bound out"),
        (("--codec", "classic", "--latents", "3"), "--latents: for codecs that store latents"),
        (("--codec", "conditional", "--residual", "none"), "--residual: for codecs that store latents"),
        (("--outliers", "1%", "--clusters", "2"), "--outliers, --clusters: for codecs that store latents"),
        (("--codec", "autoencode"), "did you mean 'autoencoder'?"),
    ],
)
def test_options_without_sense(
    options: tuple[str, ...], words: str, cli: Cli, source: Path, tmp_path: Path
) -> None:
    outcome = cli("compress", source, tmp_path / "out.baler", *options)
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
    assert summary.notes == ("Events: no latents of 9 entries; at least 2000 are needed to learn from",)
    assert baler_root.verify(tmp_path / "out.baler", source).problems == []


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.full(5000, 3.0), "y": np.full(5000, np.nan)},
        {"x": np.random.default_rng(0).exponential(size=5000)},
        {"x": np.where(np.arange(5000) % 2, np.nan, np.inf), "y": np.full(5000, -999.0)},
        {"x": np.zeros(0), "y": np.zeros(0, "i4")},
    ],
    ids=["constant", "one column", "no numbers", "empty"],
)
@pytest.mark.parametrize("residual", ["bounded", "none"])
def test_columns_that_teach_nothing(arrays: Arrays, residual: str, make_root: Maker, tmp_path: Path) -> None:
    source, target = make_root("odd.root", Events=arrays), tmp_path / "out.baler"
    summary = baler_root.compress(
        source, target, codec=LatentOptions("autoencoder", residual=residual, outliers=0.05)
    )
    assert baler_root.verify(target, source).problems == []
    assert baler_root.inspect(target)["codecs"] == ["classic"]
    assert any("no latents" in note for note in summary.notes)


def test_a_narrow_table_takes_as_many_latents_as_it_has_columns(tmp_path: Path) -> None:
    arrays = events()
    source = write(tmp_path / "in.root", {name: arrays[name] for name in ("pt", "jet")})
    target = tmp_path / "out.baler"
    baler_root.compress(source, target, codec=LatentOptions("autoencoder", latents=4, residual="none"))
    assert baler_root.verify(target, source).problems == []
    with baler_root.open(target) as file:
        assert str(file["Events"].latents("entries").type) == f"{EVENTS} * 2 * int16"
        assert str(file["Events"].latents("jet").type) == f"{EVENTS} * var * 4 * int16"


def test_without_torch(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setattr(levels, "find_spec", lambda _: None)
    outcome = cli("compress", source, tmp_path / "out.baler", "--codec", "autoencoder")
    assert outcome.code == 2
    assert 'pip install "baler-root[train]"' in outcome.err
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
