"""Comparison of results that may be arrays of any library, containers or plain values."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import uproot


def assert_same(ours: Any, theirs: Any) -> None:
    """Same containers, types, dtypes, field order and values."""
    if isinstance(theirs, ak.Array):
        assert isinstance(ours, ak.Array)
        assert str(ours.type) == str(theirs.type)
        assert ak.array_equal(ours, theirs, equal_nan=True, dtype_exact=True)
    elif isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray)
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        if theirs.dtype.names:
            for name in theirs.dtype.names:
                assert_same(ours[name], theirs[name])
        elif theirs.dtype == object:
            for one, other in zip(ours.flat, theirs.flat, strict=True):
                assert_same(one, other)
        else:
            np.testing.assert_array_equal(ours, theirs)
    elif isinstance(theirs, uproot.containers.Container):
        assert type(ours) is type(theirs)
        assert ours.tolist() == theirs.tolist()
    elif isinstance(theirs, ak.forms.Form):
        assert str(ours.type) == str(theirs.type)  # which class holds an option depends on the values
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            assert_same(ours[key], value)
    elif isinstance(theirs, (tuple, list)):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    elif hasattr(theirs, "index") and hasattr(theirs, "to_numpy"):
        assert type(ours) is type(theirs)
        assert ours.index.equals(theirs.index)
        assert list(getattr(ours, "columns", ())) == list(getattr(theirs, "columns", ()))
        for name in getattr(theirs, "columns", ()):
            assert_same(ours[name].to_numpy(), theirs[name].to_numpy())
        if not hasattr(theirs, "columns"):
            assert_same(ours.to_numpy(), theirs.to_numpy())
    else:
        assert type(ours) is type(theirs)
        assert ours == theirs
