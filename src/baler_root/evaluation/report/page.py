"""The report as one HTML page: everything in it, nothing fetched, no scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.report.bootstrap import Shift
from baler_root.evaluation.report.figures import Plot
from baler_root.evaluation.report.results import Report
from baler_root.extras import needed

TEMPLATE = "page.html.j2"


def page(report: Report, figures: Sequence[Plot], command: str) -> str:
    """The HTML text; `command` is how to make it again."""
    jinja = needed("jinja2")
    environment = jinja.Environment(
        loader=jinja.PackageLoader("baler_root.evaluation.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja.StrictUndefined,
    )
    environment.filters |= {
        "number": number, "count": count, "size": size, "percent": percent, "quantity": quantity,
        "shift": shift, "lattice_mean": lattice_mean, "with_error": with_error,
        "before": lambda row: side(row, row.before), "after": lambda row: side(row, row.after), "name_of": lambda path: PurePath(path).name,
    }  # fmt: skip
    template = environment.get_template(TEMPLATE)
    figures_by_name = {one.name: one for one in figures}
    text: str = template.render(
        report=report,
        impact=report.impact,
        figure=figures_by_name.get,
        units=_units(report),
        changed=[(pair, [one for one in pair.fidelity if one.bound != "lossless"]) for pair in report.pairs],
        command=command,
    )
    return text


def _units(report: Report) -> dict[str, str]:
    """What is inferred from any observable, and its unit."""
    observables = report.impact.observables if report.impact else ()
    return {row.name: row.unit for one in observables for row in one.shifts}


def number(value: Any, digits: int = 3) -> str:
    """A few significant digits; a dash where there is none.

    >>> number(0.000577), number(1234.5), number(float("nan")), number(0.0)
    ('0.000577', '1230', '–', '0')
    """
    if value is None or math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e+0" in text:
        text = f"{float(text):.0f}"
    return text.replace("e-0", "e-").replace("-", "−")


def count(value: int) -> str:
    """With thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def size(value: float) -> str:
    """In MB or kB."""
    return f"{number(value / 1e6)} MB" if value >= 1e6 else f"{number(value / 1e3)} kB"


def percent(share: float) -> str:
    """A share in percent, three digits."""
    return "–" if math.isnan(share) else f"{number(100 * share)} %"


def quantity(value: Quantity) -> str:
    """Value, error and unit; or why there is none."""
    if value.failure:
        return f"no value: {value.failure}"
    return f"{with_error(value.value, value.error)} {value.unit}".rstrip()


def shift(row: Shift) -> str:
    """A shift with its paired error."""
    return with_error(row.shift, row.paired_error, plus=True)


def lattice_mean(row: Shift) -> str:
    """Mean shift over all lattices with its standard error."""
    return with_error(row.lattice_mean, row.lattice_error, plus=True)


def side(row: Shift, value: Quantity) -> str:
    """One side of a shift: digits are those in which the sides may differ."""
    if value.failure:
        return f"no value: {value.failure}"
    fine = row.paired_error if row.paired_error > 0 else value.error
    return with_error(value.value, value.error, fine=fine)


def with_error(value: float, error: float, *, plus: bool = False, fine: float = math.nan) -> str:
    """As many digits as the first two of the error (of `fine`, where that is smaller) are worth.

    >>> with_error(285.675, 70.63), with_error(125.1566, 0.4179), with_error(0.0251, 0.0781, plus=True)
    ('286 ± 71', '125.16 ± 0.42', '+0.025 ± 0.078')
    >>> with_error(4.2978, 1.0, fine=0.046)
    '4.298 ± 1.0'
    """
    if math.isnan(value):
        return "–"
    sign = "+" if plus else ""
    smallest = min((one for one in (error, fine) if math.isfinite(one) and one > 0), default=math.nan)
    if math.isnan(smallest):
        text = f"{value:{sign}.6g}" if value else "0"
        return f"{text} ± 0".replace("-", "−") if error == 0 else text.replace("-", "−")
    text = f"{value:{sign}.{_places(smallest)}f}"
    if math.isfinite(error):
        text += f" ± {error:.{_places(error)}f}"
    return text.replace("-", "−")


def _places(error: float) -> int:
    return max(0, 1 - math.floor(math.log10(error))) if error > 0 else 0
