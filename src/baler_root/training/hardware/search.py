"""Search for an encoder within a budget: trains each candidate briefly, and chooses the best that fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from baler_root.errors import ConfigError
from baler_root.format.networks.program import Program
from baler_root.training.hardware.encoder_hardware import Hardware
from baler_root.training.hardware.resources import DEPTH_PER_LAYER, Resources

SEARCH_DIVISOR = 8
"""A candidate is trained for the full number of steps divided by this."""


Trial = Callable[[Hardware], tuple[float, Program]]
"""Trains a candidate briefly; returns its loss [bits per row] and its encoder.

Raises ConfigError for a candidate that cannot be within its budget."""


def resources_of(program: Program, hardware: Hardware) -> Resources:
    """Estimated resources of a trained encoder."""
    return Resources.of_operations(program.operations, hardware.input_bits)


def find_hardware(candidates: Sequence[Hardware], trial: Trial) -> Hardware:
    """The candidate with the smallest loss among those within their budget; raises ConfigError if none is."""
    best: tuple[float, Hardware] | None = None
    rejected: list[str] = []
    for hardware in candidates:
        minimum = Resources(0, DEPTH_PER_LAYER * len(hardware.weight_bits))
        try:
            check_latency(minimum, hardware)
            loss, encoder = trial(hardware)
            check_latency(resources_of(encoder, hardware), hardware)
        except ConfigError as error:
            rejected.append(f"{hardware.describe()}: {error}")
            continue
        if best is None or loss < best[0]:
            best = loss, hardware
    if best is None:
        raise ConfigError(f"no encoder within the budget {candidates[0].budget}; {'; '.join(rejected)}")
    return best[1]


def check_latency(resources: Resources, hardware: Hardware) -> None:
    """Raise ConfigError for a latency above the budget."""
    budget = hardware.budget
    cycles = resources.latency_cycles(budget.adder_levels)
    if cycles > budget.latency_cycles:
        raise ConfigError(
            f"{resources.adder_depth} adders in series are {cycles} clock cycles with {budget.adder_levels} adders per "
            f"cycle; {budget.latency_cycles:g} are allowed; fewer hidden layers or bits need fewer, and levels= sets "
            "the adders per cycle"
        )
