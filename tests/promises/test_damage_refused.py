"""Damage is found: each bad file is refused with the error it was promised, and by the second reader."""

from __future__ import annotations

from pathlib import Path

import pytest

import baler_root.errors
from baler_root.api.verify import verify
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import BalerError
from baler_root.format.model_file import read_model_file
from tests.helpers.vectors import second_reader
from tests.independent_reader import columns as independent_columns
from tests.vectors.bad import BAD
from tests.vectors.bad.files import good
from tests.vectors.corpus import expected, path_of

NOT_NOTICED = {
    "bad/float-count",
    "bad/layout-columns",
    "bad/parent-later",
    "bad/manifest-left-over",
    "bad/titles-missing",
}
"""Bad files that the second reader reads: their fault is nothing that it looks at."""


UNNAMED = {"bad/unknown-codec", "bad/counts-wrong"}
"""Bad files whose message does not name the file: what is wrong shows where no file is known any more."""


def exercise(path: Path) -> None:
    """Open a file and read everything in it."""
    if path.suffix == ".balermodel":
        read_model_file(path)
        return
    with open_file(path) as file:
        for tree in file.trees:
            _ = tree.statistics
            tree.read(tree.schema.stored(), 0, tree.schema.num_entries)
        _ = file.objects_blob


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_as_promised(name: str) -> None:
    about = expected(name)
    kind: type[BalerError] = getattr(baler_root.errors, about["error"])
    with pytest.raises(kind) as caught:
        exercise(path_of(name))
    assert type(caught.value) is kind
    assert about["message"] in str(caught.value)
    assert path_of(name).name in str(caught.value) or name in UNNAMED


@pytest.mark.parametrize("name", sorted(set(BAD) - NOT_NOTICED))
def test_bad_files_are_refused_by_the_second_reader(name: str) -> None:
    def read_all() -> None:
        reader = second_reader(name)
        if path_of(name).suffix == ".balermodel":
            reader.check_models()
        for number in range(len(reader.manifest["trees"])):
            independent_columns.read(reader, number)

    with pytest.raises(Exception):  # noqa: B017, PT011 - it makes no promise about the kind
        read_all()


def test_the_file_behind_the_bad_ones_is_good(tmp_path: Path) -> None:
    path = tmp_path / "good.baler"
    path.write_bytes(good())
    exercise(path)
    assert verify(path).ok
