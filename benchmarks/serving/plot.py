"""A plot of the load: requests a second at 32 connections, and how long answers took."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.serving.requirements import CONNECTIONS, RECORDS
from benchmarks.serving.results import Load, Results
from benchmarks.serving.summary import Summary, p50, p99, rate, summarised
from benchmarks.serving.tables import figure
from benchmarks.serving.targets import EMPTY, TARGETS, Target

OURS, THEIRS, CEILING = "#0072b2", "#9ca3af", "#d1d5db"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
}
NO_METADATA: dict[str, str | None] = dict.fromkeys(("Date", "Creator", "Format", "Type"))

Bar = tuple[Target, Sequence[Load]]


def draw(results: Results) -> str:
    """An SVG document; the same results give the same bytes."""
    bars = _bars(results)
    buffer = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        drawing = Figure(figsize=(9, 0.6 + 0.36 * max(len(bars), 1)), layout="constrained", facecolor="white")
        FigureCanvasSVG(drawing)
        left, right = drawing.subplots(1, 2, sharey=True)
        _rates(left, bars)
        _delays(right, bars)
        drawing.savefig(buffer, format="svg", metadata=NO_METADATA)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().decode().splitlines())


def _bars(results: Results) -> list[Bar]:
    """From the bottom up."""
    found = [(target, results.loaded(target.name, CONNECTIONS, RECORDS)) for target in TARGETS.values()]
    return [(target, loaded.rounds) for target, loaded in reversed(found) if loaded is not None]


def _colour(target: Target) -> str:
    return CEILING if target.name == EMPTY else OURS if target.server.startswith("product") else THEIRS


def _rates(axes: Axes, bars: Sequence[Bar]) -> None:
    summaries = [summarised(loads, rate) for _, loads in bars]
    places = range(len(bars))
    middles = [summary.median for summary in summaries]
    axes.barh(places, middles, color=[_colour(target) for target, _ in bars], xerr=_errors(summaries), ecolor="#374151")
    axes.set_yticks(places, [target.label.replace("`", "") for target, _ in bars])
    for place, summary in zip(places, summaries, strict=True):
        axes.annotate(figure(summary.median), (summary.most, place), (4, 0), textcoords="offset points", va="center")
    axes.xaxis.set_major_formatter(lambda number, _place: f"{number:,.0f}")
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlim(0, 1.15 * max([summary.most for summary in summaries], default=1))
    axes.set_xlabel(f"requests/s, one record, {CONNECTIONS} connections")
    axes.grid(axis="x")


def _errors(summaries: Sequence[Summary]) -> list[list[float]]:
    """How far the extremes are from the medians."""
    return [[one.median - one.least for one in summaries], [one.most - one.median for one in summaries]]


def _delays(axes: Axes, bars: Sequence[Bar]) -> None:
    for place, (target, loads) in enumerate(bars):
        half, most = summarised(loads, p50).median, summarised(loads, p99).median
        axes.plot([half, most], [place, place], color=_colour(target), linewidth=2)
        axes.plot([half], [place], "o", color=_colour(target))
        axes.plot([most], [place], "|", color=_colour(target), markersize=11, markeredgewidth=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda number, _place: f"{number:g}")
    axes.set_xlabel("p50 (dot) and p99 (bar), ms")
    axes.grid(axis="x")
