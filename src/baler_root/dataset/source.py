"""Protocols of an open file: schema of each tree, and arrays by branch and range of entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from baler_root.format.schema import Tree

if TYPE_CHECKING:
    import awkward as ak


class LatentSource(Protocol):
    """Latents and outlier rows of the tables of a tree."""

    @property
    def names(self) -> Sequence[str]:
        """The tables with latents."""

    def latents(self, name: str | None, start: int, stop: int) -> ak.Array:
        """Latents of a table in the entries `start` to `stop`: integers, (entries, latents).

        A table of lists gives (entries, items, latents).
        """

    def outliers(self, name: str | None, start: int, stop: int) -> ak.Array:
        """Records of the outlier rows in these entries: stored exactly, as they are unlike others."""


class TreeSource(Protocol):
    """One tree: its schema, and its arrays."""

    @property
    def schema(self) -> Tree:
        """Branches in order."""

    @property
    def cluster_offsets(self) -> Sequence[int]:
        """Entry numbers at which clusters start: `[0, n1, ..., num_entries]`."""

    @property
    def latents(self) -> LatentSource:
        """Latents and outlier rows of its tables."""

    def read(self, branches: Sequence[int], start: int, stop: int) -> dict[int, ak.Array]:
        """Entries `start` to `stop` of stored branches, by position; touches only the pages they need."""

    def entry_size(self, branch: int) -> float:
        """Mean bytes in memory per entry of one stored branch."""


class ObjectEntry(Protocol):
    """An object carried along that is not a tree."""

    @property
    def path(self) -> str:
        """Path in the file, without cycle."""

    @property
    def cycle(self) -> int:
        """ROOT's cycle number."""

    @property
    def classname(self) -> str:
        """C++ class (`TH1F`)."""

    @property
    def title(self) -> str:
        """ROOT title."""


class FileSource(Protocol):
    """One open file."""

    @property
    def path(self) -> str:
        """Path or URL that was opened."""

    @property
    def digest(self) -> str:
        """Digest of the contents: another one for every other file."""

    @property
    def trees(self) -> Sequence[TreeSource]:
        """Trees, every cycle."""

    @property
    def objects(self) -> Sequence[ObjectEntry]:
        """Everything that is not a tree."""

    @property
    def directories(self) -> Sequence[str]:
        """Paths of the directories."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Provenance: the source of the data, and how it was compressed."""

    def objects_directory(self) -> Any:
        """uproot's directory of the carried objects."""

    def close(self) -> None:
        """Release the file."""
