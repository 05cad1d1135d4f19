"""Run benchmarks, and publish what they stored: `python -m benchmarks list | run NAME … | publish`."""

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

Results go to benchmarks/results/, as CSV, with machine, versions and command in a JSON beside it. Files to compress
are looked for in BALER_ROOT_DATA (default: ../shared/data beside the repository).
"""


def benchmarks() -> dict[str, str]:
    """Each benchmark with the first line of its docstring; nothing is imported for that."""
    out = {}
    for path in sorted(FOLDER.glob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(part, ast.FunctionDef) and part.name == "main" for part in module.body):
            out[path.stem] = (ast.get_docstring(module) or "").partition("\n")[0]
    return out


def show() -> None:
    """Print what there is."""
    found = benchmarks()
    width = max(map(len, found))
    for name, about in found.items():
        print(f"{name:{width}}  {about}")


def run(name: str, arguments: Sequence[str]) -> None:
    """Run one benchmark; results keep `sys.argv` as the command that measured them."""
    sys.argv = [f"{PROGRAM} run {name}", *arguments]
    importlib.import_module(f"benchmarks.run.{name}").main()


def publish(what: Sequence[str], png: Path | None) -> None:
    """Write tables and plots from stored results."""
    if "pages" in what:
        from benchmarks.publish import pages

        pages.main()
    if "plots" in what:
        from benchmarks.publish import plots

        plots.main(png)


def parser() -> argparse.ArgumentParser:
    """The command line; arguments of a benchmark are its own."""
    out = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Measure `.baler` files against their rivals, and publish the results.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = out.add_subparsers(dest="verb", required=True, metavar="list | run | publish")
    verbs.add_parser("list", help="each benchmark in one line")
    one = verbs.add_parser("run", help="run one benchmark and store its results")
    one.add_argument("name", metavar="NAME", help=f"one of: {', '.join(benchmarks())}")
    one.add_argument("arguments", nargs=argparse.REMAINDER, help="as `run NAME --help` says")
    pages = verbs.add_parser(
        "publish", help="write tables and plots from stored results; nothing is measured"
    )
    pages.add_argument("what", nargs="?", choices=PUBLISHED, help="default: both")
    pages.add_argument("--png", type=Path, metavar="FOLDER", help="plots as PNG files too, to look at")
    return out


def main() -> None:
    """Do what the command line says; exit code 2 where it says nothing known."""
    known = parser()
    asked = known.parse_args()
    if asked.verb == "list":
        show()
    elif asked.verb == "publish":
        publish([asked.what] if asked.what else PUBLISHED, asked.png)
    elif asked.name in benchmarks():
        run(asked.name, asked.arguments)
    else:
        hint = "".join(f"; nearest: {name}" for name in nearest(asked.name, benchmarks(), 1))
        print(f"no benchmark {asked.name!r}{hint}; `{PROGRAM} list` shows all", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main()
