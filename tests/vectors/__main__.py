"""Golden files of `formats/vectors`: `python -m tests.vectors write NAME ...` (or `all`), `list`.

A file that exists is never written again: what it holds is a promise to readers. What was put into a file is
recorded beside it from the source, not from any reader.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.vectors.corpus import FOLDER, names, write


def main(arguments: Sequence[str]) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.vectors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="names of all golden files")
    commands.add_parser("write", help="write golden files").add_argument("name", nargs="+")
    options = parser.parse_args(arguments)
    if options.command == "list":
        for name in names():
            print(name, "" if (options.folder / f"{name}.json").exists() else "(not written)")
        return 0
    wanted = names() if options.name == ["all"] else options.name
    if unknown := set(wanted) - set(names()):
        print(f"unknown: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    for name in wanted:
        try:
            print(write(name, options.folder))
        except FileExistsError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
