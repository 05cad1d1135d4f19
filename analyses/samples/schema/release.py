"""The real ATLAS Open Data: where their files are, and what they may be used for."""

from __future__ import annotations

from baler_root.errors import ConfigError, MissingExtraError, SourceError

INSTALL = 'pip install "baler-root[opendata]"'
RELEASES = {"2020": "2020e-13tev", "2025": "2025e-13tev-beta"}
"""What the catalogue calls the two releases that the analyses read; its own names do as well."""

USAGE_NOTE = (
    "Data: ATLAS Open Data at 13 TeV, CERN Open Data Portal (release of 2020: record 15005; of 2025: record 93910). "
    "They are for educational purposes only and not suited for scientific publications; cite the record."
)
"""Belongs under every result that was made with the real files."""


def files(
    release: str, skim: str, key: str = "data", *, protocol: str = "https", folder: str | None = None
) -> list[str]:
    """URLs of the files of one dataset, or their paths in `folder`, a copy of the catalogue's folders.

    `release` is "2020", "2025" or a name of the catalogue; `skim` is that of the release ("GamGam", "4lep");
    `key` is the dataset number of a simulated process or "data"; `protocol` is "https" or "root". The catalogue is
    asked over the network. Raises MissingExtraError, ConfigError (it knows no such release, dataset or skim) and
    SourceError (it does not answer).
    """
    try:
        import atlasopenmagic
    except ImportError:
        raise MissingExtraError(f"the catalogue of ATLAS Open Data needs atlasopenmagic; {INSTALL}") from None
    asked = f"ATLAS Open Data {release}, {skim}, {key}"
    try:
        atlasopenmagic.set_release(RELEASES.get(release, release), local_path=folder)
        found = atlasopenmagic.get_urls(key, skim=skim, protocol=protocol, cache=False)
    except ValueError as error:
        raise ConfigError(f"{asked}: {error}") from None
    except OSError as error:
        raise SourceError(
            f"{asked}: the catalogue does not answer ({error}); name the files themselves if you have them"
        ) from None
    if not found:
        raise ConfigError(f"{asked}: the catalogue lists no files")
    return [str(url) for url in found]
