"""Structure of the code: purposes, sizes, imports without circles, and an ARCHITECTURE.md that is right."""

from __future__ import annotations

import ast
import graphlib
import re
from importlib import import_module
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "baler_root"
CODE = (PACKAGE, *(ROOT / name for name in ("analyses", "benchmarks", "examples", "tests")))
MAX_ENTRIES = 25
MAX_LINES = 350


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _entries(folder: Path) -> list[Path]:
    """Entries of a folder without caches."""
    return [path for path in folder.iterdir() if path.name != "__pycache__" and path.name[0] != "."]


def _folders(top: Path) -> list[Path]:
    """The folder and all folders in it."""
    return [top, *(path for entry in _entries(top) if entry.is_dir() for path in _folders(entry))]


FOLDERS = sorted(folder for top in CODE for folder in _folders(top))
MODULES = sorted(path for folder in FOLDERS for path in folder.glob("*.py"))
PACKAGES = sorted(path.parent for path in MODULES if path.name == "__init__.py")


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    """Imports of every module, those for typing included."""
    return grimp.build_graph(
        "baler_root",
        include_external_packages=True,
        exclude_type_checking_imports=False,
        cache_dir=None,  # a cache may hold the imports of another checkout
    )


@pytest.fixture(scope="module")
def architecture() -> str:
    return (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES, ids=_name)
def test_every_package_states_its_purpose_in_one_line(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert text, f"{_name(package)}/__init__.py has no docstring"
    first = text.splitlines()[0]
    assert first.endswith("."), f"{_name(package)}: {first!r} is not one sentence on one line"


def test_no_folder_has_too_many_entries() -> None:
    sizes = {_name(folder): len(_entries(folder)) for folder in FOLDERS}
    assert {name: size for name, size in sizes.items() if size > MAX_ENTRIES} == {}


def test_no_module_is_too_long() -> None:
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_no_import_circle(imports: grimp.ImportGraph) -> None:
    modules = {name for name in imports.modules if name.split(".")[0] == "baler_root"}
    on_disk = sum(path.is_relative_to(PACKAGE) for path in MODULES)
    assert len(modules) >= on_disk - 1  # analyses.py stands in for a package outside
    graph = {module: imports.find_modules_directly_imported_by(module) for module in modules}
    graphlib.TopologicalSorter(graph).prepare()  # CycleError names the modules of a circle


def test_torch_is_imported_in_its_package_alone(imports: grimp.ImportGraph) -> None:
    importers = imports.find_modules_that_directly_import("torch")
    assert importers
    assert {name for name in importers if not name.startswith("baler_root.training.torch.")} == set()


def test_every_package_is_in_the_architecture(architecture: str) -> None:
    packages = [path for path in PACKAGES if path.parent == PACKAGE]
    assert packages
    assert [path.name for path in packages if f"`{path.name}/`" not in architecture] == []


def test_every_path_in_the_architecture_exists(architecture: str) -> None:
    paths = re.findall(r"`([a-z_]+(?:/[a-z_0-9-]+)*(?:/|\.py|\.md))`", architecture)
    paths += re.findall(r"`([a-z_]+(?:/[a-z_0-9-]+)+)`", architecture)  # `format/columns` is a module
    assert paths
    missing = {
        path
        for path in paths
        if not any((top / path).exists() or (top / f"{path}.py").exists() for top in (PACKAGE, ROOT))
    }
    assert missing == set()


def test_supported_import_paths_exist(architecture: str) -> None:
    section = architecture.partition("## Supported import paths")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(baler_root[\w.]*)` \| (.+?) \|$", section, re.MULTILINE)
    assert rows
    for module, names in rows:
        loaded = import_module(module)
        missing = [name for name in re.findall(r"`(\w+)`", names) if not hasattr(loaded, name)]
        assert missing == [], f"{module} has no {missing}"
