"""Chooses the circuit of an encoder within a budget: each is trained for a while, the best that fits is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from baler_root.errors import ConfigError
from baler_root.training.hardware.limits import Hardware
from baler_root.training.hardware.resources import LEVELS_PER_LAYER, Resources

if TYPE_CHECKING:
    from baler_root.format.networks.program import Program
    from baler_root.training.torch.fit_autoencoder import TrainedAutoencoder


SEARCHED = 8
"""A circuit is tried for one step in so many of the training."""


Attempt = Callable[[Hardware], "TrainedAutoencoder"]
"""Trains for a while; raises ConfigError for a circuit that cannot be within its budget."""


def resources_of(program: Program, hardware: Hardware) -> Resources:
    """Estimates of a trained encoder."""
    return Resources.of_operations(program.operations, hardware.input_bits)


def find_hardware(candidates: Sequence[Hardware], attempt: Attempt, latent_weight: float) -> Hardware:
    """The circuit with the fewest bits of a row among those that are within their budget; raises ConfigError if none is."""
    best: tuple[float, Hardware] | None = None
    failed: list[str] = []
    for hardware in candidates:
        least = Resources(0, LEVELS_PER_LAYER * len(hardware.weight_bits))
        try:
            check_edges(least, hardware)
            found = attempt(hardware)
            check_edges(resources_of(found.network.programs()[0], hardware), hardware)
        except ConfigError as error:
            failed.append(f"{hardware.describe()}: {error}")
            continue
        loss = float(found.residual.sum()) + latent_weight * found.latents
        if best is None or loss < best[0]:
            best = loss, hardware
    if best is None:
        raise ConfigError(f"no encoder within the budget {candidates[0].budget}; {'; '.join(failed)}")
    return best[1]


def check_edges(found: Resources, hardware: Hardware) -> None:
    """Raise ConfigError for more clock edges than the budget has."""
    budget = hardware.budget
    edges = found.edges(budget.levels)
    if edges > budget.edges:
        raise ConfigError(
            f"{found.levels} adders one after another are {edges} clock edges at {budget.levels} adders an edge, "
            f"{budget.edges:g} are allowed; fewer hidden layers or bits take fewer, and levels= sets the adders of an edge"
        )
