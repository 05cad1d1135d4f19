"""Bound: every value is decoded and checked before the file appears, whatever codec or quantiser do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from baler_root.api.verify import verify
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
        ErrorBoundViolated,
        r"branch '\w+': 1 of 100 decoded values miss the bound lossless",
        codec="classic",
        bound="lossless",
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


@pytest.mark.parametrize("bound", ["rel=3e-16", "rel=1e-3", "bits=8", "bits=40", "abs=1e-310"])
@pytest.mark.parametrize("kind", ["doubles", "floats", "doubles of floats"])
def test_subnormal_numbers_keep_their_bound(make_root: Make, tmp_path: Path, kind: str, bound: str) -> None:
    """In rational arithmetic: rounding the limit of a subnormal number may double it."""
    rng = np.random.default_rng(0)
    single = kind != "doubles"
    bits = rng.integers(1, 2**23 if single else 2**52, 3000, dtype=np.uint32 if single else np.uint64)
    values = np.append(
        bits.view(np.float32 if single else np.float64), rng.normal(size=2000).astype(np.float32)
    )
    values = values.astype(np.float32 if kind == "floats" else np.float64)
    root = make_root("a.root", t={"x": values})
    target = tmp_path / "a.baler"
    baler_root.compress(root, target, bound=bound, codec="classic")
    with baler_root.open(target) as file:
        decoded = file["t"]["x"].array(library="np")
    word, _, number = bound.partition("=")
    limit = Fraction(2) ** -(int(number) + 1) if word == "bits" else Fraction(float(number))
    smallest = Fraction(float(np.finfo(values.dtype).smallest_normal)) if word == "bits" else Fraction(0)
    for x, y in zip(map(Fraction, values.tolist()), map(Fraction, decoded.tolist()), strict=True):
        assert abs(x - y) <= (limit if word == "abs" else limit * max(abs(x), smallest))
    result = verify(target, root)
    assert result.ok
    assert all(error <= limit for _, error in result.worst.values())
