"""Attention in integers (formats/networks.md#attention)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bounded_json import integer
from baler_root.format.networks.arithmetic import Floats, Operation, Step, Value, floats_for

SHARE_BITS = 8
"""The best score of a token has a share of `2**SHARE_BITS`, others have smaller ones."""


MAX_SCORE_BITS, MAX_HEADS = 23, 64
"""Largest `bits` and `heads`."""


FRACTION, BIAS = 23, 127
"""Bits of the mantissa of a float32, and bias of its exponent."""


@dataclass(frozen=True, slots=True)
class Attention(Operation):
    """Means of the values of tokens, weighted by the match of keys with the query of each token, for each
    head.

    Tokens are (queries, keys, values), each (heads, width of a head). The score of two tokens is the product
    of query and key. With `f = bits` fraction bits of a power of two, a score that is `t` below the best of
    its token has `share = ((2**(f+1) - t % 2**f) << 7) >> (f + (t >> f))`, which is linear between powers,
    and 0 from 9 on.
    """

    kind: ClassVar[str] = "attention"

    heads: int
    bits: int

    def step(self, values: Sequence[Value]) -> Step:
        """See `Operation`."""
        operand = values[-1]
        heads, bits = integer(self.heads, 1, MAX_HEADS), integer(self.bits, 0, MAX_SCORE_BITS)
        if len(operand.shape) != 2 or operand.shape[1] % (3 * heads):
            raise CorruptFileError(f"needs tokens of 3 × {heads} × any width, not {operand} numbers")
        tokens, width = operand.shape[0], operand.shape[1] // 3
        head = width // heads
        single = floats_for(2 * head * operand.largest**2)
        total_share = tokens << SHARE_BITS
        dtype = floats_for(2 * total_share * operand.largest + 3 * total_share)
        # Differences of scores are placed in the exponent of a float32, which makes them powers of two.
        scale, worst = single(2.0 ** (FRACTION - bits)), single(-(SHARE_BITS + 1) << FRACTION)
        best = np.int32((BIAS + SHARE_BITS) << FRACTION)
        ones = np.ones((tokens, 1), dtype)

        def run(values: Floats, _: Mapping[int, Floats]) -> Floats:
            parts = values.reshape(-1, tokens, 3, heads, head).transpose(2, 0, 3, 1, 4)
            queries, keys = (part.astype(single, copy=False) for part in parts[:2])
            scores = queries @ (keys * scale).swapaxes(-1, -2)
            scores -= scores.max(axis=-1, keepdims=True)
            np.clip(scores, worst, 0, out=scores)
            shares = np.floor((scores.astype(np.int32) + best).view(np.float32)).astype(dtype, copy=False)
            total = (shares.reshape(-1, tokens) @ ones).reshape(*shares.shape[:-1], 1)
            means = shares @ parts[2].astype(dtype, copy=False)
            means *= 2
            means += total
            means /= 2 * total
            np.floor(means, out=means)
            return np.reshape(means.transpose(0, 2, 1, 3), (-1, tokens, width))

        products, scratch = 2 * tokens * tokens * width, heads * tokens * tokens
        return Step(run, Value((tokens, width), operand.low, operand.high), products, scratch)

    def summary(self, result: Value) -> str:  # noqa: ARG002
        """See `Operation`."""
        return "attention"
