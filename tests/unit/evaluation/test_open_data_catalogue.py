"""The catalogue of the ATLAS Open Data: its files, and errors of the catalogue and the user."""

from __future__ import annotations

import sys
import types

import pytest
from baler_root.analyses.samples.schema import release

from baler_root.errors import BalerError, ConfigError, MissingExtraError, SourceError
from tests.helpers.cli import Cli


class Catalogue(types.ModuleType):
    """A stand-in for the module atlasopenmagic."""

    def __init__(self, urls: list[str], error: Exception | None = None) -> None:
        super().__init__("atlasopenmagic")
        self.asked: list[object] = []
        self.urls, self.error = urls, error

    def set_release(self, name: str, local_path: str | None = None) -> None:
        self.asked += [name, local_path]

    def get_urls(self, key: str, **options: object) -> list[str]:
        self.asked += [key, options]
        if self.error is not None:
            raise self.error
        return self.urls


def test_release_gives_files(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue(["https://somewhere/data_A.GamGam.root"])
    monkeypatch.setitem(sys.modules, "atlasopenmagic", catalogue)
    assert release.files("2020", "GamGam") == catalogue.urls
    assert catalogue.asked == [
        "2020e-13tev", None, "data", {"skim": "GamGam", "protocol": "https", "cache": False}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("catalogue", "error", "message"),
    [
        (Catalogue([], ValueError("Skim 'GamGamm' not found")), ConfigError, "GamGamm' not found"),
        (Catalogue([], OSError("no route to host")), SourceError, "does not answer.*name the files"),
        (Catalogue([]), ConfigError, "lists no files"),
        (None, MissingExtraError, r'pip install "baler-root\[opendata\]"'),
    ],
)
def test_release_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, catalogue: Catalogue | None, error: type[BalerError], message: str
) -> None:
    monkeypatch.setitem(sys.modules, "atlasopenmagic", catalogue)
    with pytest.raises(error, match=message):
        release.files("2020", "GamGamm", "1")


def test_the_command_prints_files_and_what_they_are_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = Catalogue(["/data/data_A.GamGam.root", "/data/data_B.GamGam.root"])
    monkeypatch.setitem(sys.modules, "atlasopenmagic", catalogue)
    done = Cli(capsys)("opendata", "2025", "GamGam", "--folder", "/data", "--protocol", "root")
    assert done.code == 0
    assert done.out.splitlines() == catalogue.urls
    assert done.err.strip() == release.USAGE_NOTE
    assert catalogue.asked == [
        "2025e-13tev-beta", "/data", "data", {"skim": "GamGam", "protocol": "root", "cache": False}
    ]  # fmt: skip
    monkeypatch.setitem(sys.modules, "atlasopenmagic", None)
    refused = Cli(capsys)("opendata", "2020", "GamGam")
    assert refused.code == 1
    assert "pip install" in refused.err


def test_usage_note_says_what_the_data_are_for() -> None:
    assert "educational purposes only" in release.USAGE_NOTE
    assert "15005" in release.USAGE_NOTE
