"""Rules from presets, a TOML file and the command line; all end in one `Rules`."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from baler_root.compression.rules.presets import PRESETS
from baler_root.compression.rules.rules import Rule, Rules
from baler_root.errors import ConfigError, nearest
from baler_root.format.bounds import ErrorBound
from baler_root.training.pair_masses import EXAMPLE, PairMass

__all__ = ["Rule", "Rules", "build_rules", "load_rules"]


def build_rules(
    *,
    bound: str | ErrorBound | None = None,
    branch: Sequence[str] = (),
    config: str | PathLike[str] | None = None,
    preset: str | None = None,
    independent: Sequence[str] = (),
) -> Rules:
    """The rules of a preset, then those of the file `config`, then `branch` (`'Muon_*=bits=12'`) in order.

    `independent` adds patterns of branches that are never recomputed from others.

    The default is that of `bound`, else of the file, else of the preset, else rel=1e-3. Raises ConfigError.
    """
    rules = Rules() if config is None else load_rules(config, preset)
    if config is None and preset is not None:
        rules = _preset(preset)
    if bound is not None:
        rules = replace(rules, default=ErrorBound.parse(bound) if isinstance(bound, str) else bound)
    return replace(
        rules,
        rules=(*rules.rules, *map(_parse_rule, branch)),
        independent=(*rules.independent, *independent),
    )


def _parse_rule(text: str) -> Rule:
    """The rule `'pattern=bound'`."""
    pattern, equals, bound = text.partition("=")
    if not equals or not pattern.strip():
        raise ConfigError(
            f"branch rule {text!r}: write 'PATTERN=BOUND', such as 'Muon_*=bits=12' or 'Muon_pt=lossless'"
        )
    try:
        return Rule(pattern.strip(), ErrorBound.parse(bound))
    except ConfigError as error:
        raise ConfigError(f"branch rule {text!r}: {error}") from None


def _preset(name: str) -> Rules:
    """The rules of a built-in preset."""
    if name not in PRESETS:
        near = nearest(name, PRESETS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(PRESETS)}"
        raise ConfigError(f"unknown preset {name!r}; {hint}")
    preset = PRESETS[name]
    rules = tuple(Rule(pattern, ErrorBound.parse(bound), preset=name) for pattern, bound in preset.rules)
    return Rules(ErrorBound.parse(preset.default), rules, preset=name)


def load_rules(path: str | PathLike[str], preset: str | None = None) -> Rules:
    """The rules of a TOML file; `preset` replaces the one it may name. Raises ConfigError.

    Keys: `default`, `preset`, `sentinels`, `relations`, `independent`, tables `[[rules]]` with `branch`, `bound` and, if
    wanted, `tree`, and tables `[[physics]]` with `mass`, the branches of a `PairMass`.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"rules file {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"rules file {path} is not valid TOML: {error}") from None
    try:
        return _from_document(document, preset)
    except ConfigError as error:
        raise ConfigError(f"rules file {path}: {error}") from None


def _from_document(document: Mapping[str, Any], preset: str | None) -> Rules:
    _refuse_unknown(
        document, ("default", "preset", "sentinels", "relations", "independent", "rules", "physics"), ""
    )
    chosen = preset if preset is not None else _text(document, "preset", "")
    rules = Rules() if chosen is None else _preset(chosen)
    default = _text(document, "default", "")
    if default is not None:
        rules = replace(rules, default=ErrorBound.parse(default))
    found = _tables(document, "rules", 'branch = "Muon_*" and bound = "bits=12"')
    own = tuple(_rule_of(table, f"rule {number}") for number, table in enumerate(found, 1))
    terms = _tables(document, "physics", EXAMPLE)
    return replace(
        rules,
        rules=(*rules.rules, *own),
        sentinels=_sentinels(document.get("sentinels", [])),
        relations=_texts(document, "relations", "E = pt * cosh(eta)"),
        independent=_texts(document, "independent", "photon_E"),
        masses=tuple(_mass_of(table, f"physics {number}: ") for number, table in enumerate(terms, 1)),
    )


def _tables(document: Mapping[str, Any], key: str, example: str) -> list[Mapping[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise ConfigError(f"{key} must be tables: [[{key}]], then {example}")
    return found


def _mass_of(table: Mapping[str, Any], where: str) -> PairMass:
    _refuse_unknown(table, ("mass",), where)
    try:
        return PairMass(_texts(table, "mass", "mu_pt"))
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from None


def _texts(document: Mapping[str, Any], key: str, example: str) -> tuple[str, ...]:
    values = document.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ConfigError(f'{key} must be a list of texts, such as ["{example}"]')
    return tuple(values)


def _rule_of(table: Mapping[str, Any], where: str) -> Rule:
    _refuse_unknown(table, ("branch", "bound", "tree"), f"{where}: ")
    pattern, bound = (_text(table, key, f"{where}: ") for key in ("branch", "bound"))
    if not pattern or not bound:
        raise ConfigError(f"{where}: needs both branch and bound")
    try:
        return Rule(pattern, ErrorBound.parse(bound), _text(table, "tree", f"{where}: "))
    except ConfigError as error:
        raise ConfigError(f"{where} ({pattern!r}): {error}") from None


def _sentinels(values: object) -> tuple[float, ...]:
    if not isinstance(values, list) or any(
        isinstance(v, bool) or not isinstance(v, int | float) for v in values
    ):
        raise ConfigError("sentinels must be a list of numbers, such as [-99.0]")
    if not all(math.isfinite(value) for value in values):
        raise ConfigError("sentinels are finite numbers; NaN and infinities always stay exact")
    return tuple(float(value) for value in values)


_EXAMPLES = {
    "default": "rel=1e-3",
    "preset": "nanoaod",
    "branch": "Muon_*",
    "bound": "bits=12",
    "tree": "Events",
}


def _text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f'{where}{key} must be text in quotes, such as {key} = "{_EXAMPLES[key]}"')
    return value


def _refuse_unknown(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = nearest(key, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f" (known: {', '.join(known)})"
            raise ConfigError(f"{where}unknown key {key!r}{hint}")
