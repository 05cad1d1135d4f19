"""Finds the columns of pair masses that count in the training of latents, or the reason why a mass cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from baler_root.compression.fingerprint import is_constant
from baler_root.compression.models.sample import TreeSample
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.training.pair_masses import Leg, Pair, PairMass


def locate_masses(
    masses: Sequence[PairMass], sample: TreeSample, tables: Sequence[Sequence[int]]
) -> tuple[list[list[Pair]], list[str]]:
    """The masses of each of the `tables`, and notes on masses that no table has.

    A table lists the numbers of columns that are modelled together.
    """
    pairs: list[list[Pair]] = [[] for _ in tables]
    notes = []
    for mass in masses:
        numbers = [number for name in mass.branches if (number := _number(name, sample)) is not None]
        if len(numbers) < len(mass.branches):
            continue  # the mass is of another tree
        if obstacle := _obstacle(mass, numbers, sample, tables):
            notes.append(f"training ignores the {mass}: {obstacle}")
            continue
        table = next(index for index, members in enumerate(tables) if numbers[0] in members)
        half = len(numbers) // 2
        legs = [_leg(part, sample, tables[table].index) for part in (numbers[:half], numbers[half:])]
        pairs[table].append(Pair(mass, *legs))
    return pairs, notes


def _number(name: str, sample: TreeSample) -> int | None:
    """Number of the sample's first column that holds the values of a branch or field."""
    for number, column in enumerate(sample.columns):
        if column.role == "data" and column.name == name:
            encoding = sample.encoded[number].encoding
            return encoding.source if isinstance(encoding, CopyEncoding) else number
    return None


def _leg(numbers: Sequence[int], sample: TreeSample, index_of: Callable[[int], int]) -> Leg:
    """One object, from the numbers of its columns in the sample; `index_of` gives their numbers in the
    table."""
    pt, eta, phi = map(index_of, numbers[:3])
    if len(numbers) == 3:
        return Leg(pt, eta, phi)
    values = sample.values[numbers[3]]
    return Leg(pt, eta, phi, float(values[0]) if is_constant(values) else index_of(numbers[3]))


def _obstacle(
    mass: PairMass, numbers: Sequence[int], sample: TreeSample, tables: Sequence[Sequence[int]]
) -> str:
    """Reason why a mass cannot count in the training; empty if it can."""
    used_tables = set()
    half = len(numbers) // 2
    for index, (name, number) in enumerate(zip(mass.branches, numbers, strict=True)):
        if index % half == 3 and _is_constant(sample, number):
            continue
        if obstacle := input_obstacle(sample, number):
            return f"{name!r} {obstacle}"
        table = next((index for index, members in enumerate(tables) if number in members), None)
        if table is None:
            return f"{name!r} is in no table that is learned"
        used_tables.add(table)
    return "" if len(used_tables) == 1 else "its columns are not in one table"


def input_obstacle(sample: TreeSample, number: int) -> str:
    """Reason why a column cannot enter the mass term; empty if it can."""
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
