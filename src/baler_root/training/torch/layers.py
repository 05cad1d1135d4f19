"""Trainable torch layers that compute the operations of a `Program` exactly; see `network`.

Values are real numbers, each a multiple of `2**-bits`. Rounding and saturation are part of the layers;
gradients pass through rounding unchanged (straight-through estimator, Bengio et al., arXiv:1308.3432).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from baler_root.format.networks import attention
from baler_root.format.networks import dense as fixedpoint
from baler_root.format.networks import operations as ops
from baler_root.format.networks.arithmetic import Operation
from baler_root.format.networks.attention import BIAS, FRACTION, MAX_SCORE_BITS, SHARE_BITS

HIDDEN_BITS, HIDDEN_TOTAL = 7, 10
"""Activations are 10 bits: steps of 1/128 up to 8, or with a sign up to 4."""


WEIGHT_LIMIT = 127
"""Largest weight (formats/networks.md#dense has 8 bits)."""


BIAS_LIMIT = 1 << 30
"""Largest bias: half of what the format allows, since `2**31 - 1` rounds to `2**31` in single precision."""


MIN_WEIGHT_BITS, MAX_WEIGHT_BITS = 4, 10
"""Fraction bits of weights, unless the shift needs more."""


def straight_through(value: Tensor, rounded: Tensor) -> Tensor:
    """The rounded value, exactly, with the gradient of `value` (straight-through estimator)."""
    return rounded.detach() + (value - value.detach())


class _Quantise(torch.autograd.Function):
    """`quantise` in few passes over memory."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, bits: int, low: int, high: int) -> Tensor:
        """Values of any shape."""
        step = 2.0**bits
        ctx.save_for_backward((values < low / step).logical_or_(values > high / step))
        return (values * step).add_(0.5).floor_().clamp_(low, high).mul_(1 / step)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        """Gradient of the values that are within the limits, 0 for others."""
        (saturated,) = ctx.saved_tensors
        return grads[0].masked_fill(saturated, 0.0), None, None, None


def quantise(values: Tensor, bits: int, low: int, high: int) -> Tensor:
    """The values as multiples of `2**-bits`, rounded half up, from `low` to `high` of them; no gradient
    outside.
    """
    rounded: Tensor = _Quantise.apply(values, bits, low, high)  # type: ignore[no-untyped-call]
    return rounded


def limits(total: int, relu: bool = False) -> tuple[int, int]:
    """Lowest and highest code of `total` bits, with a sign unless negative values are cut off (`relu`)."""
    return (0, (1 << total) - 1) if relu else (-(1 << (total - 1)), (1 << (total - 1)) - 1)


class Layer(nn.Module):
    """Layer that becomes operations of a program."""

    bits: int
    """Fraction bits of the input; set by `connect` when the layer becomes part of a network."""

    def connect(self, bits: int) -> int:
        """Set the fraction bits of the input; returns those of the output."""
        self.bits = bits
        return bits

    def operations(self) -> list[Operation]:
        """The layer in integers, as operations of a program."""
        raise NotImplementedError


class Reshape(Layer):
    """Reshapes each row: to (width,), (tokens, width) or (height, width, channels)."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, values: Tensor) -> Tensor:
        """(rows, …) to (rows, *shape)."""
        return values.reshape(-1, *self.shape)

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        return [ops.Reshape(self.shape)]


class _Weighted(Layer):
    """Layer with weights of 8 bits in units of a power of two, biases in units of the sums, outputs of
    `total` bits.
    """

    def __init__(self, outputs: int, inputs: int, relu: bool, bits: int, total: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * math.sqrt((2.0 if relu else 1.0) / inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.output_bits, (self.low, self.high) = bits, limits(total, relu)

    def connect(self, bits: int) -> int:
        """See `Layer`."""
        self.bits = bits
        return self.output_bits

    def _weight_bits(self) -> int:
        """Fraction bits of weights: the largest weight just fits 8 bits, and sums are not shifted left."""
        largest = min(max(1e-6, float(self.weight.detach().abs().max())), 1e6)
        min_bits = max(MIN_WEIGHT_BITS, self.output_bits - self.bits + 1)
        return min(
            max(math.floor(math.log2(WEIGHT_LIMIT / largest)), min_bits), max(MAX_WEIGHT_BITS, min_bits)
        )

    def _rounded(self) -> tuple[Tensor, Tensor]:
        """Weights and biases, rounded as in the program."""
        bits = self._weight_bits()
        weight = quantise(self.weight, bits, -WEIGHT_LIMIT, WEIGHT_LIMIT)
        return weight, quantise(self.bias, self.bits + bits, -BIAS_LIMIT, BIAS_LIMIT)

    def _output(self, sums: Tensor) -> Tensor:
        return quantise(sums, self.output_bits, self.low, self.high)

    @torch.no_grad()
    def _dense(self) -> fixedpoint.Dense:
        """The layer in integers; raises FloatingPointError if its weights are not finite."""
        weight, bias = (array.double().cpu().numpy() for array in self._rounded())
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise FloatingPointError("weights are not finite")
        bits = self._weight_bits()
        return fixedpoint.Dense(
            (weight * 2.0**bits).astype(np.int8),
            (bias * 2.0 ** (self.bits + bits)).astype(np.int32),
            self.bits + bits - self.output_bits,
            self.low,
            self.high,
        )


class Dense(_Weighted):
    """Linear layer along the last axis, which saturates; `relu` cuts off negative outputs."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        relu: bool = False,
        bits: int = HIDDEN_BITS,
        total: int = HIDDEN_TOTAL,
    ) -> None:
        """Outputs have `total` bits, `bits` of them fraction bits."""
        super().__init__(outputs, inputs, relu, bits, total)

    def forward(self, values: Tensor) -> Tensor:
        """(rows, …, inputs) to (rows, …, outputs)."""
        return self._output(nn.functional.linear(values, *self._rounded()))

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        return [self._dense()]


class Conv(_Weighted):
    """Convolution of (rows, height, width, channels), with zeros beyond the edges; sizes become ceil(size /
    stride).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        relu: bool = False,
        bits: int = HIDDEN_BITS,
        total: int = HIDDEN_TOTAL,
    ) -> None:
        """`inputs` and `outputs` are channels; `kernel` is the side, an odd number, of the square that is
        summed over.
        """
        super().__init__(outputs, kernel * kernel * inputs, relu, bits, total)
        self.kernel, self.stride = kernel, stride

    def forward(self, values: Tensor) -> Tensor:
        """(rows, height, width, inputs) to (rows, …, …, outputs)."""
        weight, bias = self._rounded()
        square = weight.reshape(len(weight), self.kernel, self.kernel, -1).permute(0, 3, 1, 2)
        edge = self.kernel // 2
        sums = nn.functional.conv2d(values.permute(0, 3, 1, 2), square, bias, self.stride, edge)
        return self._output(sums.permute(0, 2, 3, 1))

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        return [ops.Conv(self._dense(), self.kernel, self.stride)]


class Upsample(Layer):
    """Enlarges a grid to (rows, height, width, channels): a position gets the values of the nearest
    before."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, values: Tensor) -> Tensor:
        """(rows, …, …, channels) to (rows, height, width, channels)."""
        rows = torch.arange(self.height, device=values.device) * values.shape[1] // self.height
        columns = torch.arange(self.width, device=values.device) * values.shape[2] // self.width
        return values[:, rows][:, :, columns]

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        return [ops.Upsample(self.height, self.width)]


class Offset(Layer):
    """Adds a trained table of the shape of a row, such as (tokens, width); entries have `total` bits."""

    def __init__(self, *shape: int, total: int = HIDDEN_TOTAL) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(shape) * 0.5)
        self.low, self.high = limits(total)

    def _rounded(self) -> Tensor:
        return quantise(self.table, self.bits, self.low, self.high)

    def forward(self, values: Tensor) -> Tensor:
        """(rows, *shape) to the same shape."""
        return values + self._rounded()

    @torch.no_grad()
    def operations(self) -> list[Operation]:
        """See `Layer`; raises FloatingPointError if the table is not finite."""
        table = self._rounded().double().cpu().numpy() * 2.0**self.bits
        if not np.isfinite(table).all():
            raise FloatingPointError("offsets are not finite")
        return [ops.Offset(table.astype(np.int32))]


class Norm(Layer):
    """Subtracts the mean of the features and divides by their root mean square; the next layer has scale and
    offset.
    """

    def __init__(self, *, bits: int = HIDDEN_BITS) -> None:
        """Outputs have `bits` fraction bits."""
        super().__init__()
        self.output_bits = bits

    def connect(self, bits: int) -> int:
        """See `Layer`."""
        self.bits = bits
        return self.output_bits

    def forward(self, values: Tensor) -> Tensor:
        """(rows, …, features) to the same shape."""
        n = values.shape[-1]
        with torch.no_grad():
            codes = values.double() * 2.0**self.bits
            codes -= torch.floor((2 * codes.sum(-1, keepdim=True) + n) / (2 * n))
            root = torch.floor(torch.sqrt(n * (codes * codes).sum(-1, keepdim=True))).clamp_min(1)
            normed = torch.floor((codes * (n * 2.0 ** (self.output_bits + 1)) + root) / (2 * root))
        smooth = nn.functional.layer_norm(values, (n,), eps=4.0**-self.bits)
        return straight_through(smooth, (normed * 2.0**-self.output_bits).to(values.dtype))

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        return [ops.Norm(self.output_bits)]


class _Attend(torch.autograd.Function):
    """Means of values, weighted by attention: queries, keys and values (rows, heads, tokens, width) to the
    same shape.
    """

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, bits: int, score_bits: int
    ) -> Tensor:
        """Values have `bits` fraction bits; a score that is `2**score_bits` products larger doubles a
        share.
        """
        scale = 2.0 ** (2 * bits - score_bits)
        octaves = queries @ keys.transpose(-1, -2) * scale
        octaves -= octaves.amax(-1, keepdim=True)
        # Placed in the exponent of a float32 they become powers of two, linear in between.
        digits = octaves.clamp_(-SHARE_BITS - 1, 0).mul_(2.0**FRACTION).to(torch.int32)
        shares = digits.add_(BIAS + SHARE_BITS << FRACTION).view(torch.float32).floor_().to(values.dtype)
        total = shares.sum(-1, keepdim=True)
        ctx.save_for_backward(queries, keys, values, shares / total)
        ctx.slope = scale * math.log(2)
        sums = shares @ values
        return sums.mul_(2 * 2.0**bits).add_(total).div_(2 * total).floor_().mul_(2.0**-bits)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Gradient of a softmax with these shares."""
        queries, keys, values, shares = ctx.saved_tensors
        share_grads = grads[0] @ values.transpose(-1, -2)
        share_grads -= (share_grads * shares).sum(-1, keepdim=True)
        score_grads = share_grads.mul_(shares).mul_(ctx.slope)
        value_grads = shares.transpose(-1, -2) @ grads[0]
        return score_grads @ keys, score_grads.transpose(-1, -2) @ queries, value_grads, None, None


class Attention(Layer):
    """Multi-head attention of all tokens to all tokens; the input has queries, keys and values, 3 × width per
    token.

    Use it between two dense layers: `Dense(width, 3 * width), Attention(width, heads), Dense(width, width)`.
    """

    def __init__(self, width: int, heads: int = 1) -> None:
        super().__init__()
        self.width, self.heads = width, heads

    def _score_bits(self) -> int:
        """Bits of the unit of scores: products of queries and keys by sqrt(head width), to the nearest power
        of two.
        """
        shift = round(math.log2(math.sqrt(self.width / self.heads) * math.log(2)))
        return min(max(2 * self.bits + shift, 0), MAX_SCORE_BITS)

    def forward(self, values: Tensor) -> Tensor:
        """(rows, tokens, 3 × width) to (rows, tokens, width)."""
        rows, tokens, _ = values.shape
        parts = values.reshape(rows, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        means: Tensor = _Attend.apply(*parts.contiguous(), self.bits, self._score_bits())  # type: ignore[no-untyped-call]
        return means.transpose(1, 2).reshape(rows, tokens, self.width)

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        return [attention.Attention(self.heads, self._score_bits())]
