"""The report as one self-contained HTML page, without scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.report.figures import Plot
from baler_root.evaluation.report.result_shifts import Shift
from baler_root.evaluation.report.results import Report
from baler_root.extras import needed

TEMPLATE = "page.html.j2"


def page(report: Report, figures: Sequence[Plot], command: str) -> str:
    """HTML text of the page; `command` is the command line that makes the report."""
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
        "shift": shift, "offset_mean": offset_mean, "with_error": with_error,
        "before": lambda row: side(row, row.before), "after": lambda row: side(row, row.after),
        "name_of": lambda path: PurePath(path).name,
    }  # fmt: skip
    template = environment.get_template(TEMPLATE)
    figures_by_name = {figure.name: figure for figure in figures}
    text: str = template.render(
        report=report,
        impact=report.impact,
        figure=figures_by_name.get,
        units=_units(report),
        changed=[
            (pair, [branch for branch in pair.fidelity if branch.bound != "lossless"])
            for pair in report.pairs
        ],
        command=command,
    )
    return text


def _units(report: Report) -> dict[str, str]:
    """Unit of each quantity that is inferred from any observable."""
    observables = report.impact.observables if report.impact else ()
    return {shift.name: shift.unit for observable in observables for shift in observable.shifts}


def number(value: Any, digits: int = 3) -> str:
    """The number with a few significant digits; a dash for NaN and None.

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
    """The number with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def size(value: float) -> str:
    """A size in MB or kB."""
    return f"{number(value / 1e6)} MB" if value >= 1e6 else f"{number(value / 1e3)} kB"


def percent(share: float) -> str:
    """A share in percent, with three digits."""
    return "–" if math.isnan(share) else f"{number(100 * share)} %"


def quantity(value: Quantity) -> str:
    """Value, error and unit of a quantity, or why it failed."""
    if value.failure:
        return f"no value: {value.failure}"
    return f"{with_error(value.value, value.error)} {value.unit}".rstrip()


def shift(row: Shift) -> str:
    """A shift with its paired error."""
    return with_error(row.shift, row.paired_error, plus=True)


def offset_mean(row: Shift) -> str:
    """Mean shift over all rounding offsets with its standard error."""
    return with_error(row.offset_mean, row.offset_error, plus=True)


def side(row: Shift, value: Quantity) -> str:
    """Value of one side of a shift, with the digits in which the sides can differ."""
    if value.failure:
        return f"no value: {value.failure}"
    fine = row.paired_error if row.paired_error > 0 else value.error
    return with_error(value.value, value.error, fine=fine)


def with_error(value: float, error: float, *, plus: bool = False, fine: float = math.nan) -> str:
    """`value ± error`, with digits down to the second of the error (or of `fine`, if that is smaller).

    >>> with_error(285.675, 70.63), with_error(125.1566, 0.4179), with_error(0.0251, 0.0781, plus=True)
    ('286 ± 71', '125.16 ± 0.42', '+0.025 ± 0.078')
    >>> with_error(4.2978, 1.0, fine=0.046)
    '4.298 ± 1.0'
    """
    if math.isnan(value):
        return "–"
    sign = "+" if plus else ""
    positive = (number for number in (error, fine) if math.isfinite(number) and number > 0)
    smallest = min(positive, default=math.nan)
    if math.isnan(smallest):
        text = f"{value:{sign}.6g}" if value else "0"
        return f"{text} ± 0".replace("-", "−") if error == 0 else text.replace("-", "−")
    text = f"{value:{sign}.{_places(smallest)}f}"
    if math.isfinite(error):
        text += f" ± {error:.{_places(error)}f}"
    return text.replace("-", "−")


def _places(error: float) -> int:
    return max(0, 1 - math.floor(math.log10(error))) if error > 0 else 0
