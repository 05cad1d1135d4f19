"""Rules: the error bound of each branch, and the reason for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import Any, Self, TypedDict

from baler_root.compression.rules.exact_branches import exact_by_name
from baler_root.compression.rules.presets import PRESETS
from baler_root.compression.rules.rule import BoundTarget, Rule
from baler_root.compression.rules.toml_file import read_rules_file
from baler_root.errors import ConfigError, nearest
from baler_root.format.bounds import KIND_MISSING, LOSSLESS, ErrorBound
from baler_root.training.pair_masses import PairMass

DEFAULT = ErrorBound("rel", 1e-3)
"""Bound of floating-point branches that no rule names."""


Bounds = Mapping[str, str | ErrorBound] | Iterable[tuple[str, str | ErrorBound]]
"""Bounds by pattern, such as `{"Muon_*": "bits=12"}`, or pairs of both; the last that matches wins."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Error bounds of branches: a default for floating-point branches, then rules of which the last that
    applies wins.

    `Rules.build` makes them from short texts.
    """

    default: ErrorBound = DEFAULT
    """Bound of floating-point branches that no rule names."""
    rules: tuple[Rule, ...] = ()
    sentinels: tuple[float, ...] = ()
    """Values that stay exact in every branch, besides the usual ones."""
    preset: str | None = None
    """Name of the preset that the rules begin with."""
    relations: tuple[str, ...] = ()
    """Declared relations between branches, such as `E = pt * cosh(eta)`, besides those that are
    discovered."""
    independent: tuple[str, ...] = ()
    """Patterns of branches that are never recomputed from others."""
    masses: tuple[PairMass, ...] = ()
    """Masses of pairs that codecs with latents preserve in training."""

    @classmethod
    def build(
        cls,
        rules: Rules | str | PathLike[str] | None = None,
        *,
        bound: str | ErrorBound | None = None,
        bounds: Bounds | None = None,
        preset: str | None = None,
        independent: Sequence[str] = (),
    ) -> Self:
        """Rules from short forms.

        Parameters
        ----------
        rules
            Rules to start from: a `Rules` object, the path of a TOML file, or a bound (`"rel=1e-3"`) as in
            `bound`.
        bound
            Bound of floating-point branches: `"rel=1e-3"`, `"abs=1e-4"`, `"bits=10"` (mantissa bits) or
            `"lossless"`. Without it: the default of `rules`, else of `preset`, else `rel=1e-3`.
        bounds
            Bounds by the name, path or glob of branches, such as `{"Muon_*": "bits=12"}`, or (pattern, bound)
            pairs; added to those of `rules`. The last that matches a branch wins.
        preset
            Preset to start from, such as `"nanoaod"`; it replaces one that a rules file names.
        independent
            Patterns of branches that are never recomputed from others; added to those of `rules`.

        Raises ConfigError for arguments that are not valid.

        >>> Rules.build(bound="abs=0.5", bounds={"Muon_*": "bits=12"}).rules[0].bound
        ErrorBound(kind='bits', value=12.0)
        """
        if isinstance(rules, Rules):
            if preset is not None:
                raise ConfigError(f"preset {preset!r} beside finished rules: build the rules with it")
            base = cls(**{name: getattr(rules, name) for name in cls.__dataclass_fields__})
        else:
            path, default = (None, None) if rules is None else _path_or_bound(rules)
            if default is not None and bound is not None:
                raise ConfigError(f"two bounds for all branches: rules={rules!r} and bound={bound!r}")
            base, bound = cls._from_file(path, preset), default or bound
        return replace(
            base,
            default=base.default if bound is None else _as_bound(bound),
            rules=(*base.rules, *_rules_by_pattern(bounds or ())),
            independent=(*base.independent, *_patterns(independent)),
        )

    @classmethod
    def _from_file(cls, path: str | PathLike[str] | None, preset: str | None) -> Self:
        """The rules of a file, or of a preset, or of both."""
        if path is None:
            return cls() if preset is None else cls._of_preset(preset)
        file = read_rules_file(path)
        try:
            base = cls._from_file(None, preset if preset is not None else file.preset)
        except ConfigError as error:
            raise ConfigError(f"rules file {path}: {error}") from None
        return replace(
            base,
            default=file.default or base.default,
            rules=(*base.rules, *file.rules),
            sentinels=file.sentinels,
            relations=file.relations,
            independent=file.independent,
            masses=file.masses,
        )

    @classmethod
    def _of_preset(cls, name: str) -> Self:
        """The rules of a built-in preset."""
        if name not in PRESETS:
            similar = nearest(name, PRESETS, 1)
            hint = f"did you mean {similar[0]!r}?" if similar else f"there are {', '.join(PRESETS)}"
            raise ConfigError(f"unknown preset {name!r}; {hint}")
        preset = PRESETS[name]
        rules = tuple(Rule(pattern, ErrorBound.parse(bound), preset=name) for pattern, bound in preset.rules)
        return cls(ErrorBound.parse(preset.default), rules, preset=name)

    def is_independent(self, path: str, name: str) -> bool:
        """True if a branch must keep its own values, whatever relation holds."""
        return any(
            pattern == word or fnmatchcase(word, pattern)
            for pattern in self.independent
            for word in (path, name)
        )

    def bound_for(self, target: BoundTarget) -> tuple[ErrorBound, str]:
        """The bound of a branch (or of a field) and its reason; ConfigError if a rule asks for the
        impossible."""
        for rule in reversed(self.rules):
            if rule.matches(target) and rule.applies(target):
                return rule.bound, str(rule)
        if target.dtype.kind != "f":
            return LOSSLESS, target.kind
        by_name = exact_by_name(target.path)
        return (LOSSLESS, by_name) if by_name else (self.default, "default")

    def to_json(self) -> dict[str, Any]:
        """The rules as plain values, for the provenance of a file."""
        return {
            "default": str(self.default),
            "preset": self.preset,
            "rules": [[rule.pattern, str(rule.bound), rule.tree] for rule in self.rules],
            "sentinels": list(self.sentinels),
            **({"relations": list(self.relations)} if self.relations else {}),
            **({"independent": list(self.independent)} if self.independent else {}),
            **({"masses": [list(mass.branches) for mass in self.masses]} if self.masses else {}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The rules of a file's provenance (see `to_json`); with a preset, all of them may match nothing."""
        preset = document["preset"]
        return cls(
            ErrorBound.parse(document["default"]),
            tuple(
                Rule(name, ErrorBound.parse(bound), tree, preset) for name, bound, tree in document["rules"]
            ),
            tuple(document["sentinels"]),
            preset,
            tuple(document.get("relations", ())),
            tuple(document.get("independent", ())),
        )


class BoundOptions(TypedDict, total=False):
    """Keywords of `compress` and `train` for error bounds; `Rules.build` explains them."""

    rules: Rules | str | PathLike[str] | None
    bound: str | ErrorBound | None
    bounds: Bounds | None
    preset: str | None
    independent: Sequence[str]


def _path_or_bound(rules: object) -> tuple[str | PathLike[str] | None, ErrorBound | None]:
    """The path of a rules file, or the bound that a text is."""
    if isinstance(rules, PathLike):
        return rules, None
    if not isinstance(rules, str):
        return None, _as_bound(rules)
    try:
        return None, ErrorBound.parse(rules)
    except ConfigError as error:
        if rules.endswith(".toml") or Path(rules).exists():
            return rules, None
        raise ConfigError(f"rules {rules!r}: neither a TOML file nor an error bound: {error}") from None


def _as_bound(bound: object) -> ErrorBound:
    """The bound in a text; raises ConfigError for a number, since that leaves the kind of the bound open."""
    if isinstance(bound, ErrorBound):
        return bound
    if isinstance(bound, str):
        return ErrorBound.parse(bound)
    raise ConfigError(f"bound {bound!r}: {KIND_MISSING}")


def _rules_by_pattern(bounds: Any) -> tuple[Rule, ...]:
    """The rules of a mapping from patterns to bounds, or of (pattern, bound) pairs."""
    pairs = () if isinstance(bounds, str) else bounds.items() if isinstance(bounds, Mapping) else bounds
    rules = []
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2:
            pairs = ()
            break
        pattern, bound = pair
        try:
            rules.append(Rule(pattern.strip(), _as_bound(bound)))
        except ConfigError as error:
            raise ConfigError(f"rule {pattern!r}: {error}") from None
    if bounds and not pairs:
        raise ConfigError(f'bounds {bounds!r}: write bounds by pattern, such as {{"Muon_*": "bits=12"}}')
    return tuple(rules)


def _patterns(patterns: Sequence[str]) -> Sequence[str]:
    """The patterns, once it is clear that they are not one text."""
    if isinstance(patterns, str):
        raise ConfigError(f"independent={patterns!r}: write a list of patterns, such as [{patterns!r}]")
    return patterns
