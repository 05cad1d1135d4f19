"""Masses of pairs as if they were columns: what each would cost in bits if it followed from what the latents tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root.format.entropy.tables import OUTPUT_BITS
from baler_root.training.pair_masses import Leg, Pair

MAX_ETA = 20.0
"""Beyond this no particle flies; values that say "none", such as -999, lie there."""


MAX_PHI = 7.0


SMALLEST, LARGEST = 1e-12, 1e9
"""Of pT and masses, in any unit: within these, products of four are numbers of single precision."""


MAX_OFF = 1e12
"""How far a mass is off at most, so that its square is a number."""


LEAST_WIDTH = 2.0**-OUTPUT_BITS
"""On the axis of a column: what a decoder can tell apart. Cells of values that do not occur are narrower."""


class MassTargets:
    """Masses of a table, for training."""

    def __init__(
        self, pairs: Sequence[Pair] = (), values: Mapping[int, NDArray[np.float64]] | None = None
    ) -> None:
        """`values` are what the places on the axis of each column stand for, by its number in the table."""
        self.pairs, self.values = list(pairs), dict(values or {})

    def on(self, edges: Sequence[Tensor], places: Sequence[Tensor]) -> MassLoss:
        """The same for these rows: edges of the axis of each column, and places of its values, (rows, 1)."""
        return MassLoss(self, edges, places)


class MassLoss:
    """Masses of pairs in all rows of a training."""

    def __init__(self, terms: MassTargets, edges: Sequence[Tensor], places: Sequence[Tensor]) -> None:
        self.pairs = terms.pairs
        good = {at: _sensible(values, at, terms.pairs) for at, values in terms.values.items()}
        self.columns = {
            at: _Axis(edges[at], _filled(values, good[at])) for at, values in terms.values.items()
        }
        self.true: list[tuple[Tensor, Tensor, Tensor]] = []
        for pair in self.pairs:
            rows = {at: places[at][:, 0] for at in pair.columns}
            usual = torch.stack([torch.from_numpy(good[at]).to(rows[at].device)[rows[at]] for at in rows])
            mass, reach = self._true(pair, rows)
            self.true.append((mass, reach.maximum(1e-6 * mass), usual.all(0) & (reach > 0)))

    def _true(self, pair: Pair, rows: Mapping[int, Tensor]) -> tuple[Tensor, Tensor]:
        """The mass in each row, and how far the bounds of the columns let it be off."""
        values = {at: self.columns[at].values[own].requires_grad_() for at, own in rows.items()}
        mass = invariant_mass(pair, values)
        slopes = torch.autograd.grad(mass.sum(), list(values.values()))
        reaches = [self.columns[at].reaches[own] for at, own in rows.items()]
        square = torch.stack([(slope * reach) ** 2 for slope, reach in zip(slopes, reaches, strict=True)])
        return mass.detach(), square.sum(0).sqrt()

    def bits(self, outputs: Tensor, rows: Tensor) -> Tensor:
        """Of each row and mass, (rows, masses), from what the decoder says of each column, (rows, columns, 3 × components).

        How far it is off is counted in units of what the bounds of its columns let it be off; a number of such a size
        takes about log2 of it in bits, as a residual does.
        """
        guesses = {at: axis.guess(outputs[:, at]) for at, axis in self.columns.items()}
        found = []
        for pair, (mass, reach, usual) in zip(self.pairs, self.true, strict=True):
            known = usual[rows]
            off = (invariant_mass(pair, guesses) - mass[rows]) / torch.where(known, reach[rows], 1.0)
            off = off.clamp(-MAX_OFF, MAX_OFF)
            found.append(torch.where(known, 0.5 * torch.log2(1 + off * off), 0.0))
        return torch.stack(found, 1) if found else outputs.new_zeros(len(rows), 0)


class _Axis:
    """What the axis of a column stands for, between the middles of its places a straight line."""

    def __init__(self, edges: Tensor, values: NDArray[np.float64]) -> None:
        self.middles = (edges[:-1] + edges[1:]) / 2
        self.values = torch.from_numpy(values.astype(np.float32)).to(edges.device)
        reaches = np.abs(np.gradient(values)) / 2
        self.reaches = torch.from_numpy(reaches.astype(np.float32)).to(edges.device)

    def guess(self, outputs: Tensor) -> Tensor:
        """What the decoder takes a value to be, before that is rounded to a place: the mean of the heaviest component."""
        components = outputs.shape[-1] // 3
        heaviest = outputs[:, :components].argmax(-1, keepdim=True)
        means = outputs[:, components : 2 * components].gather(1, heaviest)[:, 0]
        means = means.clamp(self.middles[0], self.middles[-1])
        above = torch.searchsorted(self.middles, means.detach()).clamp(1, len(self.middles) - 1)
        start, width = self.middles[above - 1], self.middles[above] - self.middles[above - 1]
        share = ((means - start) / width.clamp_min(LEAST_WIDTH)).clamp(0, 1)
        return torch.lerp(self.values[above - 1], self.values[above], share)


def invariant_mass(pair: Pair, values: Mapping[int, Tensor]) -> Tensor:
    """The mass of both objects together, from the columns' values by number.

    In rapidities, as a sum of what is never negative: nothing is lost in a difference of large numbers.
    """
    (pt, y, phi, m, mt), (pt2, y2, phi2, m2, mt2) = (_leg(leg, values) for leg in (pair.first, pair.second))
    product = pt * pt2
    # mt mt2 - pt pt2
    more = (pt**2 * m2**2 + pt2**2 * m**2 + m**2 * m2**2) / (mt * mt2 + product)
    angles = torch.sinh((y - y2) / 2) ** 2 + torch.sin((phi - phi2) / 2) ** 2
    square = m**2 + m2**2 + 2 * more * torch.cosh(y - y2) + 4 * product * angles
    return torch.sqrt(square.clamp_min(1e-30))


def _leg(leg: Leg, values: Mapping[int, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """pt, rapidity, phi, mass, transverse mass."""
    pt, eta, phi = values[leg.pt], values[leg.eta], values[leg.phi]
    mass = values[leg.mass] if isinstance(leg.mass, int) else torch.full_like(pt, leg.mass)
    transverse = torch.sqrt(pt**2 + mass**2)
    return pt, torch.asinh(pt / transverse * torch.sinh(eta)), phi, mass, transverse


def _sensible(values: NDArray[np.float64], at: int, pairs: Sequence[Pair]) -> NDArray[np.bool_]:
    """Which values of a column can be those of a particle."""
    good = np.isfinite(values)
    for pair in pairs:
        for leg in (pair.first, pair.second):
            if at == leg.pt:
                good &= (values > SMALLEST) & (values < LARGEST)
            elif at == leg.eta:
                good &= np.abs(values) < MAX_ETA
            elif at == leg.phi:
                good &= np.abs(values) < MAX_PHI
            elif at == leg.mass:
                good &= (values >= 0) & (values < LARGEST)
    return good


def _filled(values: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same with those that are none replaced by the nearest one on the axis; ones where none is good."""
    (known,) = np.nonzero(good)
    if not len(known):
        return np.ones_like(values)
    every = np.arange(len(values))
    above = (
        np.clip(np.searchsorted(known, every), 1, len(known) - 1) if len(known) > 1 else np.zeros_like(every)
    )
    below = np.maximum(above - 1, 0)
    nearer = np.where(np.abs(known[above] - every) < np.abs(known[below] - every), above, below)
    return values[known[nearer]]
