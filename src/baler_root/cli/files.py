"""Input and output files of commands: globs, and the output for each input."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from baler_root.errors import ConfigError, OutputError, SourceError


def plan_files(inputs: Sequence[str], output: str) -> list[tuple[str, str]]:
    """(source, target) of each file; raises ConfigError, SourceError or OutputError before any work is
    done."""
    sources = [source for text in inputs for source in expand(text)]
    folder = Path(output)
    if len(sources) == 1 and not folder.is_dir() and not output.endswith(("/", os.sep)):
        targets = [output]
    else:
        if not folder.is_dir():
            raise OutputError(
                f"{output}: no such folder; {'several inputs need one' if len(sources) > 1 else 'create it first'}"
            )
        targets = [
            str(folder / (PurePosixPath(source.replace(os.sep, "/")).stem + ".baler")) for source in sources
        ]
    for number, (source, target) in enumerate(zip(sources, targets, strict=True)):
        if target in targets[:number]:
            first = sources[targets.index(target)]
            raise ConfigError(
                f"{first} and {source} would both become {target}; compress them into different folders"
            )
        if Path(source).exists() and Path(target).exists() and Path(source).samefile(target):
            raise ConfigError(f"{source}: input and output are the same file; the input is never changed")
    return list(zip(sources, targets, strict=True))


def expand(text: str) -> list[str]:
    """The files that match a glob, sorted; the text itself if it is not a glob. Raises SourceError if none
    match."""
    if "://" in text or not glob.has_magic(text) or Path(text).exists():
        return [text]
    paths = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - it may be absolute
    if not paths:
        raise SourceError(f"{text}: no file matches")
    return paths
