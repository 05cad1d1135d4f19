"""A codec of another package: `example_codec/` is all that it takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skipping_codec import SkippingCodec

import baler_root
from baler_root import LatentOptions
from baler_root.format.codecs import registry
from baler_root.testing import CodecSuite
from baler_root.training import latent

EXAMPLE = Path(__file__).parent / "example_codec"


class TestExample(CodecSuite):
    """Without a model; pages with one are written below."""

    codec = SkippingCodec()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which the package lies as pip puts it there, known to this process."""
    site = tmp_path / "site"
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    shutil.copy(EXAMPLE / "skipping_codec.py", site)
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(site)
    registry.get_codec.cache_clear()
    yield site
    registry.get_codec.cache_clear()


def command(site: Path, *arguments: object, before: str = "") -> str:
    """Output of `baler-root` in a process that finds the package."""
    code = f"import sys\n{before}\nfrom baler_root.cli import main\nmain()"
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_short() -> None:
    assert sum(len(path.read_text().splitlines()) for path in EXAMPLE.glob("*.*")) < 100


def test_it_is_found(installed: Path) -> None:
    assert "skipping" in registry.codec_ids()
    assert type(registry.get_codec("skipping")).__name__ == "SkippingCodec"
    assert "skipping" in command(installed, "compress", "--help")


def test_files_of_it(
    installed: Path, make_root: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written here and by the command line, read without torch."""
    pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")
    monkeypatch.setattr(latent, "STEPS", {"default": 20})
    x = np.random.default_rng(0).normal(size=2500).astype("f4")
    assert callable(make_root)
    source = make_root("in.root", Events={"x": x, "y": 2 * x + np.float32(1), "z": np.abs(x) * x})
    # Without a residual there is a model, whatever it saves.
    options = {"codec": "skipping", "residual": "none"}
    baler_root.compress(source, tmp_path / "one.baler", codec=LatentOptions(**options))
    asked = [f"--{key}={value}" for key, value in options.items()]
    command(
        installed, "compress", source, tmp_path / "two.baler", *asked, "--train-seconds", "0.5", "--quiet"
    )
    for name in ("one.baler", "two.baler"):
        target = tmp_path / name
        assert baler_root.verify(target, source).problems == []
        assert baler_root.inspect(target)["codecs"] == ["skipping"]
        with baler_root.open(target) as file:
            assert np.allclose(file["Events"]["x"].array(library="np"), x, rtol=1e-3)
    without = "sys.modules['torch'] = None"
    assert json.loads(command(installed, "verify", target, "--json", before=without))["ok"]


def test_the_documentation_shows_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guide" / "latent-codecs.md").read_text()
    _, begin, code = (EXAMPLE / "skipping_codec.py").read_text().partition("from __future__")
    assert begin + code in page
    assert 'skipping = "skipping_codec:SkippingCodec"' in page
