"""`Circuit`: an encoder that is to be firmware: how many layers, and how many bits its numbers have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Self

from baler_root.errors import ConfigError
from baler_root.format.codecs.axis import CODE_BITS, CODE_LIMIT
from baler_root.training.hardware.budget import Budget

if TYPE_CHECKING:
    from baler_root.format.container.manifest import Json


CODE_TOTAL = CODE_LIMIT.bit_length()
"""Bits of the codes of a column with their sign: what an encoder gets that is not to be firmware."""


WEIGHTS, ACTIVATIONS, INPUTS, LATENTS = (2, 8), (3, 12), (4, CODE_TOTAL), (2, 12)
"""Fewest and most bits of each kind."""


MAX_HIDDEN, MAX_NEURONS = 4, 256
"""Hidden layers, and numbers that one has."""


HIDDEN, BITS = ((32, 16), (32,), (16,), ()), (6, 4)
"""What a search within a budget tries, if that is not given: hidden layers, bits of weights."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """All that is fixed before training. All scales are powers of two, all rounding is half up."""

    hidden: tuple[int, ...] = (32, 16)
    """Numbers of each hidden layer; none for latents that are sums of inputs."""
    weight_bits: tuple[int, ...] = (6, 6, 6)
    """Of each layer, with their sign."""
    activation_bits: tuple[int, ...] = (8, 8)
    """Of each hidden layer; they have no sign."""
    input_bits: int = 8
    """Of the codes of columns, with their sign; they go from -8 to 8 in steps of `2**(4 - input_bits)`."""
    latent_bits: int = 9
    """Of each latent, with its sign: it saturates there."""
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        """Raises ConfigError for what cannot be."""
        layers = len(self.hidden) + 1
        if len(self.hidden) > MAX_HIDDEN or any(not 1 <= width <= MAX_NEURONS for width in self.hidden):
            raise ConfigError(
                f"hidden layers {_listed(self.hidden)}: at most {MAX_HIDDEN}, of 1 to {MAX_NEURONS} numbers each"
            )
        for name, bits, count, (least, most) in (
            ("weights", self.weight_bits, layers, WEIGHTS),
            ("activations", self.activation_bits, layers - 1, ACTIVATIONS),
            ("inputs", (self.input_bits,), 1, INPUTS),
            ("latents", (self.latent_bits,), 1, LATENTS),
        ):
            if len(bits) != count:
                raise ConfigError(
                    f"bits of {name}: {len(bits)} numbers for {count} layers; give one for all, or one for each"
                )
            if any(not least <= one <= most for one in bits):
                raise ConfigError(f"bits of {name}: {_listed(bits)}; from {least} to {most} are possible")

    @property
    def input_fraction(self) -> int:
        """Fraction bits of the codes of columns."""
        return CODE_BITS - (CODE_TOTAL - self.input_bits)

    def describe(self) -> str:
        """In short, such as `32-16, weights of 6 bits, activations of 8, inputs of 8, latents of 9`."""
        parts = [
            "-".join(map(str, self.hidden)) or "no hidden layer",
            f"weights of {_listed(self.weight_bits)} bits",
        ]
        if self.hidden:
            parts.append(f"activations of {_listed(self.activation_bits)}")
        return ", ".join([*parts, f"inputs of {self.input_bits}", f"latents of {self.latent_bits}"])

    def to_json(self) -> Json:
        """For the model's description and the provenance of a file."""
        return {**asdict(self), "budget": str(self.budget)}


@dataclass(frozen=True, slots=True)
class HardwareLimits:
    """What a user asks of firmware; None is left to the search, or to what is usual."""

    hidden: tuple[int, ...] | None = None
    weight_bits: tuple[int, ...] | None = None
    activation_bits: tuple[int, ...] | None = None
    input_bits: int | None = None
    latent_bits: int | None = None
    budget: Budget | None = None

    @classmethod
    def parse(
        cls,
        budget: str | None = None,
        hidden: str | None = None,
        weight_bits: str | None = None,
        activation_bits: str | None = None,
        input_bits: int | None = None,
        latent_bits: int | None = None,
    ) -> Self | None:
        """From what people write; None if nothing is asked for. Raises ConfigError.

        >>> CircuitOptions.parse(hidden="32,16", weight_bits="6").circuits()[0].weight_bits
        (6, 6, 6)
        """
        out = cls(
            numbers(hidden, "hidden layers"),
            numbers(weight_bits, "bits of weights"),
            numbers(activation_bits, "bits of activations"),
            input_bits,
            latent_bits,
            None if budget is None else Budget.parse(budget),
        )
        if out == cls():
            return None
        out.candidates()
        return out

    def candidates(self) -> list[Hardware]:
        """What to choose from: one circuit, or if there is a budget and not all is given, several. Raises ConfigError."""
        usual = Hardware()
        if self.hidden is not None:
            hidden = [self.hidden]
        elif self.budget is None:
            hidden = [usual.hidden]
        else:
            depths = {len(bits) - 1 for bits in (self.weight_bits,) if bits and len(bits) > 1}
            depths |= {len(bits) for bits in (self.activation_bits,) if bits and len(bits) > 1}
            hidden = [widths for widths in HIDDEN if not depths or len(widths) in depths] or [usual.hidden]
        if self.weight_bits is not None:
            weights = [self.weight_bits]
        else:
            weights = [(bits,) for bits in (BITS if self.budget is not None else usual.weight_bits[:1])]
        activations = self.activation_bits or usual.activation_bits[:1]
        return [
            Hardware(
                widths,
                _for_each(bits, len(widths) + 1),
                _for_each(activations, len(widths)),
                usual.input_bits if self.input_bits is None else self.input_bits,
                usual.latent_bits if self.latent_bits is None else self.latent_bits,
                self.budget or Budget(),
            )
            for widths, bits in product(hidden, weights)
        ]

    def to_json(self) -> Json:
        """For the provenance of a file: what was asked for."""
        asked = asdict(replace(self, budget=None))
        asked["budget"] = None if self.budget is None else str(self.budget)
        return {name: value for name, value in asked.items() if value is not None}


def numbers(text: str | None, what: str) -> tuple[int, ...] | None:
    """Integers with commas between; `none` for no number at all. Raises ConfigError.

    >>> numbers("32,16", "hidden layers"), numbers("none", "hidden layers")
    ((32, 16), ())
    """
    if text is None:
        return None
    if text.strip() == "none":
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"{what}: {text!r}; write numbers with commas between, such as 32,16") from None


def _for_each(bits: Sequence[int], layers: int) -> tuple[int, ...]:
    """The same for all layers where one number is given."""
    return tuple(bits) * layers if len(bits) == 1 else tuple(bits)


def _listed(some: Sequence[int]) -> str:
    return str(some[0]) if len(set(some)) == 1 else ",".join(map(str, some)) or "none"
