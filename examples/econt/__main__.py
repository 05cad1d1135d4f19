"""Make the sample, train, build firmware, send, decode, and compare with other uses of the same bits."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import uproot

from baler_root.fpga.encoder import EncoderDefinition
from baler_root.training.hardware.budget import HardwareBudget
from baler_root.training.hardware.limits import HardwareLimits
from examples import steps
from examples.econt import geometry, physics, rivals, sample

LATENTS, LEVELS = 16, 4

HARDWARE = HardwareLimits(
    hidden=(24,), weight_bits=(4,), budget=HardwareBudget(luts=8000, latency_cycles=5, adder_levels=LEVELS)
)


def main() -> None:
    """Run the example."""
    parser = steps.arguments(__doc__, "econt-example")
    parser.add_argument("--events", type=int, default=800, help="events of each kind from Pythia")
    parser.add_argument(
        "--rows", type=int, default=40_000, help="rows to learn from; 10 000 others are measured"
    )
    parser.add_argument("--latent-bits", type=int, default=6, help="bits of each latent")
    arguments = parser.parse_args()
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    train, test, model = folder / "train.root", folder / "test.root", folder / "econt.balermodel"
    if not test.exists():
        library = sample.Library.make(arguments.events, arguments.seed)
        for path, rows, seed in ((train, arguments.rows, 1), (test, 10_000, 2)):
            sample.write(path, sample.modules(library, rows, np.random.default_rng([arguments.seed, seed])))
    hardware = replace(HARDWARE, latent_bits=arguments.latent_bits)
    steps.learn(train, model, "Modules", LATENTS, hardware, arguments.seconds, seed=arguments.seed)
    if not arguments.no_build:
        steps.firmware(model, test, folder / "firmware", levels=LEVELS)
    names = [f"tc_{n:02d}" for n in range(geometry.CELLS)]
    decoded = steps.through_wire(model, test, folder, "Modules", names)
    with uproot.open(test) as file:
        cells, truth = file["Modules"].arrays(library="np"), file["Truth"].arrays(library="np")
    codes = np.stack([cells[name] for name in names], axis=1).astype(np.int64)
    decoded_codes = np.stack([decoded[name] for name in names], axis=1).astype(np.int64)
    bits = EncoderDefinition.from_model(model).latent_bits
    # All methods also send the sum, in 7 bits.
    exact, total = sample.mips_of(codes), rivals.sums(codes)
    methods = {
        f"all {geometry.CELLS} cells, 7 bits ({7 * geometry.CELLS} bits)": (exact, exact.sum(axis=1)),
        f"{LATENTS} latents ({bits} bits)": (rivals.scaled(sample.mips_of(decoded_codes), total), total),
        f"threshold and best choice ({bits} bits)": (rivals.best_choice(codes, bits), total),
        f"truncation ({bits} bits)": (rivals.scaled(rivals.truncated(codes, bits), total), total),
    }
    result = physics.measure(methods, truth)
    result["occupancy"] = float((codes > 0).mean())
    (folder / "physics.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    physics.draw(result, folder / "econt.png")
    for name, measured in result["methods"].items():
        print(name, *(f"{key}: {value}" for key, value in measured.items()), sep="\n  ")


if __name__ == "__main__":
    main()
