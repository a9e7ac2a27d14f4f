"""Where the marks of a plot are, in the units of its view box. The stylesheet colours them, in light and in dark."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from fraud_detection_api.report.numbers import percent

Kind = Literal["approve", "review", "decline", "now", "limit", "champion", "challenger"]
"""The class of a line: what it stands for, which has one colour on all pages."""

WIDTH, HEIGHT = 320, 170
LEFT, TOP, RIGHT, BOTTOM = 46, 8, 300, 146
"""The view box, and the frame of the axes within it."""

LONGEST_NAME = 26


class Tick(NamedTuple):
    """A label of an axis, and where it is along the axis."""

    at: float
    text: str


class Line(NamedTuple):
    """A line: `points` of a polyline, and `dots` on it; empty where there are many."""

    kind: Kind
    name: str
    points: str
    dots: tuple[tuple[float, float], ...] = ()


class LinePlot(NamedTuple):
    """Lines over one axis. `marks` are vertical lines. `reading` is the plot in words, for those who cannot see it."""

    title: str
    reading: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_label: str
    marks: tuple[Tick, ...] = ()


class BarPlot(NamedTuple):
    """Shares of bins: `then` is the path of the bars of before, and `now` that of the dots of now."""

    then: str
    now: str
    y_ticks: tuple[Tick, ...]
    first: str
    last: str


def line_plot(  # noqa: PLR0913 what a plot is made of
    title: str,
    lines: Sequence[tuple[Kind, str, Sequence[float], Sequence[float]]],
    *,
    reading: str,
    x_label: str,
    x_ticks: Sequence[tuple[float, str]],
    top: float,
    y_text: Callable[[float], str] = percent,
    marks: Mapping[str, float] | None = None,
) -> LinePlot:
    """Lines given as kind, name, horizontal positions and values from 0 to `top`; what is higher is cut off."""
    xs = [x for _, _, horizontal, _ in lines for x in horizontal]
    low, high = (min(xs), max(xs)) if xs else (0.0, 1.0)
    span = (high - low) or 1.0

    def across(x: float) -> float:
        return round(LEFT + (x - low) / span * (RIGHT - LEFT), 1)

    return LinePlot(
        title,
        reading,
        tuple(_line(kind, name, [across(x) for x in horizontal], ys, top) for kind, name, horizontal, ys in lines),
        tuple(Tick(across(x), text) for x, text in x_ticks if low <= x <= high),
        height_ticks(top, y_text),
        x_label,
        tuple(Tick(across(x), text) for text, x in (marks or {}).items() if low <= x <= high),
    )


MOST_DOTS = 30


def _line(kind: Kind, name: str, xs: Sequence[float], ys: Sequence[float], top: float) -> Line:
    points = [(x, _up(y, top)) for x, y in zip(xs, ys, strict=True)]
    return Line(
        kind, name, " ".join(f"{x:g},{y:g}" for x, y in points), tuple(points) if len(points) <= MOST_DOTS else ()
    )


def bar_plot(names: Sequence[str], then: Sequence[float], now: Sequence[float]) -> BarPlot:
    """Shares of bins, from 0 to 1.

    >>> bar_plot(["0 to 1", "1 to 2"], [0.5, 0.5], [0.25, 0.75]).now
    'M109.5 100.9h0M236.5 10.7h0'
    """
    top, step = max(*then, *now, 1e-6) * 1.02, (RIGHT - LEFT) / max(len(names), 1)
    left = [LEFT + k * step for k in range(len(names))]
    bars = (
        f"M{x + 0.08 * step:.4g} {BOTTOM}V{_up(each, top):g}h{0.84 * step:.3g}V{BOTTOM}z"
        for x, each in zip(left, then, strict=True)
    )
    dots = (f"M{x + step / 2:.4g} {_up(each, top):g}h0" for x, each in zip(left, now, strict=True))
    return BarPlot("".join(bars), "".join(dots), height_ticks(top, percent), _short(names[0]), _short(names[-1]))


def height_ticks(top: float, text: Callable[[float], str]) -> tuple[Tick, ...]:
    """Labels of the vertical axis at 0 and two or three round heights.

    >>> [tick.text for tick in height_ticks(0.5, percent)]
    ['0 %', '20.0 %', '40.0 %']
    """
    return tuple(Tick(_up(each, top), text(each)) for each in round_steps(top))


MOST_STEPS = 3.5


def round_steps(top: float) -> tuple[float, ...]:
    """0, and two or three round numbers up to `top`, which is above 0.

    >>> round_steps(402)
    (0.0, 200.0, 400.0)
    """
    power = 10.0 ** _power(top)
    step = next(power * each for each in (0.2, 0.25, 0.5, 1, 2, 5) if top / (power * each) <= MOST_STEPS)
    return tuple(k * step for k in range(int(top / step + 1e-9) + 1))


def _power(top: float) -> int:
    """The power of ten at or below a number above 0."""
    return int(f"{top:e}".partition("e")[2])


def _up(share: float, top: float) -> float:
    part = min(max(share / top, 0.0), 1.0)
    return round(BOTTOM - part * (BOTTOM - TOP), 1)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
