"""Writes the files of a report: the page, JSON with every number, and the figures as PNG and PDF."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baler_root.api.json_values import json_text
from baler_root.errors import OutputError
from baler_root.evaluation.report.page import page
from baler_root.evaluation.report.plots import plots
from baler_root.evaluation.report.results import Report
from baler_root.format.container.atomic_file import check_output


def outputs(path: Path) -> dict[str, Path]:
    """Paths of the page at `path`, of its JSON file, of the folder of figures and of that of documents."""
    return {
        "page": path,
        "json": path.with_suffix(".json"),
        "plots": path.with_name(f"{path.stem}-plots"),
        "documents": path.with_name(f"{path.stem}-documents"),
    }


def check(path: Path, overwrite: bool) -> None:
    """Raises OutputError if one of the outputs exists (without `overwrite`) or cannot be written."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{path}: the report is an HTML page; name it report.html, for example")
    for target in outputs(path).values():
        if target.is_dir() and target != path:
            if not overwrite:
                raise OutputError(f"{target}: exists; choose another name or pass --overwrite")
        else:
            check_output(target, overwrite)


def write(report: Report, path: Path, command: str, overwrite: bool) -> dict[str, Path]:
    """Writes all files in a temporary folder and moves them to their names once they are complete.

    `command` is the command line that makes the report. Returns the paths. Raises OutputError.
    """
    check(path, overwrite)
    targets = outputs(path)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as name:
        folder = Path(name)
        temporary = outputs(folder / path.name)
        figures = list(plots(report))
        temporary["plots"].mkdir()
        for figure in figures:
            figure.save(temporary["plots"])
        temporary["page"].write_text(page(report, figures, command), encoding="utf-8")
        temporary["json"].write_text(_json(report), encoding="utf-8")
        if documents := _documents(report):
            temporary["documents"].mkdir()
            for file, content in documents.items():
                (temporary["documents"] / file).write_text(_json(content), encoding="utf-8")
        for key, target in targets.items():
            if target.is_dir():
                shutil.rmtree(target)
            if temporary[key].exists():
                temporary[key].replace(target)
    return {key: target for key, target in targets.items() if target.exists()}


def _documents(report: Report) -> Mapping[str, Any]:
    """Documents of the studies, such as workspaces, by file name."""
    if report.impact is None:
        return {}
    return {
        f"{observable.name}-{side}-{name}": content
        for observable in report.impact.observables
        for side, study in (("original", observable.study_before), ("compressed", observable.study_after))
        for name, content in study.documents.items()
    }


def _json(value: Any) -> str:
    return json_text(value, properties=True, indent=1) + "\n"
