"""`Network`: torch layers that become a `Program` with bit-identical results.

    encoder = Network(Dense(24, 64, relu=True), Dense(64, 8), inputs=24)
    decoder = Network(Dense(8, 64, relu=True), Dense(64, 24), inputs=8, bits=7, total=10)
    codes = encoder.program()(codes)

In double precision a network always gives the bits of its program; in single precision, while all sums stay
below `2**24` of their units (and, on a GPU, matrix products and convolutions are not cut to TF32). New layers
are composed of those in `layers`, in an `nn.Sequential` or a subclass of it:

    class Block(nn.Sequential):
        def __init__(self, width: int) -> None:
            super().__init__(
                Residual(Norm(), Dense(width, 3 * width), Attention(width, heads=2), Dense(width, width)),
                Residual(Norm(), Dense(width, 4 * width, relu=True), Dense(4 * width, width)),
            )
"""

from __future__ import annotations

from torch import Tensor, nn

from baler_root.format.codecs.axis import CODE_BITS
from baler_root.format.networks.arithmetic import Operation
from baler_root.format.networks.operations import Add
from baler_root.format.networks.program import Program
from baler_root.training.torch.layers import Layer, limits, quantise

CODE_TOTAL = 12
"""Bits of the codes of columns, the inputs of encoders (`codecs.axis`)."""


class Residual(nn.Sequential):
    """Layers whose result, of the shape and fraction bits of their input, is added to it."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as the base class names it
        """(rows, …) to the same shape."""
        branch: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
        return input + branch


class Network(nn.Sequential):
    """Sequence of layers on rows of `inputs` codes, which have `bits` fraction bits and `total` bits with
    their sign.
    """

    def __init__(
        self, *layers: nn.Module, inputs: int, bits: int = CODE_BITS, total: int = CODE_TOTAL
    ) -> None:
        """Raises CorruptFileError for layers that do not fit each other, TypeError for modules without
        integer form.
        """
        super().__init__(*layers)
        self.inputs, self.input_bits, self.limits = inputs, bits, limits(total)
        self.output_bits = _connect(self, bits)
        program = self.program()
        self.products, self.numbers = program.products, program.numbers

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as the base class names it
        """(rows, inputs) to the outputs of the last layer; inputs are rounded and saturate like codes of the
        program.
        """
        outputs: Tensor = super().forward(quantise(input, self.input_bits, *self.limits))  # type: ignore[no-untyped-call]
        return outputs

    def program(self) -> Program:
        """The network in integers; its input is the values × 2**input_bits, its output × 2**output_bits.

        Raises FloatingPointError if weights are not finite, CorruptFileError if sums became too large.
        """
        return Program(_operations(self, 0), self.inputs, *self.limits)


def _connect(module: nn.Module, bits: int) -> int:
    """Set the fraction bits of the input of every layer; returns those of the result."""
    if isinstance(module, Layer):
        return module.connect(bits)
    if not isinstance(module, nn.Sequential):
        raise TypeError(
            f"{type(module).__name__} cannot be computed in integers; the layers of baler_root.training.torch.layers can"
        )
    result_bits = bits
    for part in module:
        result_bits = _connect(part, result_bits)
    if isinstance(module, Residual) and result_bits != bits:
        raise ValueError(f"a residual of {result_bits} fraction bits cannot be added to an input of {bits}")
    return result_bits


def _operations(module: nn.Module, start: int) -> list[Operation]:
    """The module in integers, after `start` other operations."""
    if isinstance(module, Layer):
        return module.operations()
    operations: list[Operation] = []
    for part in module.children():
        operations += _operations(part, start + len(operations))
    if isinstance(module, Residual):
        operations.append(Add(start))
    return operations
