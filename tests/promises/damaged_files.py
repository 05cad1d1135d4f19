"""Whole files, damaged copies of them, and checks of what is recovered from these."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root.api.recovery_report import Recovery
from baler_root.dataset.reader.file_reader import open_file
from baler_root.format.container.read import PageId, open_container
from baler_root.format.schema import Tree
from tests.conftest import jagged_columns
from tests.helpers.root_files import write_root

ENTRIES, CLUSTERS = 60, 3


Fingerprint = tuple[str, int, tuple[bytes, ...]]
"""Form, length and buffers of an array."""


FIRST_BASKET = ": first basket"


Contents = dict[str, list[dict[str, Fingerprint]]]
"""Arrays by tree, cluster and branch."""


@dataclass(frozen=True)
class Original:
    """A whole file, and what it decodes to."""

    path: Path
    data: bytes
    pages: dict[PageId, tuple[int, int]]
    """Offset and end of each page."""
    footer: int
    clusters: Contents
    """What it decodes to."""

    def spoil(self, *pages: PageId, cut: int | None = None) -> bytes:
        """The file up to `cut`, with one bit of each of these pages changed."""
        data = bytearray(self.data[:cut])
        for page in pages:
            start, stop = self.pages[page]
            data[(start + stop) // 2] ^= 1
        return bytes(data)


def compressed(path: Path, cluster_size: int, **trees: Any) -> Original:
    """A file with these trees, in small pages."""
    root = write_root(path.with_suffix(".root"), "ttree", **trees)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baler_root.compression.page_groups.SOLO_SIZE", 2000)
        patch.setattr("baler_root.compression.page_groups.GROUP_SIZE", 4000)
        baler_root.compress(root, path.with_suffix(".baler"), cluster_size=cluster_size, codec="classic")
    return original(path.with_suffix(".baler"))


def original(path: Path) -> Original:
    with open_container(path) as container:
        rows = {page: container.pages[container.page_row(page)] for page in container.page_ids()}
        pages = {page: (int(row["offset"]), int(row["offset"] + row["size"])) for page, row in rows.items()}
        footer = container.trailer.footer_offset
    return Original(path, path.read_bytes(), pages, footer, arrays(path))


def fingerprint(array: ak.Array) -> Fingerprint:
    """All bits of an array."""
    form, length, buffers = ak.to_buffers(ak.to_packed(array))
    return form.to_json(), length, tuple(buffer.tobytes() for buffer in buffers.values())


def arrays(path: Path, models: Path | None = None) -> Contents:
    result: Contents = {}
    with open_file(path, models=models) as file:
        for tree in file.trees:
            branches = tree.schema.stored()
            offsets = tree.cluster_offsets
            result[tree.schema.path] = [
                fingerprints(tree.schema, tree.read(branches, start, stop))
                for start, stop in pairwise(offsets)
            ]
    return result


def fingerprints(schema: Tree, branches: dict[int, ak.Array]) -> dict[str, Fingerprint]:
    """Bits of the branches of a cluster; of a raw one, the position of the first entry stands beside it."""
    result: dict[str, Fingerprint] = {}
    for number, values in branches.items():
        name, array = schema.path_of(number), values
        if schema.branches[number].raw and len(array):
            positions = ak.to_numpy(array["basket"]).copy()
            result[name + FIRST_BASKET] = ("", int(positions[0]), ())
            positions[0] = 0
            array = ak.with_field(array, positions, "basket")
        result[name] = fingerprint(array)
    return result


def is_part(saved: dict[str, Fingerprint], cluster: dict[str, Fingerprint]) -> bool:
    """Whether all saved values are those of the cluster; a basket may begin where one went on."""
    return all(
        cluster.get(name) == value
        or (name.endswith(FIRST_BASKET) and cluster.get(name) == ("", 0, ()) and value[1] > 0)
        for name, value in saved.items()
    )


def columns(seed: int, entries: int = ENTRIES) -> dict[str, object]:
    """Wide arrays in pages of their own, sums, copies, lists and flat columns; all differ between seeds."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 10**6, (2, entries))
    return {
        "a": a,
        "b": b,
        "sum": a + b,
        "x": rng.normal(1000.0 * seed, 1.0, entries).astype(np.float32),
        "Muon": jagged_columns(entries, seed)["Muon"],
        **{f"wide{n}": rng.random((entries, 25 + n)) for n in range(4)},
    }


def clusters_of(saved: dict[str, Fingerprint], path: str, whole: Original) -> list[int]:
    """Clusters of the whole file with all of these values."""
    return [
        number
        for number, cluster in enumerate(whole.clusters[path.partition("_part")[0]])
        if is_part(saved, cluster)
    ]


def check_saved(result: Recovery, *wholes: Original) -> None:
    """The saved file is sound, and its clusters are those of one of these files, in all of their branches."""
    assert baler_root.verify(result.target).ok
    saved = arrays(result.target)
    assert {path: len(parts) for path, parts in saved.items()} == result.clusters
    places: list[list[tuple[str, int]]] = []
    for whole in wholes:
        found = [(path, clusters_of(part, path, whole)) for path, parts in saved.items() for part in parts]
        if all(numbers for _, numbers in found):
            places.append([(path.partition("_part")[0], numbers[0]) for path, numbers in found])
    assert places, "values of several files, or of none"
    assert len(set(places[0])) == len(places[0])
    if any(loss.entries is None for loss in result.lost):
        return
    whole = next(whole for whole in wholes if places[0] == _first_match(saved, whole))
    lost = {
        (loss.tree, cluster, branch)
        for loss in result.lost
        for cluster in range(*loss.clusters)
        for branch in loss.branches or whole.clusters[loss.tree][0]
    }
    kept = {
        (path.partition("_part")[0], clusters_of(part, path, whole)[0], branch)
        for path, parts in saved.items()
        for part in parts
        for branch in part
    }
    assert not lost & kept


def _first_match(saved: Contents, whole: Original) -> list[tuple[str, int]]:
    found = [(path, clusters_of(part, path, whole)) for path, parts in saved.items() for part in parts]
    return [(path.partition("_part")[0], numbers[0]) for path, numbers in found if numbers]


def recover(data: bytes, folder: Path, **options: Any) -> Any:
    (folder / "broken.baler").write_bytes(data)
    return baler_root.recover(folder / "broken.baler", folder / "saved.baler", overwrite=True, **options)
