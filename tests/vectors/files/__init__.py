"""Golden files that readers must read, by name: one function each, whose docstring goes into the sidecar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.vectors.files import codecs, container, latents, models, pages, predictions, relations
from tests.vectors.source import Made

GOOD: dict[str, Callable[[Path], Made]] = {
    function.__name__: function
    for function in (
        *(pages.integers, pages.floats, pages.relative, pages.absolute, pages.mantissa, pages.jagged),
        *(pages.fixed, pages.records, pages.lattice),
        *(codecs.frames, codecs.transforms, codecs.pco, codecs.grids),
        *(container.clusters, container.trees, container.schema, container.empty, container.ttree),
        *(container.objects, container.raw, container.rntuple, container.merged),
        *(relations.sums, relations.formulas, relations.directions, relations.masses),
        *(relations.keyed_masses, relations.lookups),
        predictions.derived,
        *(models.conditional, models.blocks, models.histograms, models.detached, models.lists),
        models.mixing,
        *(latents.autoencoder, latents.autoencoder_alone, latents.autoencoder_lists),
        *(latents.transformer, latents.convolutional),
    )
}
