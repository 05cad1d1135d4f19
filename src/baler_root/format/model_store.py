"""Models that the pages of a file name, in the file itself or in `.balermodel` files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TypeAlias

from baler_root.errors import BalerError, MissingModelError
from baler_root.format.container.read import Container, open_container
from baler_root.format.container.references import Detached

VARIABLE = "BALER_ROOT_MODELS"
"""Environment variable: folders in which models are looked for, separated as in PATH."""


SUFFIX = ".balermodel"


Places: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None"
"""`.balermodel` files, or folders of them."""


class ModelStore(Mapping[bytes, bytes]):
    """Models by their SHA-256, read when they are first used; a missing one raises MissingModelError then."""

    def __init__(
        self, own: Mapping[bytes, bytes], detached: Sequence[Detached], beside: str, places: Places = None
    ) -> None:
        """`own` are the models in the file at the path or URL `beside`; `places` are searched first."""
        self._own = dict(own)
        self.detached = {model.digest: model for model in detached if model.digest not in self._own}
        self._beside = beside
        self._places = _listed(places)
        self._found: dict[bytes, tuple[str, bytes]] = {}
        self._lock = Lock()

    @classmethod
    def of(cls, container: Container, places: Places = None) -> ModelStore:
        """The models of an open file."""
        return cls(container.read_models(), container.manifest.detached, container.name, places)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._own
        yield from self.detached

    def __len__(self) -> int:
        return len(self._own) + len(self.detached)

    def __getitem__(self, digest: bytes) -> bytes:
        return self._own[digest] if digest in self._own else self.find(digest)[1]

    def find(self, digest: bytes) -> tuple[str, bytes]:
        """Place and bytes of a detached model; raises MissingModelError."""
        with self._lock:
            if digest not in self._found:
                self._found[digest] = self._search(self.detached[digest])
            return self._found[digest]

    def references(self, target: Path) -> tuple[Detached, ...]:
        """References to detached models for a file at `target`: to where they were found, or as before."""
        return tuple(
            replace(model, file=hint_of(self._found[digest][0], target))
            if digest in self._found
            else moved(model, self._beside, target)
            for digest, model in self.detached.items()
        )

    def _search(self, wanted: Detached) -> tuple[str, bytes]:
        tried: list[str] = []
        for place in self._candidates(wanted):
            try:
                models = read_models(place)
            except FileNotFoundError:
                tried.append(f"{place} (not there)")
                continue
            except (BalerError, OSError) as error:
                tried.append(f"{place} (cannot be read: {error})")
                continue
            if wanted.digest in models:
                return place, models[wanted.digest]
            others = ", ".join(f"{digest.hex()[:12]}…" for digest in models) or "none"
            tried.append(f"{place} (holds another model: {others})")
        name = PurePosixPath(wanted.file).name or f"a {SUFFIX} file"
        where = "; ".join(tried) or "no place is known"
        raise MissingModelError(
            f"needs the model {wanted.digest.hex()} of {name}, which was not found. Looked at: {where}. "
            f"Put {name} beside the file, or name it with --model (models=...) or its folder in {VARIABLE}"
        )

    def _candidates(self, wanted: Detached) -> Iterator[str]:
        """Paths and URLs to search for a model, each once."""
        name = PurePosixPath(wanted.file).name
        out: list[str] = []
        for place in self._places:
            out += sorted(map(str, Path(place).glob(f"*{SUFFIX}"))) if Path(place).is_dir() else [place]
        hints = [hint for hint in (name, wanted.file) if _is_near(hint)]
        if "://" in self._beside:
            out += [f"{self._beside.rpartition('/')[0]}/{name}"] if hints else []
        elif not self._beside.startswith("<"):
            out += [os.path.normpath(Path(self._beside).parent / hint) for hint in hints]
        folders = [folder for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
        out += [str(Path(folder) / name) for folder in folders if hints]
        yield from dict.fromkeys(out)


def read_models(place: str) -> dict[bytes, bytes]:
    """The models in a file, by their SHA-256; raises FileNotFoundError, or what opening a file raises."""
    if "://" not in place and not Path(place).is_file():
        raise FileNotFoundError(place)
    with open_container(place) as container:
        return container.read_models()


def hint_of(model: str, target: Path) -> str:
    """Path of `model` from the folder of `target`; only its name if that climbs more than one folder."""
    name = model.replace(os.sep, "/").rpartition("/")[2]
    if "://" in model:
        return name
    try:
        path = Path(os.path.relpath(model, target.parent)).as_posix()
    except ValueError:  # another drive
        return name
    return name if path.startswith("../..") or Path(path).is_absolute() else path


def moved(model: Detached, source: str, target: Path) -> Detached:
    """A reference of the file `source`, for a file at `target`."""
    if "://" in source or source.startswith("<") or "\0" in model.file:
        return model
    return replace(model, file=hint_of(os.path.normpath(Path(source).parent / model.file), target))


def _is_near(hint: str) -> bool:
    """Whether a hint is a path that a writer may give: a file must not send readers just anywhere."""
    parts = PurePosixPath(hint).parts
    return bool(parts) and not set("\0\\:") & set(hint) and parts[0] != "/" and ".." not in parts[1:]


def _listed(places: Places) -> list[str]:
    if places is None:
        return []
    if isinstance(places, str | os.PathLike):
        return [os.fspath(places)]
    return [os.fspath(place) for place in places]
