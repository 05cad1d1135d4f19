"""`baler-root inspect`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from baler_root.cli.common import Json, Models, console, count_text, print_json, size_text, user_errors

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


WIRE = ("lost", "damaged", "repeated", "reordered", "late", "raw", "saturated")
"""Counts of events that `inspect` prints for a file decoded from a stream."""


def inspect(
    file: Annotated[
        str, typer.Argument(metavar="FILE", show_default=False, help="A .baler or .balermodel file or URL.")
    ],
    by_size: Annotated[
        bool, typer.Option("--by-size", help="Sort branches by size, the largest first.")
    ] = False,
    model: Models = None,
    as_json: Json = False,
) -> None:
    """Show the contents of a file without decoding it: schema, bounds, errors, sizes of all parts, models.

    baler-root inspect events.baler
    baler-root inspect events.baler --by-size | head -40
    baler-root inspect events.baler --json | jq '.trees[].branches[].path'
    baler-root inspect higgs.balermodel
    """
    from baler_root.api.inspect import inspect as run

    with user_errors():
        document = run(file, models=model)
        if as_json:
            print_json(document)
            return
        output = console()
        for part in _report(document, by_size):
            output.print(part)


def _report(document: dict[str, Any], by_size: bool) -> Iterator[RenderableType]:
    from rich.text import Text

    from baler_root.cli.models import model_report

    yield Text(document["path"], style="bold")
    parts = sorted(document["parts"].items(), key=lambda part: -part[1])
    yield Text(
        f"  {size_text(document['size'])}: " + " · ".join(f"{name} {size_text(size)}" for name, size in parts)
    )
    yield Text(f"  format {document['format']}, codecs: {', '.join(document['codecs'])}")
    for line in _origin(document["provenance"]):
        yield Text(f"  {line}")
    for entry in document["objects"]:
        title = f"  {entry['title']!r}" if entry["title"] else ""
        yield Text(f"  object {entry['path']};{entry['cycle']}: {entry['classname']}{title}")
    for model in document["models"]:
        yield Text("")
        yield from model_report(model)
    for tree in document["trees"]:
        yield Text("")
        yield from _tree(tree, document["size"], by_size)


def _origin(provenance: dict[str, Any]) -> Iterator[str]:
    """Lines on the source of the data, and on how the file was made.

    Provenance is written for people; readers must take any value in it.
    """
    source = _dict(provenance.get("source"))
    if source:
        digest = source.get("digest")
        yield f"from {_named_size(source)}" + (f", {str(digest)[:23]}…" if digest else "")
    for learned in _list(provenance.get("sources")):
        yield f"learned from {_named_size(_dict(learned))}"
    if provenance.get("model"):
        yield f"models of {provenance['model']}"
    if wire := _dict(provenance.get("wire")):
        yield f"{wire.get('note')}; stream {wire.get('stream')} of the encoder {str(wire.get('model'))[:12]}…"
        run = wire.get("run")
        yield (
            f"events of the run: {'unknown' if run is None else run}, here {wire.get('events')}, "
            + (", ".join(f"{wire.get(name)} {name}" for name in WIRE) + "; see the tree wire_incidents")
        )
    if "rules" in provenance:
        yield f"rules {json.dumps(provenance['rules'], ensure_ascii=False)}"
    if versions := _dict(provenance.get("versions")):
        yield "made with " + ", ".join(f"{name} {version}" for name, version in versions.items())
    for skipped in _list(provenance.get("skipped")):
        yield f"left out: {': '.join(map(str, _list(skipped))) or skipped}"


def _named_size(source: dict[str, Any]) -> str:
    """Name of a source, with its size if that is known."""
    size = source.get("size")
    return f"{source.get('name')}" + (f" ({size_text(size)})" if type(size) is int else "")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _tree(tree: dict[str, Any], total: int, by_size: bool) -> Iterator[RenderableType]:
    from rich.text import Text

    from baler_root.cli.compression_report import grouped_causes

    title = f" {tree['title']!r}" if tree["title"] else ""
    clusters = count_text(len(tree["clusters"]), "cluster")
    entries = count_text(tree["num_entries"], "entry", "entries")
    head = f"{tree['kind']} {tree['path']};{tree['cycle']}"
    yield Text.assemble(
        (head, "bold"), f"{title}: {entries} in {clusters}, {count_text(tree['pages'], 'page')}"
    )
    tables = ", ".join(
        f"{table['name']} ({count_text(table['columns'], 'column')})" for table in tree["tables"]
    )
    yield Text(f"  tables: {tables}")
    for table in tree["tables"]:
        if "latents" in table:
            yield Text(f"  latents of {table['name']}: {_latents(table['latents'])}")
    for relation in sorted(tree["relations"], key=lambda relation: -relation["saved"]):
        yield Text(f"  relation {relation['text']}: about {size_text(relation['saved'])} saved")
    for name, expression in tree["aliases"].items():
        yield Text(f"  alias {name} = {expression}")
    if tree["weight"] != 1.0:
        yield Text(f"  weight {tree['weight']:g}")
    if tree["members"]:
        yield Text(f"  carried besides branches: {', '.join(tree['members'])}")
    raw = [(branch["path"], branch["raw"]) for branch in tree["branches"] if "raw" in branch]
    if raw:
        yield Text(f"  raw, as the bytes that ROOT stored: {grouped_causes(raw)}")
    yield _branches(tree["branches"], total, by_size)


def _latents(table: dict[str, Any]) -> str:
    """Number of rows with latents in a table, and the bytes of each part."""
    names = {
        "latents": "latents",
        "residual": "residual",
        "missed": f"{count_text(table['missed'], 'row')} that they miss",
        "outlier_rows": f"{count_text(table['outlier_rows'], 'outlier row')} with scores",
        "low_bits": "low bits of exact floats",
        "rest": "other columns",
        "models": count_text(len(table["models"]), "model"),
    }
    sizes = [
        f"{name} {size_text(table['parts'][part])}" for part, name in names.items() if table["parts"][part]
    ]
    return f"{count_text(table['rows'], 'row')}: " + " · ".join(sizes)


def _error(largest: float) -> str:
    """The largest error as text."""
    return "unknown" if math.isnan(largest) else f"{largest:.2e}"


def _branches(branches: list[dict[str, Any]], total: int, by_size: bool) -> Table:
    from rich.text import Text

    from baler_root.cli.tables import plain_table, short_type

    table = plain_table()
    for name in ("branch", "type", "bound", "reason"):
        table.add_column(name, overflow="fold" if name == "branch" else "ellipsis", no_wrap=name != "branch")
    for name in ("size", "of file", "of memory", "largest error", "outliers"):
        table.add_column(name, justify="right", no_wrap=True)
    for branch in sorted(branches, key=lambda b: -b.get("size", 0)) if by_size else branches:
        cells = [Text(branch["path"]), Text(short_type(branch["typename"]))]
        if "missing" in branch:
            table.add_row(*cells, "left out", Text(branch["missing"]))
        elif "bound" not in branch:
            table.add_row(*cells)
        else:
            exact = branch["bound"] == "lossless"
            table.add_row(
                *cells,
                branch["bound"],
                Text(branch["reason"]),
                size_text(branch["size"]),
                f"{branch['size'] / total:.1%}",
                f"{branch['size'] / branch['raw_size']:.1%}" if branch["raw_size"] else "",
                "0" if exact else _error(branch["max_error"]),
                "" if exact else str(branch["outliers"]),
            )
    return table
