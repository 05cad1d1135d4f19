"""The report as one HTML page: everything in it, nothing fetched, no scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from baler_root.physics.extras import needed
from baler_root.physics.quantity import Quantity
from baler_root.report.bootstrap import Shift
from baler_root.report.build import Report
from baler_root.report.drawing import Plot
from baler_root.report.verdict import signed

TEMPLATE = "page.html.j2"


def page(report: Report, figures: Sequence[Plot], command: str) -> str:
    """The HTML text; `command` is how to make it again."""
    jinja = needed("jinja2")
    environment = jinja.Environment(
        loader=jinja.PackageLoader("baler_root.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja.StrictUndefined,
    )
    environment.filters |= {
        "number": number, "count": count, "size": size, "percent": percent, "quantity": quantity, "signed": signed,
        "shift": shift, "name_of": lambda path: PurePath(path).name,
    }  # fmt: skip
    template = environment.get_template(TEMPLATE)
    figures_by_name = {one.name: one for one in figures}
    text: str = template.render(
        report=report,
        impact=report.impact,
        figure=figures_by_name.get,
        figures=figures,
        changed=[(pair, [one for one in pair.fidelity if one.bound != "lossless"]) for pair in report.pairs],
        command=command,
    )
    return text


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
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        text = f"{value:.0f}" if 0 < int(exponent) < 6 else f"{mantissa}e{int(exponent)}"
        if 0 < int(exponent) < 6:
            text = str(int(float(f"{value:.{digits}g}")))
    return text.replace("-", "−")


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
    """Value, error and unit; or that it failed, and why."""
    if value.failure:
        return f"failed: {value.failure}"
    text = with_error(value.value, value.error)
    return f"{text} {value.unit}".rstrip()


def shift(value: Shift) -> str:
    """A shift with its paired error."""
    return f"{with_error(value.shift, value.paired_error, plus=True)} {value.unit}".rstrip()


def with_error(value: float, error: float, *, plus: bool = False) -> str:
    """As many digits as the error's first two are worth.

    >>> with_error(285.675, 70.63), with_error(125.1566, 0.4179), with_error(0.0251, 0.0781, plus=True)
    ('286 ± 71', '125.16 ± 0.42', '+0.025 ± 0.078')
    """
    if math.isnan(value):
        return "–"
    sign = "+" if plus else ""
    if not math.isfinite(error) or error == 0:
        text = f"{value:{sign}.6g}"
        return (text if math.isnan(error) else f"{text} ± {error:g}").replace("-", "−")
    places = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:{sign}.{places}f} ± {error:.{places}f}".replace("-", "−")
