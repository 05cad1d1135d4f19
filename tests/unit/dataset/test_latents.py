"""Latents as arrays: a row for each row, any range, no column decoded."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root import LatentOptions
from baler_root.errors import ConfigError, KeyInFileError
from baler_root.format.page import Page
from tests.helpers.compare import assert_same
from tests.helpers.latent_files import EVENTS, RESIDUALS, check_exact, events, original, write

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch"),
    pytest.mark.usefixtures("latents_train_shortly"),
]

# ---- latents as arrays


@pytest.mark.parametrize("residual", RESIDUALS)
def test_latents_have_a_row_for_each_row(
    residual: str, latent_files: dict[str, Path], latent_source: Path
) -> None:
    jets = original(latent_source)["jet_pt"]
    with baler_root.open(latent_files[residual]) as file:
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
def test_ranges_of_latents(
    cut: tuple[int | None, int | None], table: str, latent_files: dict[str, Path]
) -> None:
    with baler_root.open(latent_files["none"]) as file:
        tree = file["Events"]
        whole, part = tree.latents(table), tree.latents(table, *cut)
        outliers, some = tree.outliers(table), tree.outliers(table, *cut)
    assert part.to_list() == whole[slice(*cut)].to_list()
    assert str(part.type).partition(" * ")[2] == str(whole.type).partition(" * ")[2]
    start, stop, _ = slice(*cut).indices(EVENTS)
    assert_same(some, outliers[(outliers.entry >= start) & (outliers.entry < stop)])


def test_latents_decode_no_column_and_read_no_other_table(
    latent_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Page, "symbols", lambda *_: pytest.fail("a column was decoded"))
    with baler_root.open(latent_files["bounded"]) as file:
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


def test_tables_that_are_not_there(
    latent_files: dict[str, Path], latent_source: Path, tmp_path: Path
) -> None:
    with baler_root.open(latent_files["none"]) as file:
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
    baler_root.compress(latent_source, tmp_path / "classic.baler", codec="classic")
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
    check_exact(outliers, original(source))
