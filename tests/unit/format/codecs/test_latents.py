"""Codecs that store latents: every symbol comes back, whatever the model misses."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.latent import columns as latent_columns
from baler_root.format.codecs.latent.builtin import AutoencoderCodec
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.format.codecs.latent.page import LatentPage
from baler_root.format.networks import program
from tests.helpers.latent_tables import Table, check, reader_of, table, tables, writer_of
from tests.helpers.models import following, known_column, latents_from
from tests.helpers.processes import run_python
from tests.independent_reader import latents as independent_latents
from tests.independent_reader.binary import Bytes


@given(tables())
def test_every_symbol_comes_back(case: Table) -> None:
    """All columns, each by itself, and by the second reader."""
    columns, specs, model, known = case
    payload, shares = writer_of(model, known).encode(columns, specs)
    assert sum(shares) == pytest.approx(len(payload))
    reader = reader_of(model)
    found = reader.decode(memoryview(payload), specs)
    models = {hashlib.sha256(model.to_bytes()).digest()[:8]: model.to_bytes()}
    wanted = [(spec.dtype, spec.length, spec.shape) for spec in specs]
    told: dict[str, Any] = {}
    again = independent_latents.autoencoder(models, told, Bytes(payload), wanted)
    for at, column in enumerate(columns):
        (only,) = reader.decode(memoryview(payload), specs, [at]).values()
        for same in (found[at], only, again[at]):
            assert same.dtype == column.dtype
            assert same.tobytes() == column.tobytes()
    if payload[0]:
        assert np.array_equal(reader.latents(LatentPage(memoryview(payload), specs)), told["latents"])


@pytest.mark.parametrize("kind", ["bounded", "none"])
def test_blocks_of_rows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values in a row: as many as the outputs of the decoder allow, which the format limits with streams."""
    columns, specs, model, known = table(kind)
    whole, _ = writer_of(model, known).encode(columns, specs)
    monkeypatch.setattr(latent_columns, "BLOCK_OUTPUTS", 7 * model.decoder.outputs)
    payload, _ = writer_of(model, known).encode(columns, specs)
    check(reader_of(model), payload, columns, specs)
    assert (payload == whole) == (kind == "none")


@pytest.mark.parametrize("kind", ["bounded", "none"])
@pytest.mark.parametrize("block", [1, 1000])
def test_batches_of_rows_change_nothing(kind: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    columns, specs, model, known = table(kind)
    whole, _ = writer_of(model, known).encode(columns, specs)
    monkeypatch.setattr(program, "BLOCK", block)
    again = AutoencoderModel.from_bytes(model.to_bytes())
    payload, _ = writer_of(again, known).encode(columns, specs)
    assert payload == whole
    check(reader_of(again), payload, columns, specs)


def test_what_the_model_does_not_know_needs_no_model() -> None:
    columns, specs, model, known = table()
    payload, _ = writer_of(model, known).encode(columns, specs)
    (found,) = AutoencoderCodec().decode(memoryview(payload), specs, [1]).values()
    assert found.tobytes() == columns[1].tobytes()
    with pytest.raises(CorruptFileError, match=r"the model [0-9a-f]{16} is not in the file"):
        AutoencoderCodec().decode(memoryview(payload), specs, [0])


def test_columns_off_their_axes_go_another_way() -> None:
    columns, specs, model, known = table()
    columns[0] = np.where(np.arange(60) == 7, 250, columns[0]).astype("u1")
    payload, _ = writer_of(model, known).encode(columns, specs)
    check(reader_of(model), payload, columns, specs)
    assert set(LatentPage(memoryview(payload), specs).numbers) == {2, 3, 4}
    columns = [columns[0], columns[1]]
    payload, _ = writer_of(model, known[:2]).encode(columns, specs[:2])
    assert payload[0] == 0


def test_no_page_is_larger_than_classic_if_that_is_asked() -> None:
    columns, specs, model, known = table(rows=500)  # random networks predict nothing
    plain, _ = Classic().encode(columns, specs)
    payload, shares = writer_of(model, known, compare=True).encode(columns, specs)
    assert len(payload) <= 1 + len(plain) < len(writer_of(model, known).encode(columns, specs)[0])
    assert sum(shares) == pytest.approx(len(payload))
    check(reader_of(model), payload, columns, specs)
    outlier_rows = np.array([3]), np.ones(1, np.float32)
    payload, _ = writer_of(model, known, compare=True, outlier_rows=outlier_rows).encode(columns, specs)
    check(reader_of(model), payload, columns, specs)
    assert LatentPage(memoryview(payload), specs).outlier_rows[0].tolist() == [3]


def test_columns_of_which_the_latents_tell_too_little_are_left_to_classic() -> None:
    level = np.resize(np.random.default_rng(0).integers(0, 6, 999), 4000).astype("u1")
    columns = [level, level * np.uint8(3), np.full(4000, 7, "u1")]
    described = [known_column("", b"", column) for column in (*columns[:2], np.arange(250, dtype="u1"))]
    model = following([0, 0, 1], "bounded", described)
    specs = [SymbolSpec(c.dtype, len(c)) for c in columns]
    payload, _ = writer_of(model, [0, 1, 2], compare=True).encode(columns, specs)
    check(reader_of(model), payload, columns, specs)
    assert set(LatentPage(memoryview(payload), specs).numbers) == {0, 1}


def test_no_rows() -> None:
    columns, specs, model, known = table()
    columns, specs = [c[:0] for c in columns], [SymbolSpec(s.dtype, 0, s.shape) for s in specs]
    payload, _ = writer_of(model, known).encode(columns, specs)
    assert payload[0] == 0
    check(reader_of(model), payload, columns, specs)


def test_rows_that_the_latents_give_back_cost_nothing() -> None:
    level = np.resize(np.arange(5, dtype="u1"), 200)
    columns = [level, level + np.uint8(2)]
    columns[1][[3, 77]] = 2, 6
    described = [known_column("", b"", column) for column in columns]
    model = following([0, 0], "none", described)
    specs = [SymbolSpec(c.dtype, len(c)) for c in columns]
    payload, _ = writer_of(model, [0, 1]).encode(columns, specs)
    page = LatentPage(memoryview(payload), specs)
    rows, places = page.missed([0, 1])
    assert rows.tolist() == [3, 77]
    assert [values.tolist() for values in places.values()] == [[3, 2], [0, 4]]
    check(reader_of(model), payload, columns, specs)


def test_anomalies_are_told_and_change_no_value() -> None:
    columns, specs, model, known = table(rows=500)
    mine = [column for column, number in zip(columns, known, strict=True) if number is not None]
    latents = latents_from(model, mine)
    model = replace(model, outlier_detector=OutlierDetector.fit(latents, 0.02, 3, seed=1))
    model = AutoencoderModel.from_bytes(model.to_bytes())
    writer = writer_of(model, known)
    found = writer.find_outlier_rows(columns)
    assert found is not None
    rows, scores, count = found
    assert (len(rows), count) == (10, 500)
    payload, _ = writer.with_outlier_rows(rows, scores).encode(columns, specs)
    check(reader_of(model), payload, columns, specs)
    told, again = LatentPage(memoryview(payload), specs).outlier_rows
    assert np.array_equal(told, rows)
    assert again.tobytes() == scores.tobytes()


def test_same_columns_same_bytes() -> None:
    payloads = set()
    for _ in range(2):
        columns, specs, model, known = table()
        payloads.add(writer_of(model, known).encode(columns, specs)[0])
        data = model.to_bytes()
        assert AutoencoderModel.from_bytes(data).to_bytes() == data
    assert len(payloads) == 1


READ = """
import hashlib, sys
sys.modules["torch"] = None
from tests.vectors.corpus import FOLDER
from baler_root.dataset.reader.file_reader import open_file

state = hashlib.sha256()
for path in sorted(FOLDER.glob("autoencoder*.baler")):
    with open_file(path) as file:
        tree = file.trees[0]
        for part in tree.read_columns(range(len(tree.stored.clusters)), range(len(tree.columns))):
            for number in sorted(part):
                state.update(part[number].tobytes())
print(state.hexdigest())
"""


def test_golden_files_are_the_same_for_any_number_of_threads_and_need_no_torch() -> None:
    digests = set()
    for threads in ("1", "2"):
        env = {f"{name}_NUM_THREADS": threads for name in ("OMP", "OPENBLAS", "MKL")}
        digests.add(run_python(READ, **env))
    assert len(digests) == 1
