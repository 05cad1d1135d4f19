"""Golden files of the codec `conditional` and its models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from baler_root.compression.plan import GroupMixing, GroupModel, Plan
from baler_root.compression.quantisation.quantise import quantise
from baler_root.format.codecs.conditional.mixing import ContextKind, MixingContexts, SourceKind
from baler_root.format.codecs.conditional.mixing import Source as Given
from baler_root.format.codecs.conditional.model import Model
from tests.helpers.models import coding_of, list_model
from tests.vectors.source import Made, Source, flat, write_trees


def conditional(target: Path) -> Made:
    """Columns coded with a model, in two clusters: relative, absolute, integer, boolean; values that it has
    no symbols for.
    """
    rng = np.random.default_rng(20)
    n = rng.poisson(3, 400) + 5
    pt = rng.exponential(30, 400) + n
    pt[::50], pt[7], pt[300], n[310], n[320] = -999.0, np.nan, 1e6, 99, -7
    plain = n * 2
    plain[350:370] += (
        500  # too many for outliers of the model: coded without it, beyond the axis it is a parent on
    )
    arrays = {
        "n": flat(n, "i4"),
        "pt": flat(pt, "f4"),
        "weight": flat(rng.normal(size=400), "f8"),
        "phi": flat(rng.uniform(-3, 3, 400), "f8"),
        "passed": flat(pt > 20, "bool"),
        "half": flat(np.minimum(pt, 999), "f2"),
        "plain": flat(plain, "u2"),
    }
    bounds = {"pt": "rel=0.01", "phi": "abs=0.01", "half": "bits=4"}
    # In the model's order: one parent comes later in the page, one has no network, and one column no parents.
    parents = {6: (), 5: None, 0: (0,), 1: (1, 2), 3: (2, 3), 4: (3,)}
    return write_trees(target, Source("Events", arrays, bounds, cuts=(250, 150), parents=parents))


def blocks(target: Path) -> Made:
    """A stream of two blocks, the second short."""
    rng = np.random.default_rng(21)
    flags = rng.random(65_600) < 0.01
    arrays = {"rare": flat(flags, "bool"), "same": flat(flags ^ (rng.random(65_600) < 0.002), "u1")}
    ends = np.ones(65_600)
    ends[[9, 65_590]] = 0, 2  # so rare that their codes are the first and the last
    arrays["ends"] = flat(ends, "u1")
    return write_trees(target, Source("Events", arrays, parents={2: (), 0: (0,), 1: (0, 1)}))


def histograms(target: Path) -> Made:
    """Columns coded with histograms: of none, one, two and three parents, a network among them."""
    rng = np.random.default_rng(23)
    rows = 401
    level = rng.integers(0, 5, rows)
    pt = rng.exponential(20, rows) + 5 * level
    pt[::90], pt[77] = np.nan, 1e9
    arrays = {
        "level": flat(level, "i2"),
        "pt": flat(pt, "f4"),
        "fired": flat(level > 2, "bool"),
        "more": flat(level * 7 + rng.integers(0, 9, rows), "u4"),
        "other": flat(level * 3, "u1"),
        "last": flat(rng.poisson(np.nan_to_num(pt.clip(0, 50))), "i8"),
    }
    parents = {0: (), 1: (0,), 2: (1,), 3: (2, 0), 4: (3,), 5: (1, 4, 3)}
    bounds, known = {"pt": "rel=0.05"}, (0, 1, 2, 3, 5)
    return write_trees(
        target,
        Source("Events", arrays, bounds, cuts=(rows - 1, 1), parents=parents, histograms=known),
    )


def detached(target: Path) -> Made:
    """Columns coded with a model that is in the `.balermodel` file beside it, and one that needs no model."""
    rng = np.random.default_rng(23)
    pt = rng.exponential(30, 300) + 5
    arrays = {
        "pt": flat(pt, "f4"),
        "tracks": flat(rng.poisson(pt / 4), "i4"),
        "alone": flat(rng.normal(size=300), "f4"),
    }
    bounds = {"pt": "rel=0.01", "alone": "abs=0.01"}
    return write_trees(target, Source("Events", arrays, bounds, parents={0: (), 1: (0,)}), detach=True)


def lists(target: Path) -> Made:
    """Lists coded with a view of their entry, their length, the place in them, and the item before; long and
    empty ones.
    """
    rng = np.random.default_rng(24)
    counts = rng.integers(0, 5, 90)
    counts[[4, 70]] = 150, 70  # more than the 64 items that are decoded one after another
    total = int(counts.sum())
    met = (rng.exponential(30, 90) + 1).astype("f4")
    met[11], met[80] = np.nan, 1e7
    pt = (np.repeat(np.minimum(np.nan_to_num(met), 99), counts) * rng.uniform(0.5, 1.5, total) + 1).astype(
        "f4"
    )
    arrays = {
        "met": flat(met, "f4"),
        "n": flat(counts, "i4"),
        "pt": ak.unflatten(pt, counts),
        "tracks": ak.unflatten(rng.poisson(pt / 10).astype("u2"), counts),
        "tag": ak.unflatten(pt > 30, counts),
        "vertices": flat(rng.poisson(20, 90), "u1"),
    }

    def model(plan: Plan, originals: Sequence[Any]) -> tuple[GroupModel, bytes]:
        # columns: 0 met, 1 n, 2 and 3 pt, 4 and 5 tracks, 6 and 7 tag (counts first), 8 vertices
        items: dict[int, tuple[int, ...]] = {3: (0, 1, 2, 4), 5: (3, 4), 7: (4, 1)}
        return list_model(plan, originals, group=1, lists=2, entries=(0, 8), items=items)

    bounds = {"met": "rel=0.01", "pt": "rel=0.01"}
    source = Source("Events", arrays, bounds, cuts=(60, 30), groups=(2, 6, 1), made=(model,))
    return write_trees(target, source)


def mixing(target: Path) -> Made:
    """Columns coded by mixing: with a model and without, of entries and of lists, in cells of all kinds."""
    rng = np.random.default_rng(26)
    counts = rng.integers(0, 4, 600)
    items = int(counts.sum())
    met = rng.poisson(30, 600)
    run = np.repeat([7, 9, 8, 12], 150)
    seen = rng.poisson(met / 4)
    pt = np.repeat(met, counts) + rng.poisson(9, items)
    arrays = {
        "met": flat(met, "u2"),
        "run": flat(run, "i8"),
        "far": flat(np.where(seen > 12, -99_999, (met * rng.uniform(0.99, 1.01, 600)) ** 2.5), "i4"),
        "passed": flat(met > 30, "bool"),
        "seen": flat(seen, "u8"),
        "n": flat(counts, "i4"),
        "pt": ak.unflatten((pt * 1.001).astype("f4"), counts),
        "charge": ak.unflatten(np.where(rng.random(items) < pt / 80, -1, 1).astype("i1"), counts),
        "rank": ak.unflatten((pt // 7).astype("u1"), counts),
    }
    column = SourceKind.COLUMN

    def contexts(*sources: Given, bins: int = 8) -> MixingContexts:
        """Each source alone, and all together."""
        alone = [ContextKind((n,), bins) for n in range(len(sources))]
        return MixingContexts(sources, (*alone, ContextKind(tuple(range(len(sources))), 3)))

    before, length, place = (
        Given(kind) for kind in (SourceKind.PREVIOUS, SourceKind.LENGTH, SourceKind.POSITION)
    )
    entries = GroupMixing(
        0,
        {
            0: MixingContexts(),
            1: contexts(before),
            2: contexts(Given(column, 0), before, bins=30),
            3: contexts(Given(column, 0), bins=255),
        },
    )
    lists = GroupMixing(
        2,
        {
            7: contexts(Given(SourceKind.ENTRY, 0), length, place, before),
            9: contexts(Given(column, 7), before),
            11: contexts(Given(column, 7), Given(column, 9), bins=40),
        },
        lists=5,
    )

    def counted(plan: Plan, originals: Sequence[Any]) -> tuple[GroupModel, bytes]:
        """Histograms of `seen` given `met`."""
        model = coding_of(np.stack([originals[0], originals[4]], 1).astype(np.int16))
        quantisers = [quantise(originals[n], plan.columns[n].bound).quantiser.to_bytes() for n in (0, 4)]
        columns = [
            replace(column, quantiser=quantiser)
            for column, quantiser in zip(model.columns, quantisers, strict=True)
        ]
        data = replace(model, columns=tuple(columns)).to_bytes()
        return GroupModel(0, hashlib.sha256(data).digest(), Model.from_bytes(data), {0: 0, 4: 1}), data

    return write_trees(
        target,
        Source(
            "Events",
            arrays,
            {"pt": "rel=0.01"},
            cuts=(580, 20),
            groups=(5, 1, 6),
            made=(counted,),
            mixing=(entries, lists),
        ),
    )
