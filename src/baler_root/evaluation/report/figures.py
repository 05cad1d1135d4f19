"""Figures in the style of high-energy physics: SVG in the colours of a page, PNG and PDF."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baler_root.extras import needed

INK = "black"
"""Colour of text and axes; on a page it is replaced by the colour of the text."""


BEFORE, AFTER, THIRD, FOURTH = INK, "#d9602a", "#3b82c4", "#2e9e6b"
"""Colours that are readable on white and on near-black, and distinct for colour-blind readers."""

DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1, 1, 1)))
"""Line styles of matplotlib."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished figure."""

    name: str
    """Name of its files, without suffix."""
    caption: str
    """One sentence, which is also the text alternative of the figure."""
    svg: str
    figure: Any

    def save(self, folder: Path) -> None:
        """Writes PNG and PDF into `folder`, without a creation time."""
        with styled():
            self.figure.savefig(folder / f"{self.name}.png", dpi=110, facecolor="white")
            self.figure.savefig(
                folder / f"{self.name}.pdf",
                facecolor="white",
                metadata={"CreationDate": None, "Producer": None},
            )


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Context in which figures have the style of high-energy physics."""
    matplotlib = needed("matplotlib")
    matplotlib.use("agg", force=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # plotting libraries warn about each other
        style = needed("mplhep").style.ROOT
        changes = {
            "figure.figsize": (9, 6.5), "font.size": 18, "axes.labelsize": 20, "legend.fontsize": 16,
            "xtick.labelsize": 16, "ytick.labelsize": 16, "axes.titlesize": 18, "svg.fonttype": "path",
            "lines.linewidth": 1.8, "figure.constrained_layout.use": True, "figure.autolayout": False,
            "savefig.bbox": None,
        }  # fmt: skip
        with matplotlib.rc_context():
            matplotlib.rcParams.update(
                {key: value for key, value in style.items() if key in matplotlib.rcParams}
            )
            matplotlib.rcParams.update(changes)
            yield


def new_figure(size: tuple[float, float] | None = None) -> Any:
    """A figure without a window; `size` in inches."""
    figure = needed("matplotlib.figure").Figure(figsize=size)
    needed("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    return figure


def label(axes: Any, right: str = "") -> None:
    """Writes the name of the program above the frame on the left, and `right` on the right."""
    axes.text(0.0, 1.015, "baler-root", transform=axes.transAxes, weight="bold", style="italic", va="bottom")
    if right:
        axes.text(1.0, 1.015, right, transform=axes.transAxes, ha="right", va="bottom", size="small")


def finished(name: str, caption: str, figure: Any) -> Plot:
    """The finished figure, with SVG that takes the text colour of its page; call it within `styled`."""
    svg = io.StringIO()
    matplotlib = needed("matplotlib")
    # the salt keeps names inside the SVG from clashing with those of other figures
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            svg, format="svg", transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )  # fmt: skip
    return Plot(name, caption, _for_page(svg.getvalue(), name), figure)


def _for_page(text: str, name: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # the figure's name prefixes every name, or glyphs of one figure would be drawn with those of another
    prefix = re.sub(r"\W", "-", name)
    text = re.sub(r'\bid="', f'id="{prefix}.', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{prefix}.", text)
    text = re.sub(r"(fill|stroke): ?#000000", r"\1: currentColor", text)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()  # type: ignore[union-attr]
    return re.sub(
        r"<svg[^>]*>",
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" fill="currentColor" '
        f'viewBox="0 0 {width} {height}" aria-hidden="true" focusable="false">',
        text,
        count=1,
    )
