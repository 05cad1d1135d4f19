"""Folders and trees with colons in their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.compression import workers


@pytest.mark.parametrize("path", ["dir:colon/t", "a:b/c:d/t", "a/t:u", "dir:colon/t:u"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_verb_takes_colons(
    path: str, jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MIN_SIZE_FOR_POOL", 0)
    if jobs > 1 and path != "dir:colon/t":
        pytest.skip("one path is enough for the workers")
    folder, _, name = path.rpartition("/")
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mkdir(folder).mktree(name, {"x": "f8"}).extend({"x": np.arange(5.0)})
    baler_root.compress(tmp_path / "in.root", tmp_path / "a.baler", jobs=jobs)
    result = baler_root.verify(tmp_path / "a.baler", against=tmp_path / "in.root")
    assert result.ok
    assert result.values == 5
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "back.root")
    with baler_root.open(tmp_path / "a.baler") as file:
        assert file[path]["x"].array().to_list() == [0, 1, 2, 3, 4]
