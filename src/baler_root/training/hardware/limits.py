"""`HardwareLimits`: layers, bit widths and budget of an encoder for firmware, as a user asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Self

from baler_root.errors import ConfigError
from baler_root.training.hardware.budget import HardwareBudget
from baler_root.training.hardware.encoder_hardware import Hardware

if TYPE_CHECKING:
    from baler_root.format.container.manifest import Json


SEARCHED_HIDDEN, SEARCHED_WEIGHT_BITS = ((32, 16), (32,), (16,), ()), (6, 4)
"""Hidden layers and weight widths that a search within a budget tries where the user leaves them open."""


@dataclass(frozen=True, slots=True)
class HardwareLimits:
    """Layers, bit widths and budget that a user asks for.

    None leaves a value to the search if there is a budget, and to the default of `Hardware` otherwise.
    """

    hidden: tuple[int, ...] | None = None
    weight_bits: tuple[int, ...] | None = None
    activation_bits: tuple[int, ...] | None = None
    input_bits: int | None = None
    latent_bits: int | None = None
    budget: HardwareBudget | None = None

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
        """Read command-line texts; None if all are None. Raises ConfigError.

        >>> HardwareLimits.parse(hidden="32,16", weight_bits="6").candidates()[0].weight_bits
        (6, 6, 6)
        """
        limits = cls(
            parse_integers(hidden, "hidden layers"),
            parse_integers(weight_bits, "bits of weights"),
            parse_integers(activation_bits, "bits of activations"),
            input_bits,
            latent_bits,
            None if budget is None else HardwareBudget.parse(budget),
        )
        if limits == cls():
            return None
        limits.candidates()
        return limits

    def candidates(self) -> list[Hardware]:
        """All encoders that fit the limits: several if there is a budget and something is left open.

        Raises ConfigError for an impossible combination.
        """
        default = Hardware()
        if self.hidden is not None:
            hidden = [self.hidden]
        elif self.budget is None:
            hidden = [default.hidden]
        else:
            depths = {len(bits) - 1 for bits in (self.weight_bits,) if bits and len(bits) > 1}
            depths |= {len(bits) for bits in (self.activation_bits,) if bits and len(bits) > 1}
            hidden = [widths for widths in SEARCHED_HIDDEN if not depths or len(widths) in depths]
            hidden = hidden or [default.hidden]
        if self.weight_bits is not None:
            weights = [self.weight_bits]
        else:
            searched = SEARCHED_WEIGHT_BITS if self.budget is not None else default.weight_bits[:1]
            weights = [(bits,) for bits in searched]
        activations = self.activation_bits or default.activation_bits[:1]
        return [
            Hardware(
                widths,
                _per_layer(bits, len(widths) + 1),
                _per_layer(activations, len(widths)),
                default.input_bits if self.input_bits is None else self.input_bits,
                default.latent_bits if self.latent_bits is None else self.latent_bits,
                self.budget or HardwareBudget(),
            )
            for widths, bits in product(hidden, weights)
        ]

    def to_json(self) -> Json:
        """The entry in the provenance of a file: only the limits that were given."""
        entries = asdict(replace(self, budget=None))
        entries["budget"] = None if self.budget is None else str(self.budget)
        return {name: value for name, value in entries.items() if value is not None}


def parse_integers(text: str | None, name: str) -> tuple[int, ...] | None:
    """Integers from a comma-separated text; `none` is an empty list.

    Raises ConfigError, which mentions `name`.

    >>> parse_integers("32,16", "hidden layers"), parse_integers("none", "hidden layers")
    ((32, 16), ())
    """
    if text is None:
        return None
    if text.strip() == "none":
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"{name}: {text!r}; write numbers with commas between, such as 32,16") from None


def _per_layer(bits: Sequence[int], layers: int) -> tuple[int, ...]:
    """One width per layer; a single one is repeated for all layers."""
    return tuple(bits) * layers if len(bits) == 1 else tuple(bits)
