"""The repository's folder `analyses/` as a package; a wheel has that folder here instead of this file."""

from pathlib import Path

__path__ = [str(Path(__file__).parents[2] / "analyses")]
