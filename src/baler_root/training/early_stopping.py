"""Stops a training that no longer gains."""

from __future__ import annotations


class EarlyStopping:
    """Stops training when `patience` evaluations together gain less than a share `min_gain` of the loss."""

    def __init__(self, patience: int = 5, min_gain: float = 2e-4) -> None:
        self.patience, self.min_gain = patience, min_gain
        self._losses: list[float] = []

    def should_stop(self, loss: float) -> bool:
        """Record the best loss so far, and return whether training should end."""
        self._losses.append(loss)
        if len(self._losses) <= self.patience:
            return False
        return not loss < self._losses[-1 - self.patience] * (1 - self.min_gain)
