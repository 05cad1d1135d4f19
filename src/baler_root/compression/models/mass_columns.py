"""Finds the columns of masses that a training of latents looks after, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from baler_root.compression.fingerprint import is_constant
from baler_root.compression.models.sample import TreeSample
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.training.pair_masses import Leg, Pair, PairMass


def locate_masses(
    masses: Sequence[PairMass], sample: TreeSample, names: Sequence[str], tables: Sequence[Sequence[int]]
) -> tuple[list[list[Pair]], list[str]]:
    """The masses of each of the `tables`, and notes on those that no table has.

    `names` are those of the sample's columns, `tables` the numbers of columns that are modelled together.
    """
    out: list[list[Pair]] = [[] for _ in tables]
    notes = []
    for asked in masses:
        numbers = [_number(name, sample, names) for name in asked.branches]
        if None in numbers:
            continue  # of another tree
        found = [number for number in numbers if number is not None]
        why = _obstacle(asked, found, sample, tables)
        if why:
            notes.append(f"the {asked} is no part of the training: {why}")
            continue
        place = next(at for at, members in enumerate(tables) if found[0] in members)
        half = len(found) // 2
        legs = [_leg(found[part], sample, tables[place].index) for part in (slice(half), slice(half, None))]
        out[place].append(Pair(asked, *legs))
    return out, notes


def _number(name: str, sample: TreeSample, names: Sequence[str]) -> int | None:
    """The sample's number of the values of a branch, or of a field of one; that of the first column with such values."""
    for number, column in enumerate(sample.columns):
        own = f"{names[number]}.{column.field}" if column.field else names[number]
        if column.role == "data" and own == name:
            encoding = sample.encoded[number].encoding
            return encoding.source if isinstance(encoding, CopyEncoding) else number
    return None


def _leg(numbers: Sequence[int], sample: TreeSample, place: Callable[[int], int]) -> Leg:
    pt, eta, phi = map(place, numbers[:3])
    if len(numbers) == 3:
        return Leg(pt, eta, phi)
    values = sample.values[numbers[3]]
    return Leg(pt, eta, phi, float(values[0]) if is_constant(values) else place(numbers[3]))


def _obstacle(
    asked: PairMass, numbers: Sequence[int], sample: TreeSample, tables: Sequence[Sequence[int]]
) -> str:
    """Why a mass cannot be learned; empty where it can."""
    places = set()
    half = len(numbers) // 2
    for at, (name, number) in enumerate(zip(asked.branches, numbers, strict=True)):
        if at % half == 3 and _is_constant(sample, number):
            continue
        why = no_input(sample, number)
        if why:
            return f"{name!r} {why}"
        place = next((place for place, members in enumerate(tables) if number in members), None)
        if place is None:
            return f"{name!r} is in no table that is learned"
        places.add(place)
    return "" if len(places) == 1 else "its columns are not in one table"


def no_input(sample: TreeSample, number: int) -> str:
    """Why the latents cannot tell of the numbers of a column as they come back; empty where they can."""
    encoded = sample.encoded[number]
    if _is_constant(sample, number):
        return "never changes"
    if encoded.encoding.sources:
        return "is computed from others"
    if sample.columns[number].shape:
        return "has arrays of fixed size"
    if encoded.quantised is None or encoded.quantised.quantiser.kind == "exact":
        return "is kept exactly"
    return ""


def _is_constant(sample: TreeSample, number: int) -> bool:
    values = sample.values[number]
    return bool(len(values)) and is_constant(values) and bool(np.isfinite(values[0]))
