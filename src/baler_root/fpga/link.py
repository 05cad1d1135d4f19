"""What both ends of a wire share: a model, the integers of its encoder, and the packets that these fill."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError
from baler_root.format.codecs.latent.model import LATENT_LIMIT, AutoencoderModel
from baler_root.format.model_file import StoredModel, read_model_file
from baler_root.format.networks.program import Program
from baler_root.fpga.encoder import Definition
from baler_root.fpga.wire.packets import Layout


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A model as both ends of a wire have it."""

    stored: StoredModel
    model: AutoencoderModel
    """The one in `stored`."""
    definition: Definition
    layout: Layout
    encoder: Program
    """`definition` as the codec computes it: behind what rounds the codes of columns, if anything does."""

    @classmethod
    def open(cls, path: str | os.PathLike[str], tree: str | None = None) -> Self:
        """That of a `.balermodel` file; `tree` says of which tree if there are several.

        Raises ConfigError for a model whose encoder cannot be firmware, FormatError and SourceError for a file that
        cannot be read.
        """
        digest = Definition.from_model(path, tree).digest
        file = read_model_file(path)
        return cls.of(next(stored for stored in file.models if stored.trained.digest == digest))

    @classmethod
    def of(cls, stored: StoredModel) -> Self:
        """That of one model; raises ConfigError as `open` does."""
        definition = Definition.of(stored)
        if not isinstance(stored.model, AutoencoderModel):
            raise ConfigError("the model stores no latents")
        program, one = stored.model.encoder, definition.input
        behind = program.operations[-len(definition.layers) :]
        encoder = Program(behind, program.inputs, one.low, one.high)
        return cls(stored, stored.model, definition, Layout.of(definition), encoder)

    def latents(self, codes: NDArray[np.integer]) -> NDArray[np.int32]:
        """What the encoder makes of input codes, (rows, latents): what `definition` does, and the codec, only sooner."""
        return np.clip(self.encoder(codes), -LATENT_LIMIT, LATENT_LIMIT - 1)

    def saturated(self, latents: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Rows with a latent at a limit of the last layer."""
        limits = self.definition.output
        return np.asarray(((latents == limits.low) | (latents == limits.high)).any(axis=1))

    def alone(self, latents: NDArray[np.integer], odd: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Rows that are passed through: those that saturate, and those that a front end finds `odd`."""
        return self.saturated(latents) | odd
