"""Size of the networks of a table, length of their training, and its result."""

from __future__ import annotations

from dataclasses import dataclass, field

from baler_root.format.networks.dense import FixedPointNet


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Size of the networks of one table, and length of their training."""

    width: int = 32
    """Width of each of the two hidden layers."""
    components: int = 4
    """Logistic distributions in the mixture that a network predicts."""
    parents: int = 12
    """Inputs of a network at the end of the training; it may begin with more."""
    steps: int = 1500
    """Most training steps."""
    batch: int = 1024
    """Rows of a step."""
    rate: float = 4e-3
    """Largest learning rate."""
    seed: int = 0
    """Random seed of the training."""
    seconds: float | None = None
    """Time limit; with one, the result depends on the machine."""

    def weights(self, inputs: int) -> int:
        """Number of weights of a network with this many inputs."""
        return self.width * (inputs + self.width + 3 * self.components)


@dataclass(frozen=True, slots=True)
class TrainedNetworks:
    """Trained networks by the number of their column, and their quality."""

    nets: dict[int, FixedPointNet]
    bits: dict[int, float]
    """Bits per value on rows that were not trained on."""
    steps: int
    """Steps that were trained."""
    parents: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Input columns of each network."""
    history: list[tuple[int, float]] = field(default_factory=list)
    """(step, bits per row of all columns) of each evaluation."""
    diverged: tuple[int, ...] = ()
    """Columns for which no step gave a number."""
