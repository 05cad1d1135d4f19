"""Provenance of a file: its source, the options and the versions with which it was made."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from baler_root.compression.rules.rules import Rules
from baler_root.format.container.manifest import Json
from baler_root.rootio.source import RootSource
from baler_root.training.effort import can_train


def provenance_of(
    root: RootSource,
    rules: Rules,
    trees: Sequence[str] | None,
    codec: str,
    cluster_size: int | str,
    skipped: Sequence[tuple[str, str]],
) -> Json:
    """Provenance of a compressed file; the same for the same input and options."""
    return {
        "codec": codec,
        "cluster_size": str(cluster_size),
        "rules": rules.to_json(),
        "skipped": [list(item) for item in skipped],
        "source": {
            "digest": _digest(root.path),
            "name": Path(root.path).name,
            "size": root.size,
            "uuid": root.uuid,
        },
        "trees": None if trees is None else list(trees),
        "versions": {
            "baler_root": version("baler-root"),
            **_versions("awkward", "numpy", "pcodec", "uproot"),
        },
    }


def provenance_of_models(roots: Sequence[RootSource], rules: Rules, trees: Sequence[str] | None) -> Json:
    """Provenance of trained models; the same for the same input and options."""
    torch = ["torch"] if can_train() else []
    return {
        "rules": rules.to_json(),
        "sources": [{"name": Path(r.path).name, "size": r.size, "uuid": r.uuid} for r in roots],
        "trees": None if trees is None else list(trees),
        "versions": {"baler_root": version("baler-root"), **_versions("awkward", "numpy", *torch, "uproot")},
    }


def _versions(*names: str) -> dict[str, str]:
    return {name: version(name) for name in names}


def _digest(path: str) -> str:
    """SHA-256 of a local file; empty for a remote one, which would have to be fetched again."""
    if "://" in path:
        return ""
    state = sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 22):
            state.update(block)
    return f"sha256:{state.hexdigest()}"
