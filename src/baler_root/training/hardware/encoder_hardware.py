"""`Hardware`: layers and bit widths of an encoder for firmware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from baler_root.errors import ConfigError
from baler_root.format.codecs.axis import CODE_BITS, CODE_LIMIT
from baler_root.training.hardware.budget import HardwareBudget

if TYPE_CHECKING:
    from baler_root.format.container.manifest import Json


CODE_WIDTH = CODE_LIMIT.bit_length()
"""Bits of a column's code, sign included, at full precision."""


WEIGHT_BITS, ACTIVATION_BITS, INPUT_BITS, LATENT_BITS = (2, 8), (3, 12), (4, CODE_WIDTH), (2, 12)
"""Smallest and largest bit width of each kind of number."""


MAX_HIDDEN, MAX_NEURONS = 4, 256
"""Most hidden layers, and most neurons in one of them."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """Layers and bit widths of one encoder, fixed before training.

    All scales are powers of two; all rounding is half up.
    """

    hidden: tuple[int, ...] = (32, 16)
    """Neurons of each hidden layer; empty if the latents are sums of inputs."""
    weight_bits: tuple[int, ...] = (6, 6, 6)
    """Weight width of each layer, sign included."""
    activation_bits: tuple[int, ...] = (8, 8)
    """Activation width of each hidden layer; activations are unsigned."""
    input_bits: int = 8
    """Width of the input codes, sign included: they span -8 to 8 in steps of `2**(4 - input_bits)`."""
    latent_bits: int = 9
    """Width of each latent, sign included; latents saturate at its limits."""
    budget: HardwareBudget = field(default_factory=HardwareBudget)

    def __post_init__(self) -> None:
        """Raise ConfigError for an impossible combination."""
        layers = len(self.hidden) + 1
        if len(self.hidden) > MAX_HIDDEN or any(not 1 <= width <= MAX_NEURONS for width in self.hidden):
            raise ConfigError(
                f"hidden layers {_listed(self.hidden)}: at most {MAX_HIDDEN} layers of 1 to {MAX_NEURONS} neurons "
                "are possible"
            )
        for name, bits, count, (low, high) in (
            ("weights", self.weight_bits, layers, WEIGHT_BITS),
            ("activations", self.activation_bits, layers - 1, ACTIVATION_BITS),
            ("inputs", (self.input_bits,), 1, INPUT_BITS),
            ("latents", (self.latent_bits,), 1, LATENT_BITS),
        ):
            if len(bits) != count:
                raise ConfigError(
                    f"bits of {name}: {len(bits)} numbers for {count} layers; give one for all, or one for each"
                )
            if any(not low <= width <= high for width in bits):
                raise ConfigError(f"bits of {name}: {_listed(bits)}; from {low} to {high} are possible")

    @property
    def input_fraction(self) -> int:
        """Fraction bits of the input codes."""
        return CODE_BITS - (CODE_WIDTH - self.input_bits)

    def describe(self) -> str:
        """A summary such as `32-16, weights of 6 bits, activations of 8, inputs of 8, latents of 9`."""
        parts = [
            "-".join(map(str, self.hidden)) or "no hidden layer",
            f"weights of {_listed(self.weight_bits)} bits",
        ]
        if self.hidden:
            parts.append(f"activations of {_listed(self.activation_bits)}")
        return ", ".join([*parts, f"inputs of {self.input_bits}", f"latents of {self.latent_bits}"])

    def to_json(self) -> Json:
        """The entry in a model's description and in the provenance of a file."""
        return {**asdict(self), "budget": str(self.budget)}


def _listed(widths: Sequence[int]) -> str:
    return str(widths[0]) if len(set(widths)) == 1 else ",".join(map(str, widths)) or "none"
