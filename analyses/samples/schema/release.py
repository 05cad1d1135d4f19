"""Files of the real ATLAS Open Data, and the note on their use."""

from __future__ import annotations

from baler_root.errors import ConfigError, MissingExtraError, SourceError

INSTALL = 'pip install "baler-root[opendata]"'
RELEASES = {"2020": "2020e-13tev", "2025": "2025e-13tev-beta"}
"""Names of the catalogue for the two releases that the analyses read; those names are accepted as well."""

USAGE_NOTE = (
    "Data: ATLAS Open Data at 13 TeV, CERN Open Data Portal (release of 2020: record 15005; of 2025: record 93910). "
    "They are for educational purposes only and not suited for scientific publications; cite the record."
)
"""Note for every result that was made with the real files."""


def files(
    release: str, skim: str, key: str = "data", *, protocol: str = "https", folder: str | None = None
) -> list[str]:
    """URLs of the files of one dataset, or their paths in `folder`, a copy of the catalogue's folders.

    `release` is "2020", "2025" or a name of the catalogue; `skim` is a name of the release ("GamGam",
    "4lep"); `key` is the dataset number of a simulated process, or "data"; `protocol` is "https" or "root".
    The catalogue is read over the network. Raises MissingExtraError, ConfigError (no such release, dataset or
    skim) and SourceError (no answer).
    """
    try:
        import atlasopenmagic
    except ImportError:
        raise MissingExtraError(f"the catalogue of ATLAS Open Data needs atlasopenmagic; {INSTALL}") from None
    dataset = f"ATLAS Open Data {release}, {skim}, {key}"
    try:
        atlasopenmagic.set_release(RELEASES.get(release, release), local_path=folder)
        urls = atlasopenmagic.get_urls(key, skim=skim, protocol=protocol, cache=False)
    except ValueError as error:
        raise ConfigError(f"{dataset}: {error}") from None
    except OSError as error:
        raise SourceError(
            f"{dataset}: the catalogue does not answer ({error}); name the files themselves if you have them"
        ) from None
    if not urls:
        raise ConfigError(f"{dataset}: the catalogue lists no files")
    return [str(url) for url in urls]
