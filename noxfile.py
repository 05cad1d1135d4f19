# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""Everything a change is checked with: what a laptop runs is what CI runs."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
PINNED = ("-c", "constraints.txt")
ALL = "-e.[fpga,http,pandas,report,rtl,samples,train]"
"""The package with every extra."""


def group(name: str) -> tuple[str, ...]:
    """Requirements of one dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*PINNED, *group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install(*PINNED, ALL, *group("typing"))
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, doctests included."""
    session.install(*PINNED, ALL, *group("test"))
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(default=False)
def slow(session: nox.Session) -> None:
    """Run the tests marked slow, and every property at length."""
    session.install(*PINNED, ALL, *group("test"))
    env = {"HYPOTHESIS_PROFILE": "nightly"}
    session.run("pytest", "-n", "auto", "-m", "slow or not slow", *session.posargs, env=env)


@nox.session(default=False)
def root(session: nox.Session) -> None:
    """Let real ROOT read what is written back (a pre-release, some 700 MB)."""
    session.install(*PINNED, ALL, *group("test"))
    session.install("--pre", "ROOT")
    session.run("pytest", "tests/real/test_real_root.py", *session.posargs)


@nox.session(default=False)
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest versions the package says it works with."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    bounds = [*PROJECT["project"]["dependencies"], *(bound for extra in extras for bound in extra)]
    lowest = [bound.replace(">=", "==") for bound in bounds]
    session.install(ALL, *lowest, *group("test"))
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Make a sample, compress it at several bounds, read it back, print the table."""
    session.install(*PINNED, "-e.")
    session.run("baler-root", "demo", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare file sizes with rivals; posargs go to `python -m benchmarks`: `nox -s bench -- list`."""
    session.install(*PINNED, ALL, *group("bench"))
    session.run("python", "-m", "benchmarks", *(session.posargs or ("run", "size")))


@nox.session(default=False)
def vectors(session: nox.Session) -> None:
    """Write golden vectors: `nox -s vectors -- write NAME`; never overwrites one."""
    session.install(*PINNED, ALL, *group("test"))
    session.run("python", "-m", "tests.vectors", *session.posargs)


if __name__ == "__main__":
    nox.main()
