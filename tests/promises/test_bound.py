"""Bound: every value is decoded and checked before the file gets its name, whatever a codec or a quantiser does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from baler_root.compression import cluster_encoder, column_encoder
from baler_root.compression.quantisation.quantise import quantise
from baler_root.errors import (
    ErrorBoundViolated,
)
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.encodings.quantised import Quantised
from tests.helpers.root_files import Make


class Liar(Classic):
    """Decodes one value of each float column wrongly."""

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        out = super().decode(payload, specs, positions)
        for values in out.values():
            if values.dtype.kind == "f" and len(values) > 7:
                values[7] = np.nextafter(values[7], values.dtype.type(np.inf))
        return out


def test_a_codec_that_lies_is_found(untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_encoder, "get_codec", lambda _: Liar())
    untouched(
        ErrorBoundViolated, r"branch '\w+': 1 of 100 decoded values miss the bound lossless", bound="lossless"
    )


def test_a_quantiser_that_lies_is_found(
    untouched: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(values: NDArray[Any], bound: Any, sentinels: Any) -> Any:
        return quantise((values * np.float32(1.002)).astype(values.dtype), bound, sentinels)

    monkeypatch.setattr(column_encoder, "quantise", careless)
    untouched(ErrorBoundViolated, "decoded values miss the bound")


def test_outliers_that_are_forgotten_are_found(
    make_root: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(*args: Any) -> Quantised:
        done = quantise(*args)
        assert len(done.positions) == 5
        return replace(done, positions=done.positions[:0], outliers=done.outliers[:0])

    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    values[::2000] = np.arange(1, 6) * 1.2345678e19  # further apart than the grid reaches
    root = make_root("a.root", t={"x": values})
    baler_root.compress(root, tmp_path / "a.baler", bound="abs=1e-3")
    assert baler_root.inspect(tmp_path / "a.baler")["trees"][0]["branches"][0]["outliers"] == 5
    monkeypatch.setattr(column_encoder, "quantise", careless)
    with pytest.raises(
        ErrorBoundViolated, match=r"branch 'x': 5 of 10000 decoded values miss the bound abs=0\.001"
    ):
        baler_root.compress(root, tmp_path / "b.baler", bound="abs=1e-3")
    assert not list(tmp_path.glob("*b.baler*"))
