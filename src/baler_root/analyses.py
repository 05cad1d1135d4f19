"""The repository's folder `analyses/` as a package; in a wheel that folder itself stands here and this file does not."""

from pathlib import Path

__path__ = [str(Path(__file__).parents[2] / "analyses")]
