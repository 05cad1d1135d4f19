"""Import path of the analyses in the repository's folder `analyses/`, which replaces this file in a wheel.

`baler_root.evaluation.analysis` is the code that runs them.
"""

from pathlib import Path

__path__ = [str(Path(__file__).parents[2] / "analyses")]
