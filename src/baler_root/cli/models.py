"""What people read about a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from baler_root.cli.common import count_text, size_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_HISTORY: dict[str, Callable[[Any], str]] = {
    "rows": lambda rows: count_text(rows, "row"),
    "steps": lambda steps: count_text(steps, "step"),
    "seed": lambda seed: f"seed {seed}",
    "bits": lambda bits: f"{bits} bits per row for what has a network",
}


def model_report(model: dict[str, Any]) -> Iterator[RenderableType]:
    """One model of what `inspect` gives: where it is, how it was trained, and its networks column by column."""
    from rich.text import Text

    tree = f" of tree {model['tree']}" if "tree" in model else ""
    yield Text.assemble((f"model {model['sha256']}", "bold"), tree)
    if "file" in model:
        place = f"found at {model['found']}" if model.get("found") else f"missing: {model['problem']}"
        yield Text(f"  not in this file but in {model['file']}, {size_text(model['size'])}; {place}")
    if "architecture" not in model:
        return
    biases = sum(network["biases"] for network in model["architecture"])
    yield Text(
        f"  {size_text(model['size'])}: {count_text(model['networks'], 'network')} for "
        f"{count_text(model['columns'], 'column')}, "
        f"{count_text(model['weights'] + biases, 'parameter')} ({model['weights']} weights of 8 bits)"
    )
    told = [say(model[name]) for name, say in _HISTORY.items() if isinstance(model.get(name), int | float)]
    if told:
        yield Text(f"  trained on {', '.join(told)}")
    curve = model.get("curve")
    if isinstance(curve, list) and curve:
        yield Text(f"  bits per row of all columns while it learned: {' → '.join(map(str, curve))}")
    yield _networks(model["architecture"])


def _networks(networks: list[dict[str, Any]]) -> Table:
    from rich.text import Text

    from baler_root.cli.report import plain_table

    bounds = any("bound" in network for network in networks)
    table = plain_table()
    table.add_column("column", overflow="fold")
    for name in ("type", "bound") if bounds else ():
        table.add_column(name, no_wrap=True)
    for name in ("symbols", "layers", "parameters"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("depends on", overflow="fold")
    for network in networks:
        cells = [Text(network["column"])]
        if bounds:
            cells += [Text(network.get("dtype", "")), Text(network.get("bound", ""))]
        layers = network["layers"]
        table.add_row(
            *cells,
            str(network["symbols"]),
            "→".join(map(str, layers)) if layers else "none",
            str(network["weights"] + network["biases"]) if layers else "",
            Text(", ".join(network["parents"]) or ("nothing" if layers else "")),
        )
    return table
