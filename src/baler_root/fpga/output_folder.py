"""`new_folder`: writes an output folder completely or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baler_root.errors import OutputError


@contextmanager
def new_folder(
    path: Path, overwrite: bool, marker: str = "spec.json", content: str = "firmware"
) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `path` at the end, or removed after an error.

    An existing folder is replaced only if it is empty or has the file `marker`; `content` is what messages
    call it. Raises OutputError.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: is a file; name a folder")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; use --overwrite (overwrite=True) to replace it")
    if path.exists() and any(path.iterdir()) and not (path / marker).is_file():
        raise OutputError(
            f"{path}: is no folder of {content} (it has no {marker}) and is not replaced; name another"
        )
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.mkdir()
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
