"""Arguments of a benchmark, as `python -m benchmarks run NAME` hands them over in `sys.argv`."""

from __future__ import annotations

import argparse
import sys


def parser(about: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the benchmark's docstring."""
    return argparse.ArgumentParser(
        prog=sys.argv[0], description=about, formatter_class=argparse.RawTextHelpFormatter
    )


def names(about: str | None) -> list[str]:
    """The only arguments of a benchmark that takes nothing but names of files."""
    asked = parser(about)
    asked.add_argument("names", nargs="*", metavar="NAME", help="measure files whose name holds one of these")
    found: list[str] = asked.parse_args().names
    return found


def nothing(about: str | None) -> None:
    """Refuse arguments: the benchmark takes none."""
    parser(about).parse_args()
