"""`BitPruning`: keeps an encoder within a budget of LUTs while it is trained."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor, nn

from baler_root.errors import ConfigError
from baler_root.training.hardware.resources import ESTIMATE_ERROR, Resources
from baler_root.training.torch.qat_layers import QatDense

PENALTY_SHARE = 0.02
"""Share of the first loss that the bit operations of an encoder add to it, as long as it exceeds its budget.
"""


PRUNE_START, PRUNE_END = 0.15, 0.7
"""Shares of the training between which weights are pruned, most of them early (Zhu and Gupta,
arXiv:1710.01878).
"""


PRUNE_EVERY = 25
"""Steps from one pruning to the next."""


BISECTIONS = 12
"""Bisections that find the smallest weight to keep."""


class BitPruning:
    """Penalises the bits of weights in the loss, and sets the smallest weights to 0, until the budget is
    kept.
    """

    def __init__(self, layers: Iterable[QatDense], luts: float) -> None:
        """Raises ConfigError for a budget that cannot be kept."""
        self.layers = list(layers)
        self.luts = luts * (1 - ESTIMATE_ERROR)
        """Budget less the error of the estimate."""
        self._first_luts = self.resources().luts
        self._penalty: float | None = None
        self._penalised = self._first_luts > self.luts
        if (min_luts := self.resources(math.inf).luts) > self.luts:
            raise ConfigError(
                f"a budget of {luts:.0f} LUTs: rounding alone takes about {min_luts:.0f} with this many hidden numbers "
                "and latents; ask for fewer"
            )

    @classmethod
    def of(cls, module: nn.Module, luts: float) -> BitPruning | None:
        """Pruning of a network; None if it has no budget."""
        layers = [layer for layer in module.modules() if isinstance(layer, QatDense)]
        return cls(layers, luts) if layers and math.isfinite(luts) else None

    def resources(self, threshold: float = 0.0) -> Resources:
        """Resources of the encoder, if weights of fewer steps than `threshold` were 0."""
        return Resources.of(
            [layer.integers(threshold) for layer in self.layers], [layer.input_total for layer in self.layers]
        )

    @property
    def within_budget(self) -> bool:
        """Whether the encoder is within its budget."""
        return self.resources().luts <= self.luts

    def loss(self, data_loss: Tensor) -> Tensor:
        """Loss of the data plus the penalty of bit operations; without it once the budget is kept."""
        if not self._penalised:
            return data_loss
        total = sum((layer.bit_operations() for layer in self.layers[1:]), self.layers[0].bit_operations())
        if self._penalty is None:
            self._penalty = PENALTY_SHARE * abs(float(data_loss.detach())) / max(1.0, float(total.detach()))
        return data_loss + self._penalty * total

    def prune(self, step: int, share_done: float) -> None:
        """Set weights to 0, if that is due after `step` steps, when `share_done` of the training is done."""
        if step % PRUNE_EVERY or share_done < PRUNE_START:
            return
        self._penalised = not self.within_budget
        part = min(1.0, (share_done - PRUNE_START) / (PRUNE_END - PRUNE_START))
        limit = self.luts + max(0.0, self._first_luts - self.luts) * (1 - part) ** 3
        if self.resources().luts <= limit:
            return
        low, high = 0.0, float(max(layer.limit for layer in self.layers) + 1)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.resources(middle).luts <= limit else (middle, high)
        for layer in self.layers:
            layer.prune(high)
