"""Relations as text, such as `E = pt * cosh(eta)`: printed by `inspect`, declared in a rules file."""

from __future__ import annotations

import re
from collections.abc import Callable

from baler_root.errors import ConfigError
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import FUNCTIONS, MAX_KEYS, Table, is_table
from baler_root.format.encodings.lookup import Lookup
from baler_root.format.encodings.relations import Relation
from baler_root.format.encodings.sum import MAX_TERMS, Sum

_NAME = r"([A-Za-z_][\w./:#@\[\]]*)"


_NUMBER = r"\d+\.?\d*(?:[eE][-+]?\d+)?"


_SCALE = rf"(?:(-?{_NUMBER}) *\* *)?"


_OFFSET = rf"(?: *([-+]) *({_NUMBER}))?"


FORMS = """    a = b + c - d
    MeV = 1000 * GeV + 0
    pt = sqrt(px**2 + py**2)
    pz = pt * sinh(eta)        also cosh, sin, cos
    E = sqrt((pt * cosh(eta))**2 + m**2)     a number may stand for m, here and in roots of squares,
                                             or numbers by an integer: {11: 0.511, 13: 105.66}[type]
    phi = arctan2(py, px)
    eta = arcsinh(pz / pt)     also sqrt(px**2 + py**2) for pt
    flag = lookup(other, number)"""
"""Allowed forms of a relation; except for sums and lookups, a factor may come first and a constant last."""


_SQUARE = rf"{_NAME} *\*\* *2"


_CONSTANT = rf"({_NUMBER}) *\*\* *2"


_ENTRY = rf"-?{_NUMBER} *: *{_NUMBER}"


_TABLE = rf"\{{ *({_ENTRY}(?: *, *{_ENTRY})*) *\}}\[ *{_NAME} *\] *\*\* *2"


_MOMENTUM = rf"\( *{_NAME} *\* *cosh\( *{_NAME} *\) *\) *\*\* *2"


_PATTERNS = {
    **{name: rf"{_NAME} *\* *{name}\( *{_NAME} *\)" for name in ("cosh", "sinh", "cos", "sin")},
    "energy": rf"sqrt\( *{_MOMENTUM} *\+ *{_SQUARE} *\)",
    "energy_const": rf"sqrt\( *{_MOMENTUM} *\+ *{_CONSTANT} *\)",
    "energy_by": rf"sqrt\( *{_MOMENTUM} *\+ *{_TABLE} *\)",
    "arctan2": rf"arctan2\( *{_NAME} *, *{_NAME} *\)",
    "arcsinh": rf"arcsinh\( *{_NAME} +/ +{_NAME} *\)",
    "eta": rf"arcsinh\( *{_NAME} +/ +sqrt\( *{_SQUARE} *\+ *{_SQUARE} *\) *\)",
    "linear": _NAME,
}


_FORMULAS = {name: re.compile(f"{_SCALE}{pattern}{_OFFSET}") for name, pattern in _PATTERNS.items()}


_SQUARES = rf"({_SQUARE}(?: *\+ *{_SQUARE})*)"


_NORM = re.compile(rf"{_SCALE}sqrt\( *{_SQUARES}(?: *\+ *(?:{_CONSTANT}|{_TABLE}))? *\){_OFFSET}")


_LOOKUP = re.compile(rf"lookup\( *{_NAME}(?: *, *{_NAME})* *\)")


_SUM = re.compile(rf"-? *{_NAME}(?: *[-+] *{_NAME})+")


def parse(text: str, column: Callable[[str], int]) -> tuple[int, Relation]:
    """The number of the column on the left of `text`, and the relation on the right.

    `column` returns the number of a column from its name. Raises ConfigError unless `text` has one of
    `FORMS`.
    """
    target, equals, right = (part.strip() for part in text.partition("="))
    relation = _relation(right, column) if equals and re.fullmatch(_NAME, target) else None
    if relation is None:
        raise ConfigError(f"relation {text!r}: write one of\n{FORMS}")
    return column(target), relation


def _relation(text: str, column: Callable[[str], int]) -> Relation | None:
    for function, pattern in _FORMULAS.items():
        if match := pattern.fullmatch(text):
            scale, *names, sign, offset = match.groups()
            constant = float(names.pop()) if FUNCTIONS[function].constant else 0.0
            table = _table(names.pop(-2)) if FUNCTIONS[function].table else ()
            sources = tuple(map(column, names))
            return Formula(function, sources, *_numbers(scale, sign, offset), constant, table)
    if match := _NORM.fullmatch(text):
        scale, squares, _, _, mass, entries, key, sign, offset = match.groups()
        columns = tuple(column(part.partition("*")[0].strip()) for part in squares.split("+"))
        if mass is not None:
            return Formula("norm_const", columns, *_numbers(scale, sign, offset), float(mass))
        if entries is not None:
            columns = (*columns, column(key))
            return Formula("norm_by", columns, *_numbers(scale, sign, offset), table=_table(entries))
        if len(columns) > 1:
            return Formula("norm", columns, *_numbers(scale, sign, offset))
    if _LOOKUP.fullmatch(text):
        names = [part.strip() for part in text.removeprefix("lookup(").removesuffix(")").split(",")]
        return Lookup(tuple(map(column, names)))
    if _SUM.fullmatch(text):
        terms = re.findall(rf"([-+]?) *{_NAME}", text)
        if len(terms) <= MAX_TERMS:
            return Sum(tuple((-1 if sign == "-" else 1, column(name)) for sign, name in terms))
    return None


def _numbers(scale: str | None, sign: str | None, offset: str | None) -> tuple[float, float]:
    return float(scale or 1), float(f"{sign or ''}{offset or 0}")


def _table(text: str) -> Table:
    """A table from its text; raises ConfigError for one that a file cannot hold."""
    entries = [entry.partition(":") for entry in text.split(",")]
    table = tuple(sorted((float(key), float(constant)) for key, _, constant in entries))
    if not is_table(table):
        raise ConfigError(
            f"a relation with {{{text}}}: each key once, {MAX_KEYS} at most, and finite numbers"
        )
    return table
