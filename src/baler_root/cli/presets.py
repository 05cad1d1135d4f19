"""`baler-root presets`."""

from __future__ import annotations

from typing import Annotated

import typer

from baler_root.cli.common import Json, echo, print_json, user_errors
from baler_root.compression.rules.presets import PRESETS, Preset
from baler_root.errors import ConfigError


def presets(
    name: Annotated[
        str | None, typer.Argument(help="A preset; without it, all are shown.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the presets with their bounds, reasons and public sources.

    baler-root presets
    baler-root presets nanoaod
    baler-root compress nano.root nano.baler --preset nanoaod \\
        --branch 'Muon_*=lossless'
    """
    with user_errors():
        if name is not None and name not in PRESETS:
            raise ConfigError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
        chosen = PRESETS if name is None else {name: PRESETS[name]}
        if as_json:
            print_json(chosen)
            return
        echo("\n\n".join(_page(*item) for item in chosen.items()))


def _page(name: str, preset: Preset) -> str:
    """The text on one preset."""
    import textwrap

    lines = [f"{name}: {preset.summary}", f"  floating-point branches: {preset.default}"]
    by_bound: dict[str, list[str]] = {}
    for pattern, bound in preset.rules:
        by_bound.setdefault(bound, []).append(pattern)
    lines += textwrap.wrap(
        "; ".join(f"{' '.join(p)}: {b}" for b, p in by_bound.items()),
        108,
        initial_indent="  ",
        subsequent_indent="    ",
    )
    lines += textwrap.wrap(preset.why, 108, initial_indent="  ", subsequent_indent="  ")
    lines += [f"  source: {source}" for source in preset.sources]
    return "\n".join(lines)
