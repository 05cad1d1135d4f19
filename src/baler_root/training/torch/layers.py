"""Layers of torch that compute what the operations of a `Program` do, and can be trained; see `training.network`.

Values are real numbers, each a multiple of `2**-bits`: rounding and saturation are part of the layers, with gradients
as if nothing were rounded.
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
    """The rounded value, exactly, with the gradient of the other."""
    return rounded.detach() + (value - value.detach())


class _Quantise(torch.autograd.Function):
    """What `quantise` does, in few passes over memory."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, bits: int, low: int, high: int) -> Tensor:
        """Of any shape."""
        step = 2.0**bits
        ctx.save_for_backward((values < low / step).logical_or_(values > high / step))
        return (values * step).add_(0.5).floor_().clamp_(low, high).mul_(1 / step)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        """That of the values, where they are within the limits."""
        (beyond,) = ctx.saved_tensors
        return grads[0].masked_fill(beyond, 0.0), None, None, None


def quantise(values: Tensor, bits: int, low: int, high: int) -> Tensor:
    """The values as multiples of `2**-bits`, rounded half up, `low` to `high` of them; no gradient beyond these."""
    out: Tensor = _Quantise.apply(values, bits, low, high)  # type: ignore[no-untyped-call]
    return out


def limits(total: int, relu: bool = False) -> tuple[int, int]:
    """Lowest and highest code of so many bits, with a sign unless negative ones are cut off."""
    return (0, (1 << total) - 1) if relu else (-(1 << (total - 1)), (1 << (total - 1)) - 1)


class Layer(nn.Module):
    """What becomes operations of a program. `bits` is the fraction bits of the input, as soon as it is in a network."""

    bits: int

    def connect(self, bits: int) -> int:
        """The fraction bits of the output, if the input has so many."""
        self.bits = bits
        return bits

    def operations(self) -> list[Operation]:
        """The layer in integers."""
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
    """Weights of 8 bits in units of a power of two, biases in units of the sums, outputs of `total` bits."""

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
        """So that the largest weight just fits 8 bits; sums must not need a shift to the left."""
        largest = min(max(1e-6, float(self.weight.detach().abs().max())), 1e6)
        least = max(MIN_WEIGHT_BITS, self.output_bits - self.bits + 1)
        return min(max(math.floor(math.log2(WEIGHT_LIMIT / largest)), least), max(MAX_WEIGHT_BITS, least))

    def _rounded(self) -> tuple[Tensor, Tensor]:
        """Weights and biases as they will be."""
        bits = self._weight_bits()
        weight = quantise(self.weight, bits, -WEIGHT_LIMIT, WEIGHT_LIMIT)
        return weight, quantise(self.bias, self.bits + bits, -BIAS_LIMIT, BIAS_LIMIT)

    def _output(self, sums: Tensor) -> Tensor:
        return quantise(sums, self.output_bits, self.low, self.high)

    @torch.no_grad()
    def _dense(self) -> fixedpoint.Dense:
        """The layer in integers; FloatingPointError if training made its weights no numbers."""
        weight, bias = (array.double().cpu().numpy() for array in self._rounded())
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise FloatingPointError("weights are no numbers any more")
        bits = self._weight_bits()
        return fixedpoint.Dense(
            (weight * 2.0**bits).astype(np.int8),
            (bias * 2.0 ** (self.bits + bits)).astype(np.int32),
            self.bits + bits - self.output_bits,
            self.low,
            self.high,
        )


class Dense(_Weighted):
    """A linear layer along the last axis, with saturation, or with `relu` above 0 only."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        relu: bool = False,
        bits: int = HIDDEN_BITS,
        total: int = HIDDEN_TOTAL,
    ) -> None:
        """The outputs have `bits` fraction bits of `total`."""
        super().__init__(outputs, inputs, relu, bits, total)

    def forward(self, values: Tensor) -> Tensor:
        """(rows, …, inputs) to (rows, …, outputs)."""
        return self._output(nn.functional.linear(values, *self._rounded()))

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        return [self._dense()]


class Conv(_Weighted):
    """A convolution of (rows, height, width, channels), zeros beyond the edges; sizes become ceil(size / stride)."""

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
        """`inputs` and `outputs` are channels; the odd `kernel` is the side of the square that is summed over."""
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
    """Makes (rows, height, width, channels) of a smaller grid: each place is the nearest one of that."""

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
    """Adds a table of the shape of a row's value, such as (tokens, width), of up to `total` bits."""

    def __init__(self, *shape: int, total: int = HIDDEN_TOTAL) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(shape) * 0.5)
        self.low, self.high = limits(total)

    def _rounded(self) -> Tensor:
        return quantise(self.table, self.bits, self.low, self.high)

    def forward(self, values: Tensor) -> Tensor:
        """(rows, *shape) to the same."""
        return values + self._rounded()

    @torch.no_grad()
    def operations(self) -> list[Operation]:
        """See `Layer`; FloatingPointError if training made the table no numbers."""
        table = self._rounded().double().cpu().numpy() * 2.0**self.bits
        if not np.isfinite(table).all():
            raise FloatingPointError("offsets are no numbers any more")
        return [ops.Offset(table.astype(np.int32))]


class Norm(Layer):
    """Features less their mean, by their root mean square; scale and offset are those of the layer after it."""

    def __init__(self, *, bits: int = HIDDEN_BITS) -> None:
        """The outputs have `bits` fraction bits."""
        super().__init__()
        self.output_bits = bits

    def connect(self, bits: int) -> int:
        """See `Layer`."""
        self.bits = bits
        return self.output_bits

    def forward(self, values: Tensor) -> Tensor:
        """(rows, …, features) to the same."""
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
    """What each query gathers: (rows, heads, tokens, width) of queries, keys and values to the same."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, bits: int, score_bits: int
    ) -> Tensor:
        """Values have `bits` fraction bits, a score of `2**score_bits` of their products doubles a share."""
        scale = 2.0 ** (2 * bits - score_bits)
        octaves = queries @ keys.transpose(-1, -2) * scale
        octaves -= octaves.amax(-1, keepdim=True)
        # Put where a float32 has its exponent, they become powers of two, linear between these.
        digits = octaves.clamp_(-SHARE_BITS - 1, 0).mul_(2.0**FRACTION).to(torch.int32)
        shares = digits.add_(BIAS + SHARE_BITS << FRACTION).view(torch.float32).floor_().to(values.dtype)
        total = shares.sum(-1, keepdim=True)
        ctx.save_for_backward(queries, keys, values, shares / total)
        ctx.slope = scale * math.log(2)
        sums = shares @ values
        return sums.mul_(2 * 2.0**bits).add_(total).div_(2 * total).floor_().mul_(2.0**-bits)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """As of a softmax that gives these shares."""
        queries, keys, values, shares = ctx.saved_tensors
        told = grads[0] @ values.transpose(-1, -2)
        told -= (told * shares).sum(-1, keepdim=True)
        scores = told.mul_(shares).mul_(ctx.slope)
        gathered = shares.transpose(-1, -2) @ grads[0]
        return scores @ keys, scores.transpose(-1, -2) @ queries, gathered, None, None


class Attention(Layer):
    """What each token gathers from all of them, in each head by itself; the layer before gives 3 × width for each.

    Between two dense layers: `Dense(width, 3 * width), Attention(width, heads), Dense(width, width)`.
    """

    def __init__(self, width: int, heads: int = 1) -> None:
        super().__init__()
        self.width, self.heads = width, heads

    def _score_bits(self) -> int:
        """Scores are products of queries and keys by sqrt(head width), as near as a power of two comes."""
        shift = round(math.log2(math.sqrt(self.width / self.heads) * math.log(2)))
        return min(max(2 * self.bits + shift, 0), MAX_SCORE_BITS)

    def forward(self, values: Tensor) -> Tensor:
        """(rows, tokens, 3 × width) to (rows, tokens, width)."""
        rows, tokens, _ = values.shape
        parts = values.reshape(rows, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        out: Tensor = _Attend.apply(*parts.contiguous(), self.bits, self._score_bits())  # type: ignore[no-untyped-call]
        return out.transpose(1, 2).reshape(rows, tokens, self.width)

    def operations(self) -> list[Operation]:
        """See `Layer`."""
        return [attention.Attention(self.heads, self._score_bits())]
