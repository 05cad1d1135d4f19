"""Masses of pairs in the loss, as if they were columns: the bits of each, given the prediction of the
decoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_root.format.entropy.probability_tables import OUTPUT_BITS
from baler_root.training.pair_masses import Leg, Pair

MAX_ETA = 20.0
"""Largest |eta| of a particle; sentinels such as -999 are larger."""


MAX_PHI = 7.0
"""Largest |phi| of a particle."""


SMALLEST, LARGEST = 1e-12, 1e9
"""Limits of pT and masses, in any unit: within them, products of four numbers fit single precision."""


MAX_ERROR = 1e12
"""Largest error of a mass, in units of its tolerance, so that its square is finite."""


MIN_WIDTH = 2.0**-OUTPUT_BITS
"""Resolution of a decoder on the axis of a column; places of values that do not occur may be narrower."""


class MassTargets:
    """Masses of a table, and the values of the columns that they need."""

    def __init__(
        self, pairs: Sequence[Pair] = (), values: Mapping[int, NDArray[np.float64]] | None = None
    ) -> None:
        """`values` has the value at each place of the axis of a column, by the number of the column in the
        table.
        """
        self.pairs, self.values = list(pairs), dict(values or {})

    def loss(self, edges: Sequence[Tensor], places: Sequence[Tensor]) -> MassLoss:
        """Loss for the rows of a training: edges of the axis of each column, and places of its values, (rows,
        1).
        """
        return MassLoss(self, edges, places)


class MassLoss:
    """Loss of the masses of pairs in the rows of a training."""

    def __init__(self, terms: MassTargets, edges: Sequence[Tensor], places: Sequence[Tensor]) -> None:
        self.pairs = terms.pairs
        plausible = {n: _plausible(values, n, terms.pairs) for n, values in terms.values.items()}
        self.columns = {
            n: _AxisValues(edges[n], _filled(values, plausible[n])) for n, values in terms.values.items()
        }
        self.true: list[tuple[Tensor, Tensor, Tensor]] = []
        for pair in self.pairs:
            rows = {n: places[n][:, 0] for n in pair.columns}
            masks = {n: torch.from_numpy(plausible[n]).to(row.device)[row] for n, row in rows.items()}
            mass, tolerance = self._true(pair, rows)
            usable = torch.stack(list(masks.values())).all(0) & (tolerance > 0)
            self.true.append((mass, tolerance.maximum(1e-6 * mass), usable))

    def _true(self, pair: Pair, rows: Mapping[int, Tensor]) -> tuple[Tensor, Tensor]:
        """The mass in each row, and its tolerance: the error that the bounds of the columns allow,
        propagated.
        """
        values = {n: self.columns[n].values[places].requires_grad_() for n, places in rows.items()}
        mass = invariant_mass(pair, values)
        slopes = torch.autograd.grad(mass.sum(), list(values.values()))
        tolerances = [self.columns[n].tolerances[places] for n, places in rows.items()]
        square = torch.stack([(slope * unit) ** 2 for slope, unit in zip(slopes, tolerances, strict=True)])
        return mass.detach(), square.sum(0).sqrt()

    def bits(self, outputs: Tensor, rows: Tensor) -> Tensor:
        """Bits of each row and mass, (rows, masses), from the outputs of the decoder, (rows, columns, 3 ×
        components).

        With the error x of the predicted mass in units of its tolerance, these are ½ log₂(1 + x²) bits, about
        as many as a residual of that size takes.
        """
        predictions = {n: axis.prediction(outputs[:, n]) for n, axis in self.columns.items()}
        bits = []
        for pair, (mass, tolerance, usable) in zip(self.pairs, self.true, strict=True):
            counts = usable[rows]
            error = (invariant_mass(pair, predictions) - mass[rows]) / torch.where(
                counts, tolerance[rows], 1.0
            )
            error = error.clamp(-MAX_ERROR, MAX_ERROR)
            bits.append(torch.where(counts, 0.5 * torch.log2(1 + error * error), 0.0))
        return torch.stack(bits, 1) if bits else outputs.new_zeros(len(rows), 0)


class _AxisValues:
    """Values of a column along its axis, linear between the middles of its places."""

    def __init__(self, edges: Tensor, values: NDArray[np.float64]) -> None:
        self.middles = (edges[:-1] + edges[1:]) / 2
        self.values = torch.from_numpy(values.astype(np.float32)).to(edges.device)
        tolerances = np.abs(np.gradient(values)) / 2
        self.tolerances = torch.from_numpy(tolerances.astype(np.float32)).to(edges.device)

    def prediction(self, outputs: Tensor) -> Tensor:
        """Point prediction of the decoder before it is rounded to a place: the mean of the heaviest
        component.
        """
        components = outputs.shape[-1] // 3
        heaviest = outputs[:, :components].argmax(-1, keepdim=True)
        means = outputs[:, components : 2 * components].gather(1, heaviest)[:, 0]
        means = means.clamp(self.middles[0], self.middles[-1])
        above = torch.searchsorted(self.middles, means.detach()).clamp(1, len(self.middles) - 1)
        start, width = self.middles[above - 1], self.middles[above] - self.middles[above - 1]
        share = ((means - start) / width.clamp_min(MIN_WIDTH)).clamp(0, 1)
        return torch.lerp(self.values[above - 1], self.values[above], share)


def invariant_mass(pair: Pair, values: Mapping[int, Tensor]) -> Tensor:
    """Invariant mass of both objects, from the values of columns by number.

    With rapidities it is a sum of terms that are never negative, so no digits are lost in a difference.
    """
    (pt, y, phi, m, mt), (pt2, y2, phi2, m2, mt2) = (_leg(leg, values) for leg in (pair.first, pair.second))
    product = pt * pt2
    # mt mt2 - pt pt2
    excess = (pt**2 * m2**2 + pt2**2 * m**2 + m**2 * m2**2) / (mt * mt2 + product)
    angles = torch.sinh((y - y2) / 2) ** 2 + torch.sin((phi - phi2) / 2) ** 2
    square = m**2 + m2**2 + 2 * excess * torch.cosh(y - y2) + 4 * product * angles
    return torch.sqrt(square.clamp_min(1e-30))


def _leg(leg: Leg, values: Mapping[int, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """pt, rapidity, phi, mass and transverse mass of an object."""
    pt, eta, phi = values[leg.pt], values[leg.eta], values[leg.phi]
    mass = values[leg.mass] if isinstance(leg.mass, int) else torch.full_like(pt, leg.mass)
    transverse = torch.sqrt(pt**2 + mass**2)
    return pt, torch.asinh(pt / transverse * torch.sinh(eta)), phi, mass, transverse


def _plausible(values: NDArray[np.float64], number: int, pairs: Sequence[Pair]) -> NDArray[np.bool_]:
    """Mask of the values of a column that a particle can have."""
    mask = np.isfinite(values)
    for pair in pairs:
        for leg in (pair.first, pair.second):
            if number == leg.pt:
                mask &= (values > SMALLEST) & (values < LARGEST)
            elif number == leg.eta:
                mask &= np.abs(values) < MAX_ETA
            elif number == leg.phi:
                mask &= np.abs(values) < MAX_PHI
            elif number == leg.mass:
                mask &= (values >= 0) & (values < LARGEST)
    return mask


def _filled(values: NDArray[np.float64], plausible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values with implausible ones replaced by the nearest plausible one on the axis; ones if none is
    plausible.
    """
    (usable,) = np.nonzero(plausible)
    if not len(usable):
        return np.ones_like(values)
    places = np.arange(len(values))
    above = (
        np.clip(np.searchsorted(usable, places), 1, len(usable) - 1)
        if len(usable) > 1
        else np.zeros_like(places)
    )
    below = np.maximum(above - 1, 0)
    nearer = np.where(np.abs(usable[above] - places) < np.abs(usable[below] - places), above, below)
    return values[usable[nearer]]
