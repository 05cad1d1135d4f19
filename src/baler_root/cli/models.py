"""Report of a model for `inspect`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from baler_root.cli.common import count_text, size_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


_TRAINING: dict[str, Callable[[Any], str]] = {
    "rows": lambda rows: count_text(rows, "row") if type(rows) is int else f"{rows} rows",
    "steps": lambda steps: count_text(steps, "step") if type(steps) is int else f"{steps} steps",
    "level": lambda level: f"level {level}",
    "seed": lambda seed: f"seed {seed}",
}


def model_report(model: dict[str, Any]) -> Iterator[RenderableType]:
    """The report of one model in the result of `inspect`: its place, its training, and its networks by
    column."""
    from rich.text import Text

    tree = f" of tree {model['tree']}" if "tree" in model else ""
    yield Text.assemble((f"model {model['sha256']}", "bold"), tree)
    if "file" in model:
        location = f"found at {model['found']}" if model.get("found") else f"missing: {model['problem']}"
        yield Text(f"  not in this file but in {model['file']}, {size_text(model['size'])}; {location}")
    if "architecture" not in model:
        return
    parameters = sum(network["weights"] + network["biases"] for network in model["architecture"])
    learned = [f"{count_text(model['networks'], 'network')} of {count_text(parameters, 'parameter')}"]
    learned = learned * bool(model["networks"]) + [
        f"histograms of {count_text(model['histograms'], 'column')}"
    ] * bool(model["histograms"])
    columns = count_text(model["columns"], "column")
    if "encoder" in model:
        size = f"{count_text(model['latents'], 'latent')}, {count_text(model['weights'], 'parameter')}"
        learned = [f"{model['codec']} of {size}, residual {model['residual']}"]
    yield Text(f"  {size_text(model['size'])} for {columns}: {' and '.join(learned)}")
    for part in ("encoder", "decoder"):
        if part in model:
            yield Text(f"  {part} {model[part]}")
    if model.get("outlier_rows"):
        yield Text(
            f"  rows further than {model['outlier_rows']['threshold']:.3g} standard deviations from "
            f"{count_text(model['outlier_rows']['clusters'], 'cluster')} of latents are kept exactly"
        )
    settings = [
        describe(model[name])
        for name, describe in _TRAINING.items()
        if isinstance(model.get(name), int | float | str)
    ]
    if settings:
        yield Text(f"  learned from {', '.join(settings)}")
    history = model.get("history")
    if isinstance(history, list) and history and all(_is_pair(point) for point in history):
        points = " → ".join(f"{bits} (step {step})" for step, bits in history)
        columns_text = "all columns" if "encoder" in model else "the columns with networks"
        yield Text(f"  bits per row of {columns_text}, on rows not used for training: {points}")
    masses = model.get("masses")
    for mass in masses if isinstance(masses, list) else ():
        if isinstance(mass, dict) and isinstance(mass.get("branches"), list):
            branches = ", ".join(map(str, mass["branches"]))
            yield Text(
                f"  also trained to preserve a mass: {branches} ({mass.get('bits')} bits if it were a column)"
            )
    yield _columns(model["architecture"], latents="encoder" in model)


def _is_pair(point: Any) -> bool:
    """Whether a note on the training is a pair, such as bits and step."""
    return isinstance(point, list | tuple) and len(point) == 2


def _columns(networks: list[dict[str, Any]], latents: bool) -> Table:
    from rich.text import Text

    from baler_root.cli.tables import plain_table

    bounds = any("bound" in network for network in networks)
    table = plain_table()
    table.add_column("column", overflow="fold")
    for name in ("type", "bound") if bounds else ():
        table.add_column(name, no_wrap=True)
    table.add_column("symbols", justify="right", no_wrap=True)
    if latents:
        table.add_column("axis", no_wrap=True)
    else:
        for name in ("layers", "parameters"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("depends on", overflow="fold")
    for network in networks:
        cells = [Text(network["column"])]
        if bounds:
            cells += [Text(network.get("dtype", "")), Text(network.get("bound", ""))]
        cells.append(Text(str(network["symbols"])))
        if latents:
            table.add_row(*cells, network["axis"])
            continue
        layers = network["layers"]
        table.add_row(
            *cells,
            "→".join(map(str, layers)) if layers else _lighter(network["histograms"]),
            str(network["weights"] + network["biases"]) if layers else "",
            Text(", ".join(network["parents"])),
        )
    return table


def _lighter(contexts: int) -> str:
    return count_text(contexts, "histogram") if contexts else "none"
