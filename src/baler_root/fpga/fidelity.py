"""`Fidelity`: how near latents bring back what went into an encoder, rounding of its inputs included."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from baler_root.codecs.axis import CODE_BITS
from baler_root.codecs.latent_columns import LATENT, guesses_of
from baler_root.fpga.definition import Codes
from baler_root.fpga.front_end import Rows, rows_of
from baler_root.fpga.link import Link

ROWS = 20_000
"""Of a file that are looked at, at most: the last ones."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Errors on the axes of the columns, on which each column is about standard logistic: its spread is 1.8."""

    columns: dict[str, float]
    """Root of the mean square, of each column."""

    @classmethod
    def of(cls, link: Link, source: str | os.PathLike[str], rows: int = ROWS) -> Self:
        """That of a model on rows of a ROOT file; raises what `rows_of` raises."""
        kept: list[Rows] = []
        for some in rows_of(link, source):
            kept.append(some)
            while sum(len(one.codes) for one in kept[1:]) >= rows:
                kept.pop(0)
        codes, fine = (
            np.concatenate(parts)[-rows:] for parts in zip(*((k.codes, k.fine) for k in kept), strict=True)
        )
        wrong = (told_codes(link, codes) - fine) / (1 << CODE_BITS)
        bounds = zip(link.model.columns, pairwise(link.model.bounds), strict=True)
        errors = {column.name: float(np.sqrt(np.mean(wrong[:, slice(*own)] ** 2))) for column, own in bounds}
        return cls(errors)

    @property
    def error(self) -> float:
        """Root of the mean square over all columns."""
        return float(np.sqrt(np.mean(np.square(list(self.columns.values())))))


def told_codes(link: Link, codes: Codes) -> Codes:
    """What latents of input codes tell, as codes on the axes with all bits; (rows, inputs) both."""
    model = link.model
    out = np.empty(codes.shape, np.int64)
    for number, values, places in guesses_of(
        model, link.latents(codes).astype(LATENT), {n: n for n in range(len(model.columns))}
    ):
        first, stop = model.bounds[number : number + 2]
        rows = slice(values.start // (stop - first), values.stop // (stop - first))
        out[rows, first:stop] = model.columns[number].axis.codes[places].reshape(-1, stop - first)
    return out
