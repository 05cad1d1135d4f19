"""Damage is found: any flipped byte, truncation or lie is a FormatError, a reported problem, or no change."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import pytest

from baler_root.api.verify import verify
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import FormatError
from tests.helpers.damage import run
from tests.vectors.corpus import path_of


def test_every_flipped_bit_is_detected(tiny: Path) -> None:
    outcomes = run("all flips", tiny)
    assert set(outcomes) <= {"refused", "reported"}
    assert sum(map(len, outcomes.values())) == 8 * tiny.stat().st_size


def test_flipped_bytes_of_any_part_are_detected(small: Path) -> None:
    assert set(run("some flips", small)) == {"refused", "reported"}


@pytest.mark.slow
def test_every_flipped_bit_of_any_part_is_detected(small: Path) -> None:
    assert set(run("all flips", small)) == {"refused", "reported"}


def test_every_truncation_is_refused(small: Path) -> None:
    assert set(run("truncations", small)) == {"refused"}


def test_every_addition_is_detected(small: Path) -> None:
    assert set(run("additions", small)) <= {"refused", "reported"}


ALL_PAGES = pytest.param("pages", marks=pytest.mark.slow)


@pytest.mark.parametrize("pages", ["some of the pages", ALL_PAGES])
def test_pages_that_lie_under_right_checksums(pages: str, small: Path) -> None:
    """Pages that decode to other values are found by the digest of the values."""
    assert set(run(pages, small)) <= {"refused", "reported", "same"}


@pytest.mark.parametrize("pages", ["some of the pages", ALL_PAGES])
@pytest.mark.parametrize("name", ["autoencoder_alone", "transformer"])
def test_pages_with_latents_that_lie_under_right_checksums(name: str, pages: str) -> None:
    """`same`: rows that are said to be unlike others change no value."""
    path = path_of(name)
    assert set(run(pages, path)) <= {"refused", "reported", "same"}


def test_blocks_that_lie_under_right_checksums(small: Path) -> None:
    """Statistics have no second witness: they may change, but never break the reader."""
    assert set(run("blocks", small)) <= {"refused", "reported", "same", "other"}


@pytest.mark.parametrize("values", ["some of the manifest", pytest.param("manifest", marks=pytest.mark.slow)])
def test_manifests_that_lie_under_right_checksums(values: str, small: Path) -> None:
    """Names and titles may be any; what contradicts the pages is refused."""
    assert set(run(values, small)) <= {"refused", "reported", "same", "other"}


def test_damage_is_named_and_the_rest_stays_readable(small: Path, tmp_path: Path) -> None:
    """One bad page: its columns are lost with a message saying which, all others come back."""
    path = tmp_path / "damaged.baler"
    data = bytearray(small.read_bytes())
    with open_file(small) as file:
        tree = file.trees[0]
        page = file.container.page_ids()[-1]
        row = file.container.pages[file.container.page_row(page)]
        data[int(row["offset"]) + int(row["size"]) - 1] ^= 1
        expected = tree.read(tree.schema.stored(), 0, 16)
    path.write_bytes(data)
    problems = verify(path).problems
    assert len(problems) == 1
    assert "page 0 of cluster 1 of tree 'dir/Nested'" in problems[0]
    assert "checksum" in problems[0]
    assert "other pages remain readable" in problems[0]
    with open_file(path) as file:
        found = file.trees[0].read(tree.schema.stored(), 0, 16)
        assert all(ak.array_equal(found[i], expected[i], equal_nan=True) for i in expected)
        nested = file.trees[1]
        assert nested.read(nested.schema.stored(), 0, 9)
        with pytest.raises(FormatError, match="cluster 1 of tree 'dir/Nested'"):
            nested.read(nested.schema.stored(), 8, 10)
