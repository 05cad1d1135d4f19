# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""Checks and tools of the project. CI runs the same sessions as a laptop."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
PINNED = ("-c", "constraints.txt")
ALL = "-e.[fpga,http,pandas,report,rtl,samples,train]"
"""The package with every extra."""
PARALLEL = ("-n", "auto", "--dist", "loadscope")
"""Options of pytest: one process for each core, and the tests of a module in one of them."""


def group(name: str) -> tuple[str, ...]:
    """Requirements of one dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and which package imports which."""
    session.install(*PINNED, *group("lint"))
    session.install("--no-deps", "-e.")  # its code is only parsed
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install(*PINNED, ALL, *group("typing"))
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, doctests included."""
    session.install(*PINNED, ALL, *group("test"))
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session(default=False)
def slow(session: nox.Session) -> None:
    """Run all tests, those marked slow included, with many more examples for property-based tests."""
    session.install(*PINNED, ALL, *group("test"))
    env = {"HYPOTHESIS_PROFILE": "nightly"}
    session.run("pytest", *PARALLEL, "-m", "slow or not slow", *session.posargs, env=env)


@nox.session(default=False)
def root(session: nox.Session) -> None:
    """Test that ROOT itself reads the files that `decompress` writes (installs a pre-release, 700 MB)."""
    session.install(*PINNED, ALL, *group("test"))
    session.install("--pre", "ROOT")
    session.run("pytest", "tests/real/test_real_root.py", *session.posargs)


@nox.session(default=False)
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest supported version of each dependency."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    bounds = [*PROJECT["project"]["dependencies"], *(bound for extra in extras for bound in extra)]
    lowest = [bound.replace(">=", "==") for bound in bounds]
    session.install(ALL, *lowest, *group("test"))
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Run the demonstration: toy events at several bounds, and a table of sizes and errors."""
    session.install(*PINNED, "-e.")
    session.run("baler-root", "demo", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run `python -m benchmarks` with the arguments after `--`; default: `run size`."""
    session.install(*PINNED, ALL, *group("bench"))
    session.run("python", "-m", "benchmarks", *(session.posargs or ("run", "size")))


@nox.session(default=False)
def vectors(session: nox.Session) -> None:
    """Write a new golden file (`nox -s vectors -- write NAME`); existing ones are never overwritten."""
    session.install(*PINNED, ALL, *group("test"))
    session.run("python", "-m", "tests.vectors", *session.posargs)


if __name__ == "__main__":
    nox.main()
