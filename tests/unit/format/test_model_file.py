"""Model files: damage is found, and what is no model file is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import baler_root
from baler_root.errors import (
    BalerError,
    CorruptFileError,
    FormatError,
)
from baler_root.format.model_file import read_model_file
from tests.helpers.cli import Cli
from tests.vectors.corpus import path_of

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")

GOLDEN = path_of("detached").with_suffix(".balermodel")


# ---- damage


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    good = GOLDEN.read_bytes()
    path = tmp_path / "m.balermodel"
    for position in range(len(good)):
        data = bytearray(good)
        data[position] ^= 1 << position % 8
        path.write_bytes(data)
        with pytest.raises(FormatError) as caught:
            read_model_file(path)
        assert "m.balermodel" in str(caught.value)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    good = GOLDEN.read_bytes()
    path = tmp_path / "m.balermodel"
    for size in range(0, len(good), 7):
        path.write_bytes(good[:size])
        with pytest.raises(FormatError, match=r"m\.balermodel"):
            read_model_file(path)


def test_what_is_no_model_file(unseen_jets: Path, tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data.baler"
    baler_root.compress(unseen_jets, data, codec="classic")
    other = tmp_path / "text.balermodel"
    other.write_bytes(b"not a model" * 100)
    before = sorted(tmp_path.iterdir())
    for path, words in (
        (data, "holds no models for other files"),
        (other, "not a .balermodel file"),
        (unseen_jets, "not a .balermodel file"),
        (tmp_path / "none.balermodel", "no such file"),
        (tmp_path, "is a folder"),
    ):
        outcome = cli("compress", unseen_jets, tmp_path / "out.baler", "--model", path)
        assert outcome.code == 1, outcome.err
        assert words in outcome.err
        assert outcome.err.count("\n") == 1
        assert "Traceback" not in outcome.err
    assert sorted(tmp_path.iterdir()) == before


def test_model_files_are_containers(cli: Cli, jets_model: Path) -> None:
    assert cli("verify", jets_model).code == 0
    found = cli("inspect", jets_model, "--json").json
    assert found["trees"] == []
    (about,) = found["models"][:1]
    assert about["tree"] == "Events"
    assert {"sha256", "size", "weights", "rows", "steps", "seed", "history", "level"} <= about.keys()
    assert {entry["column"] for entry in about["architecture"]} >= {"jet_pt", "jet_mass"}
    assert all(entry["bound"] in ("rel=0.001", "lossless") for entry in about["architecture"])
    assert [source["name"] for source in found["provenance"]["sources"]] == ["one.root", "two.root"]
    text = json.dumps(found)
    assert str(jets_model.parent) not in text.replace(found["path"], "")


def test_damage_that_checksums_hide_is_an_error_of_ours(tmp_path: Path) -> None:
    """Whatever a model says of its layers: no other error, and no memory that the bytes have not earned."""
    from tests.helpers.forge import Forger

    forger = Forger(GOLDEN)
    ((kind, number, payload),) = forger.blocks
    rng = np.random.default_rng(1)
    path = tmp_path / "m.balermodel"
    for _ in range(150):
        data = bytearray(payload)
        data[rng.integers(len(data))] = rng.integers(256)
        forger.blocks = [(kind, number, bytes(data))]
        from hashlib import sha256

        name = sha256(data).hexdigest()
        path.write_bytes(
            forger.build(manifest=lambda document, name=name: document["models"][0].update(sha256=name))
        )
        try:
            read_model_file(path)
        except CorruptFileError:
            pass
        except BalerError as error:
            pytest.fail(f"{type(error)}: {error}")
