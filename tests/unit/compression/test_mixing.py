"""Level default mixes: small tables get smaller, large ones within their time, and every reader manages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root.compression.models.mixing import find_mixing, mixed_bits
from baler_root.compression.models.sample import take_sample
from baler_root.compression.planner import plan_tree
from baler_root.compression.rules.rules import Rules
from baler_root.format.codecs.conditional.mixing import MixingContexts, SourceKind
from baler_root.format.codecs.conditional.page_encoder import PageEncoder
from baler_root.rootio.source import RootSource
from baler_root.training.effort import LEVELS
from baler_root.training.mixing import MixingTable, choose_contexts

Maker = Callable[..., Path]


def events(number: int, seed: int = 2) -> dict[str, ak.Array]:
    """Events with muons; columns depend on each other, on the event, and on the muon before."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2, number)
    total = int(counts.sum())
    met = rng.exponential(30, number)
    pt = np.repeat(met, counts) * rng.uniform(0.8, 1.2, total) + 3
    flat = {
        "pt": pt.astype("f4"),
        "hits": rng.poisson(pt / 9).astype("u1"),
        "tight": pt > 20,
        "charge": np.where(rng.random(total) < 0.5, -1, 1).astype("i4"),
    }
    muons = {f"Muon_{name}": ak.unflatten(values, counts) for name, values in flat.items()}
    return {
        "met": met.astype("f4"),
        "run": np.repeat(number % 7, number).astype("u4"),
        "loud": met > 30,
        **muons,
    }


def test_small_tables_get_smaller_and_every_reader_manages(make_root: Maker, tmp_path: Path) -> None:
    source = make_root("events.root", Events=events(900))
    sizes = {
        level: baler_root.compress(source, tmp_path / f"{level}.baler", training=level, bound="rel=1e-2").size
        for level in ("fast", "default")
    }
    assert sizes["default"] < 0.97 * sizes["fast"]
    assert baler_root.verify(tmp_path / "default.baler", source).ok
    described = baler_root.inspect(tmp_path / "default.baler")
    assert described["codecs"] == ["conditional"]
    assert described["models"] == []
    with baler_root.open(tmp_path / "default.baler") as file:
        together = file["Events"].arrays()
    with baler_root.open(tmp_path / "default.baler") as file:
        for name in reversed(together.fields):
            assert ak.array_equal(file["Events"][name].array(), together[name]), name
    baler_root.merge([tmp_path / "default.baler"] * 2, tmp_path / "both.baler")
    data = (tmp_path / "both.baler").read_bytes()
    (tmp_path / "cut.baler").write_bytes(data[:-100])
    baler_root.recover(tmp_path / "cut.baler", tmp_path / "saved.baler", like=tmp_path / "both.baler")
    for name in ("both", "saved"):
        with baler_root.open(tmp_path / f"{name}.baler") as file:
            assert ak.array_equal(file["Events"].arrays(), ak.concatenate([together, together]))


def test_several_processes_write_the_same(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.MIN_SIZE_FOR_POOL", 0)
    source = make_root("events.root", Events=events(600))
    for jobs in (1, 2):
        baler_root.compress(source, tmp_path / f"{jobs}.baler", cluster_size=200, jobs=jobs)
    assert (tmp_path / "1.baler").read_bytes() == (tmp_path / "2.baler").read_bytes()


def test_no_more_symbols_are_mixed_than_are_read_in_time(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_root("events.root", Events=events(4000))
    rows = len(ak.flatten(events(4000)["Muon_pt"]))
    mixed: dict[int, int] = {}
    join = PageEncoder.join_mixed

    def counting(
        self: PageEncoder, numbers: object, streams: object, some: dict[int, object], *rest: object
    ) -> object:
        length = rows if self.context.lists is not None else 4000
        mixed[length] = max(mixed.get(length, 0), length * len(some))
        return join(self, numbers, streams, some, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PageEncoder, "join_mixed", counting)
    for most in (2 * rows, 1_500_000):
        mixed.clear()
        monkeypatch.setitem(LEVELS, "default", replace(LEVELS["default"], mixing=most))
        baler_root.compress(source, tmp_path / "out.baler", overwrite=True, bound="rel=1e-2")
        assert baler_root.verify(tmp_path / "out.baler", source).ok
        assert all(symbols <= most for symbols in mixed.values())
    assert mixed[rows] > 2 * rows


def test_contexts_are_what_a_column_depends_on() -> None:
    rng = np.random.default_rng(5)
    cause, noise = rng.integers(0, 50, 3000), rng.integers(0, 50, 3000)
    effect, chain = cause + rng.integers(0, 3, 3000), np.cumsum(rng.integers(0, 2, 3000)) // 9
    first = np.arange(3000) == 0
    table = MixingTable([noise, cause, effect, chain], 3000, first)
    chosen = choose_contexts(table, [False, True, True, True])
    assert chosen[0] is None
    assert chosen[1] == MixingContexts()
    assert {source.number for source in chosen[2].sources} == {1}  # type: ignore[union-attr]
    assert [source.kind for source in chosen[3].sources] == [SourceKind.PREVIOUS]  # type: ignore[union-attr]


def test_bits_are_estimated_on_a_sample(make_root: Maker) -> None:
    source = RootSource(make_root("events.root", Events=events(3000)))
    with source:
        (key,) = source.tree_keys(None)
        job = plan_tree(key, source.open_tree(key, {}), Rules.build(bound="rel=1e-2"), "conditional", "64 MB")
        sample = take_sample([(job.source, job.plan)])
    muons = [n for n in range(len(sample.columns)) if sample.tables[n] == 1 and sample.is_mixable(n)]
    mixing = find_mixing(sample, muons, 6000)
    assert mixing.lists is not None
    bits = mixed_bits(sample, muons, mixing)
    tight = next(n for n in muons if sample.columns[n].name == "Muon_tight")
    assert bits[tight] < 0.1, "a function of pt"
    assert all(0 < value < 16 for value in bits.values())
