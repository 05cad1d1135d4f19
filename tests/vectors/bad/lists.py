"""Bad files whose pages of list items depend on other pages."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np

from baler_root.format.binary.varint import pack_varint
from tests.helpers.forge import Forger
from tests.helpers.models import list_model
from tests.vectors.bad.files import bad
from tests.vectors.bad.models import remodelled
from tests.vectors.source import Source, flat, write_trees


def listed(old: bytes, new: bytes) -> Callable[[], bytes]:
    """A file with lists, in the last page of which other bytes stand behind the name of the model."""

    def build() -> bytes:
        # Columns: 0 met, 1 x, 2 the lengths of a, 3 a, 4 y. Each list has one item, so x passes for items:
        # then the page of x depends on others, too.
        met, x, a, y = (flat(values, "u1") for values in np.random.default_rng(0).integers(0, 9, (4, 40)))
        made = [
            lambda plan, columns, group=group: list_model(
                plan, columns, group=group, lists=2, entries=(0,), items={group: (0, 2)}, seed=group
            )
            for group in (1, 3)
        ]
        arrays = {"met": met, "x": x, "a": ak.unflatten(a, [1] * 40), "y": y}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "good.baler"
            write_trees(path, Source("Events", arrays, groups=(1, 1, 1, 2), made=tuple(made)))
            forger = Forger(path)
        name = hashlib.sha256(forger.blocks[1][2]).digest()[:8]
        return forger.build(page=lambda _, payload: payload.replace(name + old, name + new))

    return build


# Column 2 has the lengths, column 2 of the model is column 0, the first code is of column 3 of the model.
for name, about, message, change in (
    ("far", "lengths of lists in a column that is not there", "needs column 126", b"\x7e\1\2\0\x08"),
    ("items", "lengths of lists in a column of items", "needs column 3", b"\3\1\2\0\x08"),
    ("lengths", "lengths of lists that do not add up to the items", "items together", b"\0\1\2\0\x08"),
    ("pair-items", "items as a column of the entries", "needs column 3", b"\2\1\2\3\x08"),
    ("pair-inside", "a column of the page itself as one around it", "needs column 4", b"\2\1\2\4\x08"),
    ("pair-leaning", "a column that leans on others itself", "needs column 1", b"\2\1\2\1\x08"),
    ("pair-twice", "two columns for one of the model", "two columns", b"\2\2\2\0\2\1\x08"),
    ("pair-missing", "a parent that is nowhere", "not in the page", b"\2\0\x08"),
    ("pair-kind", "a column of the page, to the model, as one around it", "or the reverse", b"\2\2\2\0\3\0\x08"),
    ("pairs-2-40", "2^40 pairs", "leans on 1099511627776", b"\2" + pack_varint(1 << 40) + b"\2\0\x08"),
    ("inside", "a column around the page, to the model, in it", "or the reverse", b"\2\0\6"),
):  # fmt: skip
    bad(f"lists-{name}", about, message, listed(b"\2\1\2\0\x08", change))


bad(
    "lists-kind",
    "a column of an unknown kind",
    "of the kind 'neighbour'",
    remodelled(lambda columns, _: columns[0].update(kind="neighbour")),
)


bad(
    "lists-kind-parents",
    "a column of the entries that depends on others",
    "of the kind 'entry'",
    remodelled(lambda columns, _: columns[1].update(kind="entry")),
)


bad(
    "lists-no-lists",
    "a column that sees the item before, in a page without lists",
    "not in the page",
    remodelled(lambda columns, _: columns[4].update(parents=[4])),
)


bad(
    "lists-histograms",
    "histograms of what the item before has",
    "a count up to 0",
    remodelled(lambda columns, _: columns[1].update(parents=[1])),
)
