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
    flag = lookup(other, number)
    dR = deltaR((eta1, phi1), (eta2, phi2))
    dphi = deltaphi(phi1, phi2)     also abs(deltaphi(phi1, phi2)), abs(a - b), a * b, a / b, 1 / abs(a)
    mt = mT((pt1, phi1), (pt2, phi2))
    pt = pt((pt1, phi1), (pt2, phi2))     also phi; of two particles or more
    eta = eta((pt1, eta1, phi1), (pt2, eta2, phi2))
    m = mass((pt1, eta1, phi1), (pt2, eta2, phi2))     a column or a number may follow phi as the mass
    a = sqrt((pt * cosh(eta))**2 + m**2) - b - c
    pt = track_pt(qop, tx, ty)     also track_distance(x, y, tx, ty), impact_parameter(x, y, tx, ty)
    HT = sum(jet_pt)     also max, min, item(jet_pt, 0), count(jet_pt > 30), sum(jet_pt, jet_pt > 30)"""
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
    "distance": rf"abs\( *{_NAME} +- +{_NAME} *\)",
    "product": rf"{_NAME} *\* *{_NAME}",
    "ratio": rf"{_NAME} +/ +{_NAME}",
    "delta_phi": rf"deltaphi\( *{_NAME} *, *{_NAME} *\)",
    "angle": rf"abs\( *deltaphi\( *{_NAME} *, *{_NAME} *\) *\)",
    "inverse": rf"1 */ *abs\( *{_NAME} *\)",
    "track_pt": rf"track_pt\( *{_NAME} *, *{_NAME} *, *{_NAME} *\)",
    **{
        name: rf"{name}\( *{_NAME} *, *{_NAME} *, *{_NAME} *, *{_NAME} *\)"
        for name in ("track_distance", "impact_parameter")
    },
}


_FORMULAS = {name: re.compile(f"{_SCALE}{pattern}{_OFFSET}") for name, pattern in _PATTERNS.items()}


_SQUARES = rf"({_SQUARE}(?: *\+ *{_SQUARE})*)"


_NORM = re.compile(rf"{_SCALE}sqrt\( *{_SQUARES}(?: *\+ *(?:{_CONSTANT}|{_TABLE}))? *\){_OFFSET}")


_ENERGY_REMAINDER = re.compile(
    rf"{_SCALE}\(?sqrt\( *{_MOMENTUM} *\+ *{_SQUARE} *\)((?: +- +{_NAME})+)\)?{_OFFSET}"
)


_PARTICLES = re.compile(rf"{_SCALE}(\w+)\(( *\([^()]*\)(?: *, *\([^()]*\))+ *)\){_OFFSET}")


_LISTS = {
    **{
        f"list_{name}": re.compile(rf"{_SCALE}{name}\( *{_NAME} *\){_OFFSET}")
        for name in ("sum", "max", "min")
    },
    "list_item": re.compile(rf"{_SCALE}item\( *{_NAME} *, *({_NUMBER}) *\){_OFFSET}"),
    "list_count": re.compile(rf"{_SCALE}count\( *{_NAME} *> *(-?{_NUMBER}) *\){_OFFSET}"),
    "list_sum_above": re.compile(
        rf"{_SCALE}sum\( *(?P<items>{_NAME[1:-1]}) *, *(?P=items) *> *(-?{_NUMBER}) *\){_OFFSET}"
    ),
}


_LOOKUP = re.compile(rf"lookup\( *{_NAME}(?: *, *{_NAME})* *\)")


_SUM = re.compile(rf"-? *{_NAME}(?: *[-+] *{_NAME})+")


def parse(
    text: str, column: Callable[[str], int], lengths: Callable[[int], int] | None = None
) -> tuple[int, Relation]:
    """The number of the column on the left of `text`, and the relation on the right.

    `column` returns the number of a column from its name, `lengths` that of the column with the lengths of
    the lists whose items a column has. Raises ConfigError unless `text` has one of `FORMS`.
    """
    target, equals, right = (part.strip() for part in text.partition("="))
    relation = None
    if equals and re.fullmatch(_NAME, target):
        relation = _relation(right, column) or _reduction(right, column, lengths)
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
    if match := _ENERGY_REMAINDER.fullmatch(text):
        scale, *momentum, others, _, sign, offset = match.groups()
        names = [*momentum, *(name.strip() for name in re.split(" - ", others) if name.strip())]
        return Formula("energy_remainder", tuple(map(column, names)), *_numbers(scale, sign, offset))
    if match := _PARTICLES.fullmatch(text):
        scale, word, particles, sign, offset = match.groups()
        return _of_particles(word, particles, _numbers(scale, sign, offset), column)
    if _LOOKUP.fullmatch(text):
        names = [part.strip() for part in text.removeprefix("lookup(").removesuffix(")").split(",")]
        return Lookup(tuple(map(column, names)))
    if _SUM.fullmatch(text):
        terms = re.findall(rf"([-+]?) *{_NAME}", text)
        if len(terms) <= MAX_TERMS:
            return Sum(tuple((-1 if sign == "-" else 1, column(name)) for sign, name in terms))
    return None


def _of_particles(
    word: str, text: str, numbers: tuple[float, float], column: Callable[[str], int]
) -> Formula | None:
    """A function of particles, each given by its columns in parentheses; None if there is none like it."""
    particles = [[part.strip() for part in group.split(",")] for group in re.findall(r"\(([^()]*)\)", text)]
    constants = {group[-1] for group in particles if re.fullmatch(_NUMBER, group[-1])}
    if len(constants) > 1 or (constants and not all(group[-1] in constants for group in particles)):
        return None
    if constants:
        particles = [group[:-1] for group in particles]
    names = [name for group in particles for name in group]
    for function_name, function in FUNCTIONS.items():
        fits = function.group and all(len(group) == function.group for group in particles)
        if (
            fits
            and function.text == word
            and function.constant == bool(constants)
            and function.takes(len(names))
        ):
            constant = float(constants.pop()) if constants else 0.0
            return Formula(function_name, tuple(map(column, names)), *numbers, constant)
    return None


def _reduction(
    text: str, column: Callable[[str], int], lengths: Callable[[int], int] | None
) -> Formula | None:
    """A function of the items of lists; None for any other text, or without lists."""
    for function, pattern in _LISTS.items():
        if (match := pattern.fullmatch(text)) and lengths is not None:
            scale, name, *constant, sign, offset = match.groups()
            number = column(name)
            value = float(constant[0]) if constant else 0.0
            return Formula(function, (lengths(number), number), *_numbers(scale, sign, offset), value)
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
