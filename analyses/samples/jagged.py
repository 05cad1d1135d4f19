"""Lists of objects per event: awkward arrays of records with `pt`, `eta` and `phi`, and their flat arrays."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


def records(counts: Ints, **fields: ArrayLike) -> ak.Array:
    """Lists with `counts[i]` records in event i; each field is a flat array over all events."""
    return ak.unflatten(ak.Array({name: np.asarray(values) for name, values in fields.items()}), counts)


def flat(values: ak.Array) -> NDArray[Any]:
    """All values of one field as a flat array, event after event."""
    return np.asarray(ak.flatten(values, axis=1))


def lengths(objects: ak.Array) -> Ints:
    """Number of objects in each event."""
    return np.asarray(ak.num(objects, axis=1), np.int64)


def columns(objects: ak.Array) -> dict[str, NDArray[Any]]:
    """All fields of the objects as flat arrays."""
    return {name: flat(objects[name]) for name in objects.fields}


def keep(objects: ak.Array, flags: Flags) -> ak.Array:
    """The flagged objects; `flags` is flat over all events."""
    return objects[ak.unflatten(flags, lengths(objects))]


def with_fields(objects: ak.Array, **fields: ArrayLike) -> ak.Array:
    """The objects with fields added or replaced; each field is flat over all events."""
    return records(lengths(objects), **{**columns(objects), **fields})


def by_pt(objects: ak.Array) -> ak.Array:
    """The objects in falling order of pt."""
    return objects[ak.argsort(objects.pt, axis=1, ascending=False, stable=True)]


def joined(first: ak.Array, second: ak.Array) -> ak.Array:
    """The two lists of each event joined; the fields are those of `first`."""
    return ak.concatenate([first, second[first.fields]], axis=1)


def nth(objects: ak.Array, index: int, field: str) -> Floats:
    """A field of the object at position `index` of each event; NaN if the event has fewer objects."""
    padded = ak.pad_none(objects[field], index + 1, axis=1)[:, index]
    return np.asarray(ak.fill_none(padded, np.nan), np.float64)


def per_event(objects: ak.Array, values: ArrayLike) -> Floats:
    """Sum of `values` over the objects of each event; `values` is flat over all events."""
    return np.asarray(ak.sum(ak.unflatten(np.asarray(values, np.float64), lengths(objects)), axis=1))


def spread(objects: ak.Array, values: ArrayLike) -> NDArray[Any]:
    """The value of each event repeated for each of its objects, as a flat array."""
    return np.repeat(np.asarray(values), lengths(objects))


def wrapped(phi: Floats) -> Floats:
    """The angle in [−π, π)."""
    return (phi + np.pi) % (2 * np.pi) - np.pi


def near(objects: ak.Array, others: ak.Array, radius: float) -> ak.Array:
    """Whether each object and each of `others` in its event are closer than `radius` in (η, φ)."""
    eta = objects.eta[:, :, None] - others.eta[:, None, :]
    phi = (objects.phi[:, :, None] - others.phi[:, None, :] + np.pi) % (2 * np.pi) - np.pi
    return eta * eta + phi * phi < radius * radius


def away_from(objects: ak.Array, others: ak.Array, radius: float) -> ak.Array:
    """The objects that have none of `others` within `radius`."""
    return objects[~ak.any(near(objects, others, radius), axis=2)]
