"""`Fidelity`: how near latents bring back what went into an encoder, rounding of its inputs included."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import numpy as np

from baler_root.format.codecs.axis import CODE_BITS
from baler_root.format.codecs.latent.columns import LATENT, point_predictions
from baler_root.fpga.encoder import Codes
from baler_root.fpga.explore.response import resolution
from baler_root.fpga.front_end import Rows, rows_of
from baler_root.fpga.link import Link

ROWS = 20_000
"""Of a file that are looked at, at most: the last ones."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Errors on the axes of the columns, on which each column is about standard logistic: its spread is 1.8."""

    columns: dict[str, float]
    """Root of the mean square, of each column."""
    responses: dict[str, float | None] = field(default_factory=dict)
    """`resolution` of columns that were asked for, by name: of what the latents alone say, whether or not they saturate."""

    @classmethod
    def of(
        cls,
        link: Link,
        source: str | os.PathLike[str],
        rows: int = ROWS,
        responses: Mapping[str, int] | None = None,
    ) -> Self:
        """That of a model on rows of a ROOT file; raises what `rows_of` raises.

        `responses`: numbers of the model's columns by name, as `columns_of` gives them.
        """
        asked = responses or {}
        kept: list[Rows] = []
        for some in rows_of(link, source, list(asked.values())):
            kept.append(some)
            while sum(len(one.codes) for one in kept[1:]) >= rows:
                kept.pop(0)
        last = Rows.joined(kept).only(slice(-rows, None))
        model, places = link.model, told_places(link, last.codes)
        wrong = (_codes(link, places) - last.fine) / (1 << CODE_BITS)
        bounds = zip(model.columns, pairwise(model.bounds), strict=True)
        errors = {column.name: float(np.sqrt(np.mean(wrong[:, slice(*own)] ** 2))) for column, own in bounds}
        found: dict[str, float | None] = {}
        start = 0
        for name, number in asked.items():
            entry, axis = link.definition.inputs[number], model.columns[number].axis
            told = entry.values_at(places[:, slice(*model.bounds[number : number + 2])].reshape(-1), axis)
            found[name] = resolution(told, last.values[:, start : start + entry.each].reshape(-1))
            start += entry.each
        return cls(errors, found)

    @property
    def error(self) -> float:
        """Root of the mean square over all columns."""
        return float(np.sqrt(np.mean(np.square(list(self.columns.values())))))


def told_codes(link: Link, codes: Codes) -> Codes:
    """What latents of input codes tell, as codes on the axes with all bits; (rows, inputs) both."""
    return _codes(link, told_places(link, codes))


def told_places(link: Link, codes: Codes) -> Codes:
    """What latents of input codes tell, as places on the axes; (rows, inputs) both."""
    model = link.model
    out = np.empty(codes.shape, np.int64)
    for number, values, places in point_predictions(
        model, link.latents(codes).astype(LATENT), {n: n for n in range(len(model.columns))}
    ):
        first, stop = model.bounds[number : number + 2]
        rows = slice(values.start // (stop - first), values.stop // (stop - first))
        out[rows, first:stop] = places.reshape(-1, stop - first)
    return out


def _codes(link: Link, places: Codes) -> Codes:
    """The codes at places, (rows, inputs) both."""
    out = np.empty_like(places)
    for column, own in zip(link.model.columns, pairwise(link.model.bounds), strict=True):
        out[:, slice(*own)] = column.axis.codes[places[:, slice(*own)]]
    return out
