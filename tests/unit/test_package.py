"""The package stays light: what importing it, asking for help and reading a file pull in."""

from __future__ import annotations

import textwrap
from importlib import metadata
from pathlib import Path

import baler_root
from tests.helpers.processes import run_python

HEAVY = ("awkward", "pandas", "torch", "uproot")


def loaded_by(code: str) -> list[str]:
    """The heavy libraries that `code` imports, directly or not."""
    printed = run_python(
        f"{code}\nimport sys\nprint('\\n' + ' '.join(m for m in {HEAVY} if m in sys.modules))"
    )
    return printed.splitlines()[-1].split()


def test_version_is_that_of_the_distribution() -> None:
    assert baler_root.__version__ == metadata.version("baler-root")


def test_import_is_light() -> None:
    assert loaded_by("import baler_root") == []


def test_public_names_exist_and_are_listed() -> None:
    assert {"open", "iterate", "concatenate", "compress", "decompress", "verify"} <= set(baler_root.__all__)
    assert set(baler_root.__all__) <= set(dir(baler_root))
    for name in baler_root.__all__:
        assert getattr(baler_root, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(baler_root, "no_such_name")


def test_help_is_light() -> None:
    help_code = """
import sys
sys.argv = ["baler-root", "--help"]
from baler_root.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code
"""
    assert loaded_by(help_code) == []


def test_reading_works_without_torch(flat_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "flat.baler"
    baler_root.compress(str(flat_root), str(target))
    printed = run_python(
        textwrap.dedent(f"""
        import sys
        sys.modules["torch"] = None  # importing it now fails
        import baler_root
        with baler_root.open({str(target)!r}) as file:
            print(len(file["Events"].arrays()))
    """)
    )
    assert printed.strip() == "1000"
