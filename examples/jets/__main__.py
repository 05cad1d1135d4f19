"""Train an encoder of jets for firmware and one for software; build firmware, decode, compare."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from baler_root.fpga.explore.fidelity import LatentFidelity, decoded_codes
from baler_root.fpga.front_end import read_rows
from baler_root.fpga.link import Link
from baler_root.training.hardware.budget import HardwareBudget
from baler_root.training.hardware.limits import HardwareLimits
from examples import steps
from examples.jets import physics

LATENTS, LEVELS = 14, 3

HIDDEN: tuple[int, ...] = ()
"""No hidden layer: in a training of one minute it makes the result worse (docs/guide/firmware.md)."""

FIRMWARE = HardwareLimits(
    hidden=HIDDEN,
    weight_bits=(7,),
    input_bits=10,
    budget=HardwareBudget(luts=10_000, latency_cycles=12, adder_levels=LEVELS),
)

SOFTWARE = HardwareLimits(hidden=HIDDEN, weight_bits=(8,), activation_bits=(10,), input_bits=12)
"""Network with the codec's default bit widths."""


def main() -> None:
    """Run the example."""
    parser = steps.arguments(__doc__, "jets-example")
    parser.add_argument("data", type=Path, help="pythia_jets_365k.root, or a file with the same branches")
    arguments = parser.parse_args()
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    model, reference = folder / "jets.balermodel", folder / "software.balermodel"
    options = {"seed": arguments.seed, "independent": ("*",)}
    steps.learn(arguments.data, reference, "Events", LATENTS, SOFTWARE, arguments.seconds, **options)
    steps.learn(arguments.data, model, "Events", LATENTS, FIRMWARE, arguments.seconds, **options)
    errors = {
        path.stem: LatentFidelity.of(Link.open(path), arguments.data).error for path in (reference, model)
    }
    print(errors, f"firmware / software: {errors['jets'] / errors['software']:.3f}")
    if not arguments.no_build:
        steps.firmware(model, arguments.data, folder / "firmware", levels=LEVELS)
    link = Link.open(model)
    rows = next(read_rows(link, arguments.data))
    bits = link.definition.latent_bits
    methods = {
        f"{LATENTS} latents ({bits} bits)": decoded_codes(link, rows.codes),
        f"truncation ({bits} bits)": physics.truncated(rows.unrounded, bits),
        f"first {bits // physics.FULL_BITS} columns ({bits} bits)": physics.best_columns(
            rows.unrounded, bits
        ),
    }
    result = {"errors": errors, "methods": physics.measure(methods, link, rows.unrounded)}
    (folder / "physics.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    physics.draw(methods, link, np.asarray(rows.unrounded), folder / "jets.png")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
