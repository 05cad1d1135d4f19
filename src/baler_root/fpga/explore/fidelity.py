"""`LatentFidelity`: errors of an encoder's input after decoding, the rounding of input codes included."""

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
from baler_root.fpga.front_end import InputRows, read_rows
from baler_root.fpga.link import Link

MEASURED_ROWS = 20_000
"""Most rows of a file that are measured: the last ones."""


@dataclass(frozen=True, slots=True)
class LatentFidelity:
    """Errors on the columns' axes, where columns are roughly standard logistic (standard deviation 1.8)."""

    columns: dict[str, float]
    """Root mean square error of each column."""
    responses: dict[str, float | None] = field(default_factory=dict)
    """Resolution of the requested columns from latents alone, by name; rows that saturate are included."""

    @classmethod
    def of(
        cls,
        link: Link,
        source: str | os.PathLike[str],
        rows: int = MEASURED_ROWS,
        responses: Mapping[str, int] | None = None,
    ) -> Self:
        """Measure a model on the last `rows` rows of a ROOT file; raises as `read_rows` does.

        `responses` are numbers of the model's columns by name, as `response_columns` returns them.
        """
        requested = responses or {}
        batches: list[InputRows] = []
        for batch in read_rows(link, source, list(requested.values())):
            batches.append(batch)
            while sum(len(later.codes) for later in batches[1:]) >= rows:
                batches.pop(0)
        last = InputRows.concatenate(batches).part(slice(-rows, None))
        model, places = link.model, _decoded_places(link, last.codes)
        errors = (_codes_at(link, places) - last.unrounded) / (1 << CODE_BITS)
        columns = {
            column.name: float(np.sqrt(np.mean(errors[:, first:stop] ** 2)))
            for column, (first, stop) in zip(model.columns, pairwise(model.bounds), strict=True)
        }
        resolutions: dict[str, float | None] = {}
        start = 0
        for name, number in requested.items():
            entry, axis = link.definition.inputs[number], model.columns[number].axis
            inputs = slice(*model.bounds[number : number + 2])
            decoded = entry.values_at(places[:, inputs].reshape(-1), axis)
            original = last.values[:, start : start + entry.values_per_row].reshape(-1)
            resolutions[name] = resolution(decoded, original)
            start += entry.values_per_row
        return cls(columns, resolutions)

    @property
    def error(self) -> float:
        """Root mean square error over all columns."""
        return float(np.sqrt(np.mean(np.square(list(self.columns.values())))))


def decoded_codes(link: Link, codes: Codes) -> Codes:
    """Decode the latents of input codes, (rows, inputs), to codes of all bits on the axes, (rows, inputs)."""
    return _codes_at(link, _decoded_places(link, codes))


def _decoded_places(link: Link, codes: Codes) -> Codes:
    """Decode the latents of input codes, (rows, inputs), to places on the axes, (rows, inputs)."""
    model = link.model
    result = np.empty(codes.shape, np.int64)
    latents = link.latents(codes).astype(LATENT)
    for number, values, places in point_predictions(
        model, latents, {n: n for n in range(len(model.columns))}
    ):
        first, stop = model.bounds[number : number + 2]
        rows = slice(values.start // (stop - first), values.stop // (stop - first))
        result[rows, first:stop] = places.reshape(-1, stop - first)
    return result


def _codes_at(link: Link, places: Codes) -> Codes:
    """Codes, (rows, inputs), of places on the axes, (rows, inputs)."""
    result = np.empty_like(places)
    for column, (first, stop) in zip(link.model.columns, pairwise(link.model.bounds), strict=True):
        result[:, first:stop] = column.axis.codes[places[:, first:stop]]
    return result
