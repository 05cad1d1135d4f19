"""A length that uproot misreads allocates nothing, in any thread, and uproot is left as it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from uproot.interpretation.objects import AsObjects

from baler_root.rootio.length_check import SMALL, GuardedModel, check_lengths
from baler_root.rootio.source_tree import read_array
from tests.helpers.root_files import write_root

STRINGS = uproot.AsVector(False, uproot.AsString(False))

MODELS = [
    STRINGS,
    uproot.AsVector(False, uproot.AsVector(False, uproot.AsString(False))),
    uproot.AsSet(False, uproot.AsString(False)),
    uproot.AsMap(False, uproot.AsString(False), uproot.AsString(False)),
]


def read(data: bytes, model: Any = STRINGS) -> Any:
    """A value out of bytes, as uproot reads it from a basket of a branch with this model."""
    handle = SimpleNamespace(interpretation=AsObjects(model))
    check_lengths(handle)
    chunk = uproot.source.chunk.Chunk.wrap(None, np.frombuffer(data, np.uint8))
    cursor = uproot.source.cursor.Cursor(0)
    return handle.interpretation.model.read(chunk, cursor, {}, None, None, None, header=False)


@pytest.mark.parametrize("model", MODELS)
def test_a_length_beyond_the_basket_is_refused(model: Any) -> None:
    data = (SMALL + 1).to_bytes(4, "big") + b"\x01a" * 100
    with pytest.raises(ValueError, match=f"vector of {SMALL + 1} elements in 200"):
        read(data, model)


def test_an_inner_length_beyond_the_basket_is_refused() -> None:
    data = (1).to_bytes(4, "big") + (0xFFFFFFFF).to_bytes(4, "big") + b"\x01a" * 100
    with pytest.raises(ValueError, match="vector of 4294967295 elements in 200"):
        read(data, MODELS[1])


def test_a_length_that_fits_is_read() -> None:
    assert list(read((3).to_bytes(4, "big") + b"\x01a\x01b\x00")) == ["a", "b", ""]


def test_the_interpretation_looks_the_same() -> None:
    plain, handle = AsObjects(STRINGS), SimpleNamespace(interpretation=AsObjects(STRINGS))
    check_lengths(handle)
    check_lengths(handle)
    checked = handle.interpretation
    assert type(checked._model) is GuardedModel
    assert type(checked._model._model) is uproot.AsVector
    assert (repr(checked), checked.typename, checked.cache_key) == (
        repr(plain),
        plain.typename,
        plain.cache_key,
    )
    assert isinstance(checked.model, uproot.AsVector)


def test_threads_read_and_uproot_is_left_as_it_is(tmp_path: Path) -> None:
    from uproot import containers, source

    path = write_root(
        tmp_path / "a.root", t={"n": np.arange(150), "x": ak.Array([[1.5], [], [2.5, 3.5]] * 50)}
    )
    before = {name: value for module in (containers, source.cursor) for name, value in vars(module).items()}

    def read_all(_: int) -> list[Any]:
        with uproot.open(path) as file:
            return [read_array(branch, 0, 150).to_list() for branch in file["t"].branches]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(read_all, range(12)))
    assert all(result == results[0] for result in results)
    after = {name: value for module in (containers, source.cursor) for name, value in vars(module).items()}
    assert after == before
