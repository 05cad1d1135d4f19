"""`Economy`: keeps an encoder that is trained within the LUTs that it may take."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor, nn

from baler_root.errors import ConfigError
from baler_root.training.hardware.resources import ESTIMATE_ERROR, Resources
from baler_root.training.torch.narrow_layers import NarrowDense

SHARE = 0.02
"""Part of the loss at the beginning that the bit operations of an encoder count, as long as they are too many."""


START, END = 0.15, 0.7
"""Parts of the training between which weights are pruned, most of them early (Zhu and Gupta, arXiv:1710.01878)."""


EVERY = 25
"""Steps from one pruning to the next."""


SEARCHES = 12
"""Halvings in which it is found how large a weight must be to stay."""


class Economy:
    """The bits that weights have are part of the loss, and the smallest weights become 0, until the budget is kept."""

    def __init__(self, layers: Iterable[NarrowDense], luts: float) -> None:
        """Raises ConfigError for a budget that cannot be kept."""
        self.layers = list(layers)
        self.luts = luts * (1 - ESTIMATE_ERROR)
        """Estimated, so that they are not more if they are looked at closely."""
        self.begun = self.resources().luts
        self.weight: float | None = None
        self.pressing = self.begun > self.luts
        """Whether bit operations count: they do not once the budget is kept."""
        if (least := self.resources(math.inf).luts) > self.luts:
            raise ConfigError(
                f"a budget of {luts:.0f} LUTs: rounding alone takes about {least:.0f} with so many hidden numbers and "
                "latents; ask for fewer"
            )

    @classmethod
    def of(cls, module: nn.Module, luts: float) -> Economy | None:
        """That of a network; None for one that may take what it likes."""
        layers = [layer for layer in module.modules() if isinstance(layer, NarrowDense)]
        return cls(layers, luts) if layers and math.isfinite(luts) else None

    def resources(self, above: float = 0.0) -> Resources:
        """Those of the encoder, if weights of fewer steps than `above` were 0."""
        return Resources.of(
            [layer.integers(above) for layer in self.layers], [layer.input_total for layer in self.layers]
        )

    @property
    def is_kept(self) -> bool:
        """Whether the encoder is within the budget."""
        return self.resources().luts <= self.luts

    def loss(self, own: Tensor) -> Tensor:
        """The loss with what bit operations cost; `own` is that of the data."""
        if not self.pressing:
            return own
        total = sum((layer.bit_operations() for layer in self.layers[1:]), self.layers[0].bit_operations())
        if self.weight is None:
            self.weight = SHARE * abs(float(own.detach())) / max(1.0, float(total.detach()))
        return own + self.weight * total

    def after(self, step: int, done: float) -> None:
        """Prune, if it is time to, when this part of the training is done."""
        if step % EVERY or done < START:
            return
        self.pressing = not self.is_kept
        part = min(1.0, (done - START) / (END - START))
        allowed = self.luts + max(0.0, self.begun - self.luts) * (1 - part) ** 3
        if self.resources().luts <= allowed:
            return
        low, high = 0.0, float(max(layer.limit for layer in self.layers) + 1)
        for _ in range(SEARCHES):
            middle = (low + high) / 2
            low, high = (low, middle) if self.resources(middle).luts <= allowed else (middle, high)
        for layer in self.layers:
            layer.prune(high)
