"""`Link`: model, integer encoder and packet layout, which both ends of a wire share."""

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
from baler_root.fpga.encoder import EncoderDefinition
from baler_root.fpga.wire.packets import PacketLayout


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A model as both ends of a wire use it."""

    stored: StoredModel
    model: AutoencoderModel
    """The model in `stored`."""
    definition: EncoderDefinition
    layout: PacketLayout
    encoder: Program
    """Network of `definition` as the codec runs it, without a first layer that only rounds input codes."""

    @classmethod
    def open(cls, path: str | os.PathLike[str], tree: str | None = None) -> Self:
        """The link for a `.balermodel` file; `tree` chooses one of several models by its tree.

        Raises ConfigError for a model whose encoder cannot be firmware, FormatError and SourceError for a
        file that cannot be read.
        """
        digest = EncoderDefinition.from_model(path, tree).digest
        file = read_model_file(path)
        return cls.of(next(stored for stored in file.models if stored.trained.digest == digest))

    @classmethod
    def of(cls, stored: StoredModel) -> Self:
        """The link for one model; raises ConfigError if its encoder cannot be firmware."""
        definition = EncoderDefinition.of(stored)
        if not isinstance(stored.model, AutoencoderModel):
            raise ConfigError("the model stores no latents")
        program, codes = stored.model.encoder, definition.input
        layers = program.operations[-len(definition.layers) :]
        encoder = Program(layers, program.inputs, codes.low, codes.high)
        return cls(stored, stored.model, definition, PacketLayout.of(definition), encoder)

    def latents(self, codes: NDArray[np.integer]) -> NDArray[np.int32]:
        """Latents of input codes, (rows, latents): equal to `definition(codes)`, but faster."""
        return np.clip(self.encoder(codes), -LATENT_LIMIT, LATENT_LIMIT - 1)

    def saturated(self, latents: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether a latent of each row is at a limit of the last layer, (rows,)."""
        limits = self.definition.output
        return np.asarray(((latents == limits.low) | (latents == limits.high)).any(axis=1))

    def passed_through(
        self, latents: NDArray[np.integer], out_of_range: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Whether each row is sent raw: a latent saturates, or the front end found a value out of range."""
        return self.saturated(latents) | out_of_range
