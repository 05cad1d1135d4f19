"""Rules files: TOML documents with bounds, sentinels, relations and masses."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from baler_root.compression.rules.rule import Rule
from baler_root.errors import ConfigError, nearest
from baler_root.format.bounds import ErrorBound
from baler_root.training.pair_masses import EXAMPLE, PairMass

EXAMPLES = {
    "default": "rel=1e-3",
    "preset": "nanoaod",
    "branch": "Muon_*",
    "bound": "bits=12",
    "tree": "Events",
}
"""A value for each key that takes text, for messages."""


@dataclass(frozen=True, slots=True)
class RulesFile:
    """Contents of a rules file; settings that it leaves out are None or empty."""

    preset: str | None = None
    default: ErrorBound | None = None
    rules: tuple[Rule, ...] = ()
    sentinels: tuple[float, ...] = ()
    relations: tuple[str, ...] = ()
    independent: tuple[str, ...] = ()
    masses: tuple[PairMass, ...] = ()


def read_rules_file(path: str | PathLike[str]) -> RulesFile:
    """The contents of a TOML file of rules. Raises ConfigError, which names the file.

    Keys: `default`, `preset`, `sentinels`, `relations`, `independent`; tables `[[rules]]` with `branch`,
    `bound` and optionally `tree`; tables `[[physics]]` with `mass`, the branches of a `PairMass`.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"rules file {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"rules file {path} is not valid TOML: {error}") from None
    try:
        return _from_document(document)
    except ConfigError as error:
        raise ConfigError(f"rules file {path}: {error}") from None


def _from_document(document: Mapping[str, Any]) -> RulesFile:
    _refuse_unknown(
        document, ("default", "preset", "sentinels", "relations", "independent", "rules", "physics"), ""
    )
    default = _text(document, "default", "")
    rules = _tables(document, "rules", 'branch = "Muon_*" and bound = "bits=12"')
    masses = _tables(document, "physics", EXAMPLE)
    return RulesFile(
        preset=_text(document, "preset", ""),
        default=None if default is None else ErrorBound.parse(default),
        rules=tuple(_rule_of(table, f"rule {number}") for number, table in enumerate(rules, 1)),
        sentinels=_sentinels(document.get("sentinels", [])),
        relations=_texts(document, "relations", "E = pt * cosh(eta)"),
        independent=_texts(document, "independent", "photon_E"),
        masses=tuple(_mass_of(table, f"physics {number}: ") for number, table in enumerate(masses, 1)),
    )


def _tables(document: Mapping[str, Any], key: str, example: str) -> list[Mapping[str, Any]]:
    tables = document.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{key} must be tables: [[{key}]], then {example}")
    return tables


def _mass_of(table: Mapping[str, Any], location: str) -> PairMass:
    _refuse_unknown(table, ("mass",), location)
    try:
        return PairMass(_texts(table, "mass", "mu_pt"))
    except ConfigError as error:
        raise ConfigError(f"{location}{error}") from None


def _texts(document: Mapping[str, Any], key: str, example: str) -> tuple[str, ...]:
    values = document.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ConfigError(f'{key} must be a list of texts, such as ["{example}"]')
    return tuple(values)


def _rule_of(table: Mapping[str, Any], location: str) -> Rule:
    _refuse_unknown(table, ("branch", "bound", "tree"), f"{location}: ")
    pattern, bound = (_text(table, key, f"{location}: ") for key in ("branch", "bound"))
    if not pattern or not bound:
        raise ConfigError(f"{location}: needs both branch and bound")
    try:
        return Rule(pattern, ErrorBound.parse(bound), _text(table, "tree", f"{location}: "))
    except ConfigError as error:
        raise ConfigError(f"{location} ({pattern!r}): {error}") from None


def _sentinels(values: object) -> tuple[float, ...]:
    if not isinstance(values, list) or any(
        isinstance(value, bool) or not isinstance(value, int | float) for value in values
    ):
        raise ConfigError("sentinels must be a list of numbers, such as [-99.0]")
    if not all(math.isfinite(value) for value in values):
        raise ConfigError("sentinels are finite numbers; NaN and infinities always stay exact")
    return tuple(float(value) for value in values)


def _text(table: Mapping[str, Any], key: str, location: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f'{location}{key} must be text in quotes, such as {key} = "{EXAMPLES[key]}"')
    return value


def _refuse_unknown(table: Mapping[str, Any], allowed: Sequence[str], location: str) -> None:
    for key in table:
        if key not in allowed:
            similar = nearest(key, allowed, 1)
            hint = f"; did you mean {similar[0]!r}?" if similar else f" (known: {', '.join(allowed)})"
            raise ConfigError(f"{location}unknown key {key!r}{hint}")
