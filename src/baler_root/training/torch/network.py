"""`Network`: layers of torch that become a `Program`, with the same bits.

    encoder = Network(Dense(24, 64, relu=True), Dense(64, 8), inputs=24)
    decoder = Network(Dense(8, 64, relu=True), Dense(64, 24), inputs=8, bits=7, total=10)
    codes = encoder.program()(codes)

In double precision a network gives the bits of its program always, in single precision while all sums stay below
`2**24` of their units (and, on a GPU, matrix products and convolutions are not cut to TF32). What `layers` does not
have is put together of what it has in an `nn.Sequential`, or a subclass of it:

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
"""Bits of the codes that networks get of columns, see `codecs.axis`."""


class Residual(nn.Sequential):
    """Layers whose result is added to their input, of which it must have the shape and the fraction bits."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as the base class names it
        """(rows, …) to the same."""
        out: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
        return input + out


class Network(nn.Sequential):
    """Layers one after another that take rows of `inputs` codes, of `bits` fraction bits and `total` with their sign."""

    def __init__(
        self, *layers: nn.Module, inputs: int, bits: int = CODE_BITS, total: int = CODE_TOTAL
    ) -> None:
        """Raises CorruptFileError where layers do not fit each other, TypeError for other modules."""
        super().__init__(*layers)
        self.inputs, self.input_bits, self.limits = inputs, bits, limits(total)
        self.output_bits = _connect(self, bits)
        program = self.program()
        self.products, self.numbers = program.products, program.numbers

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as the base class names it
        """(rows, inputs) to what the last layer gives; inputs are rounded and saturate as the program's codes are."""
        out: Tensor = super().forward(quantise(input, self.input_bits, *self.limits))  # type: ignore[no-untyped-call]
        return out

    def program(self) -> Program:
        """The network in integers: its codes are the values × 2**input_bits, its results × 2**output_bits.

        FloatingPointError if training made weights no numbers, CorruptFileError if sums became too large.
        """
        return Program(_operations(self, 0), self.inputs, *self.limits)


def _connect(module: nn.Module, bits: int) -> int:
    """Tell every layer the fraction bits of what it gets; returns those of the result."""
    if isinstance(module, Layer):
        return module.connect(bits)
    if not isinstance(module, nn.Sequential):
        raise TypeError(
            f"{type(module).__name__} cannot be computed in integers; baler_root.training.layers can"
        )
    after = bits
    for part in module:
        after = _connect(part, after)
    if isinstance(module, Residual) and after != bits:
        raise ValueError(f"a residual of {after} fraction bits cannot be added to an input of {bits}")
    return after


def _operations(module: nn.Module, at: int) -> list[Operation]:
    """The module in integers, after `at` other operations."""
    if isinstance(module, Layer):
        return module.operations()
    out: list[Operation] = []
    for part in module.children():
        out += _operations(part, at + len(out))
    if isinstance(module, Residual):
        out.append(Add(at))
    return out
