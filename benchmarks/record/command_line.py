"""Arguments of a benchmark; `python -m benchmarks run NAME` puts them into `sys.argv`."""

from __future__ import annotations

import argparse
import sys


def parser(about: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the benchmark's docstring."""
    return argparse.ArgumentParser(
        prog=sys.argv[0], description=about, formatter_class=argparse.RawTextHelpFormatter
    )


def names(about: str | None) -> list[str]:
    """Arguments of a benchmark that takes only names of files."""
    arguments = parser(about)
    arguments.add_argument(
        "names", nargs="*", metavar="NAME", help="measure files whose name contains one of these words"
    )
    words: list[str] = arguments.parse_args().names
    return words


def nothing(about: str | None) -> None:
    """Refuse arguments, for a benchmark without any."""
    parser(about).parse_args()
