"""Models that the pages of a file name, in the file itself or in `.balermodel` files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TypeAlias

from baler_root.errors import BalerError, MissingModelError
from baler_root.format.container.model_references import DetachedModel
from baler_root.format.container.read import Container, open_container

VARIABLE = "BALER_ROOT_MODELS"
"""Environment variable: folders in which models are looked for, separated as in PATH."""


SUFFIX = ".balermodel"


Places: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None"
"""`.balermodel` files, or folders of them."""


class ModelStore(Mapping[bytes, bytes]):
    """Models by their SHA-256, read when they are first used; a missing one raises MissingModelError then."""

    def __init__(
        self,
        included: Mapping[bytes, bytes],
        detached: Sequence[DetachedModel],
        location: str,
        places: Places = None,
    ) -> None:
        """`included` are the models in the file at the path or URL `location`; `places` are searched
        first."""
        self._included = dict(included)
        self.detached = {model.digest: model for model in detached if model.digest not in self._included}
        self._location = location
        self._places = _paths(places)
        self._opened: dict[bytes, tuple[str, bytes]] = {}
        self._lock = Lock()

    @classmethod
    def of(cls, container: Container, places: Places = None) -> ModelStore:
        """The models of an open file."""
        return cls(container.read_models(), container.manifest.detached, container.name, places)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._included
        yield from self.detached

    def __len__(self) -> int:
        return len(self._included) + len(self.detached)

    def __getitem__(self, digest: bytes) -> bytes:
        return self._included[digest] if digest in self._included else self.find(digest)[1]

    def find(self, digest: bytes) -> tuple[str, bytes]:
        """Place and bytes of a detached model; raises MissingModelError."""
        with self._lock:
            if digest not in self._opened:
                self._opened[digest] = self._search(self.detached[digest])
            return self._opened[digest]

    def references(self, target: Path) -> tuple[DetachedModel, ...]:
        """References to detached models for a file at `target`: to where they were found, or as before."""
        return tuple(
            replace(model, file=hint_of(self._opened[digest][0], target))
            if digest in self._opened
            else moved(model, self._location, target)
            for digest, model in self.detached.items()
        )

    def _search(self, reference: DetachedModel) -> tuple[str, bytes]:
        tried: list[str] = []
        for place in self._candidates(reference):
            try:
                models = read_models(place)
            except FileNotFoundError:
                tried.append(f"{place} (not there)")
                continue
            except (BalerError, OSError) as error:
                tried.append(f"{place} (cannot be read: {error})")
                continue
            if reference.digest in models:
                return place, models[reference.digest]
            digests = ", ".join(f"{digest.hex()[:12]}…" for digest in models) or "none"
            tried.append(f"{place} (holds another model: {digests})")
        name = PurePosixPath(reference.file).name or f"a {SUFFIX} file"
        places = "; ".join(tried) or "no place is known"
        raise MissingModelError(
            f"needs the model {reference.digest.hex()} of {name}, which was not found. Looked at: {places}. "
            f"Put {name} beside the file, or name it with --model (models=...) or its folder in {VARIABLE}"
        )

    def _candidates(self, reference: DetachedModel) -> Iterator[str]:
        """Paths and URLs to search for a model, each once."""
        name = PurePosixPath(reference.file).name
        candidates: list[str] = []
        for place in self._places:
            candidates += (
                sorted(map(str, Path(place).glob(f"*{SUFFIX}"))) if Path(place).is_dir() else [place]
            )
        hints = [hint for hint in (name, reference.file) if _is_near(hint)]
        if "://" in self._location:
            candidates += [f"{self._location.rpartition('/')[0]}/{name}"] if hints else []
        elif not self._location.startswith("<"):
            candidates += [os.path.normpath(Path(self._location).parent / hint) for hint in hints]
        folders = [folder for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
        candidates += [str(Path(folder) / name) for folder in folders if hints]
        yield from dict.fromkeys(candidates)


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


def moved(model: DetachedModel, source: str, target: Path) -> DetachedModel:
    """A reference of the file `source`, for a file at `target`."""
    if "://" in source or source.startswith("<") or "\0" in model.file:
        return model
    return replace(model, file=hint_of(os.path.normpath(Path(source).parent / model.file), target))


def _is_near(hint: str) -> bool:
    """Whether a hint is a path that a writer may give: a file must not send readers just anywhere."""
    parts = PurePosixPath(hint).parts
    return bool(parts) and not set("\0\\:") & set(hint) and parts[0] != "/" and ".." not in parts[1:]


def _paths(places: Places) -> list[str]:
    if places is None:
        return []
    if isinstance(places, str | os.PathLike):
        return [os.fspath(places)]
    return [os.fspath(place) for place in places]
