"""Figures as inline SVG: the same bytes for the same data, without style attributes and without anything to load."""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fraud_detection_api.report.html import html_text, printable

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#aa4499"
"""Distinct for the colour-blind too: Okabe and Ito, "Color universal design", 2008; the purple is Tol's."""
GREY, PALE = "#6b7280", "#d1d5db"

REGULAR, SMALL = (380, 290), (270, 195)
"""Width and height, in units in which a letter is nine high."""

_NO_METADATA: dict[str, str | None] = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def draw(paint: Callable[[Figure, Axes], None], *, name: str, title: str, description: str, small: bool = False) -> str:
    """An `<svg>` element with the axes that `paint` fills; `name` must be unique within the page.

    `title` and `description` are plain text for those who cannot see it.
    """
    width, height = SMALL if small else REGULAR
    buffer = io.BytesIO()
    with _own_style(name), warnings.catch_warnings():
        # the reader's fonts show names in any script; here only their width is estimated
        warnings.filterwarnings("ignore", message="Glyph|Matplotlib currently does not support")
        figure = Figure(figsize=(width / 72, height / 72))
        FigureCanvasSVG(figure)
        paint(figure, figure.add_subplot())
        ConstrainedLayoutEngine().execute(figure)  # saving a figure that has a layout engine would draw it twice
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    drawing = _tidied(buffer.getvalue().decode())
    labels = f'role="img" aria-labelledby="{name}-title {name}-text"'
    described = (
        f'<title id="{name}-title">{html_text(title)}</title><desc id="{name}-text">{html_text(description)}</desc>'
    )
    return f'<svg class="plot" viewBox="0 0 {width} {height}" {labels}>{described}{drawing}</svg>'


def plain(name: str, most: int) -> str:
    r"""A name on one line, shortened in the middle.

    >>> plain("number_of_accounts", 9), plain("a\nb", 9)
    ('numb…unts', 'a b')
    """
    name = " ".join(printable(name).split())
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


@cache
def _style() -> mpl.RcParams:
    with resources.as_file(resources.files("fraud_detection_api.report").joinpath("figures.mplstyle")) as path:
        return mpl.rc_params_from_file(path, use_default_template=False)


@contextmanager
def _own_style(name: str) -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's settings are; ids within the SVG depend on `name`."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_style(), "svg.hashsalt": name})
        yield


def _tidied(svg: str) -> str:
    """The content of matplotlib's `<svg>`, for a page whose policy allows no style attributes."""
    inner = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    inner = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", inner, flags=re.DOTALL)
    used = set(re.findall(r"#([\w.]+)", " ".join(re.findall(r'(?:xlink:href|clip-path)="[^"]*"', inner))))
    inner = re.sub(r"<[^>]+>", lambda tag: _plain_tag(tag[0], used), inner)
    inner = re.sub(r">\s*\n\s*<", "><", inner)
    return inner.strip()


def _plain_tag(tag: str, used: set[str]) -> str:
    tag = re.sub(r' style="([^"]*)"', lambda style: _attributes(style[1]), tag)
    tag = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", tag)
    tag = re.sub(r"(\d+\.\d)\d+", r"\1", tag.replace("xlink:href", "href"))  # a tenth of a unit is less than a pixel
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    return re.sub(r"\s+", " ", tag)


def _attributes(style: str) -> str:
    """A style as separate attributes; the typeface is the page's."""
    pairs = [part.split(":", 1) for part in style.split(";") if ":" in part]
    return "".join(f' {key.strip()}="{value.strip()}"' for key, value in pairs if key.strip() != "font-family")
