"""Command line of the benchmarks: `python -m benchmarks list | run NAME … | publish`."""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from baler_root.errors import nearest

FOLDER = Path(__file__).parent / "run"
PROGRAM = "python -m benchmarks"
PUBLISHED = ("pages", "plots")

EXAMPLES = f"""examples:
  {PROGRAM} list                                      each benchmark in one line
  {PROGRAM} run size                                  sizes of all files at all bounds: hours
  {PROGRAM} run size pythia_jets --bound rel=1e-3     a part of them, measured again
  {PROGRAM} run size --help                           what it measures, and its arguments
  {PROGRAM} publish pages                             the tables of README.md and docs/

Results go to benchmarks/results/, as CSV, with machine, versions and command in runs/ as JSON. Files to compress
are looked for in BALER_ROOT_DATA (default: ../shared/data beside the repository).
"""


def benchmarks() -> dict[str, str]:
    """First line of the docstring of each benchmark, by name, without importing them."""
    descriptions = {}
    for path in sorted(FOLDER.glob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(part, ast.FunctionDef) and part.name == "main" for part in module.body):
            descriptions[path.stem] = (ast.get_docstring(module) or "").partition("\n")[0]
    return descriptions


def show() -> None:
    """Print name and first line of all benchmarks."""
    descriptions = benchmarks()
    width = max(map(len, descriptions))
    for name, description in descriptions.items():
        print(f"{name:{width}}  {description}")


def run(name: str, arguments: Sequence[str]) -> None:
    """Run one benchmark; `sys.argv` is set to the command that results store."""
    sys.argv = [f"{PROGRAM} run {name}", *arguments]
    importlib.import_module(f"benchmarks.run.{name}").main()


def publish(what: Sequence[str], png: Path | None) -> None:
    """Write tables (`pages`) and plots (`plots`) from stored results."""
    if "pages" in what:
        from benchmarks.publish import pages

        pages.main()
    if "plots" in what:
        from benchmarks.publish import plots

        plots.main(png)


def parser() -> argparse.ArgumentParser:
    """Parser of the command line; each benchmark parses its arguments itself."""
    result = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Measure `.baler` files against their rivals, and publish the results.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = result.add_subparsers(dest="verb", required=True, metavar="list | run | publish")
    verbs.add_parser("list", help="each benchmark in one line")
    run_parser = verbs.add_parser("run", help="run one benchmark and store its results")
    run_parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(benchmarks())}")
    run_parser.add_argument("arguments", nargs=argparse.REMAINDER, help="as `run NAME --help` says")
    publish_parser = verbs.add_parser(
        "publish", help="write tables and plots from stored results; nothing is measured"
    )
    publish_parser.add_argument("what", nargs="?", choices=PUBLISHED, help="default: both")
    publish_parser.add_argument(
        "--png", type=Path, metavar="FOLDER", help="plots as PNG files too, to look at"
    )
    return result


def main() -> None:
    """Run the command; exit code 2 for an unknown benchmark."""
    command_line = parser()
    options = command_line.parse_args()
    if options.verb == "list":
        show()
    elif options.verb == "publish":
        publish([options.what] if options.what else PUBLISHED, options.png)
    elif options.name in benchmarks():
        run(options.name, options.arguments)
    else:
        hint = "".join(f"; nearest: {name}" for name in nearest(options.name, benchmarks(), 1))
        print(f"no benchmark {options.name!r}{hint}; `{PROGRAM} list` shows all", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main()
