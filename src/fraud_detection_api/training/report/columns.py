"""Which columns matter, and how the probability depends on them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, ORANGE, plain
from fraud_detection_api.report.document import Bar, Block, Cell, Code, Gallery, Paragraph, Plot, Section, Table, Words
from fraud_detection_api.report.numbers import count, percent, shown_dtype
from fraud_detection_api.report.scales import log_odds, place_few, place_values, show_log_odds
from fraud_detection_api.training.report.material import Material

SHOWN = 20


def importance(material: Material) -> Section:
    """Gain and mean |SHAP| side by side."""
    ranked = material.evidence["importance"]
    shown, left_out = ranked[:SHOWN], ranked[SHOWN:]
    longest = [max((item[key] for item in shown), default=0) or 1 for key in ("mean_abs_contribution", "gain_share")]
    explained = (
        "The mean |SHAP value| is how far a column moves the log-odds of a record, up or down, on average; its interval "
        "covers the sampled records. The gain is how much splits on the column reduced the training loss; it favours "
        "columns with many values."
    )
    first = (
        f" The first is “{shown[0]['column']}”, with {percent(shown[0]['gain_share'])} of the gain." if shown else ""
    )
    rest = sum(item["gain_share"] for item in left_out)
    more = f" {count(len(left_out))} more columns, with {percent(rest)} of the gain, are not shown." if left_out else ""
    rows = [_row(item, longest) for item in shown]
    table = Table(
        "Importance of columns", ["column", "mean |SHAP|, log-odds (95 % interval)", "share of the gain"], rows, 5
    )
    return Section("importance", "Importance of columns", [Paragraph(explained + first + more), table])


def _row(item: Mapping[str, Any], longest: Sequence[float]) -> list[Cell]:
    size, gain = item["mean_abs_contribution"], item["gain_share"]
    text = f"{size:.3f} ({item['low']:.3f} to {item['high']:.3f})" if size else "0"
    return [Code(item["column"]), Bar(text, size / longest[0]), Bar(percent(gain), gain / longest[1])]


def dependence(material: Material) -> Section:
    """Small multiples of partial dependence, on one scale."""
    curves = [curve for curve in material.evidence["partial_dependence"] if curve["values"]]
    explained = (
        "The line is the mean probability over a sample of test records when the column is set to a value; the band holds "
        "80 % of the records. Ticks at the bottom are the values tried, from the 1st to the 99th percentile of the "
        "records. All plots share one scale of log-odds, so a flat line means that the column matters little. Only one "
        "column changes at a time, so where columns are correlated, the ends of a line may stand for records that do not "
        "exist."
    )
    left_out = len(material.card["features"]) - len(curves)
    more = (
        f" The {count(len(curves))} most important columns are shown, and {count(left_out)} are not."
        if left_out > 0
        else ""
    )
    scale = {"bottom": min(_ends(curves, "low"), default=0.0), "top": max(_ends(curves, "high"), default=1.0)}
    plots = [_plot(curve, scale, material) for curve in curves]
    blocks: list[Block] = [Paragraph(explained + more), Gallery(plots, small=True)]
    return Section("dependence", "Partial dependence", blocks, in_card=False)


def _ends(curves: Sequence[Mapping[str, Any]], end: str) -> list[float]:
    """One end of every band."""
    return [p for curve in curves for p in (*curve[end], *([curve["missing"][end]] if "missing" in curve else []))]


def _plot(curve: Mapping[str, Any], scale: Mapping[str, float], material: Material) -> Plot:
    lowest, highest = min(curve["probability"]), max(curve["probability"])
    missing = curve.get("missing")
    gap = f" Missing: {percent(missing['probability'])}." if missing else ""
    here = f"From {percent(lowest)} to {percent(highest)}.{gap}"
    dtype = shown_dtype(curve["column"], material.evidence.get("dtypes", {}))
    drawing = paint_levels if "labels" in curve else paint_dependence
    return Plot(drawing, curve["column"], {**curve, **scale, "dtype": dtype}, here=here)


FEW = 4
"""With fewer values no line is drawn."""
MOST_LEVELS = 8
LABEL_LENGTH = 20


def paint_dependence(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """Mean probability and the band of single records against a column's values."""
    values, dtype = np.array(data["values"]), data["dtype"]
    middle, low, high = (log_odds(data[name]) for name in ("probability", "low", "high"))
    if len(values) < FEW:
        at = place_few(axes, values, dtype=dtype)
        axes.vlines(at, low, high, color=BLUE, linewidth=5, alpha=0.25)
        axes.plot(at, middle, "o", color=BLUE, markersize=4)
    else:
        at = place_values(axes, values, dtype=dtype)
        axes.fill_between(at, low, high, color=BLUE, alpha=0.18, linewidth=0)
        axes.plot(at, middle, color=BLUE)
        level = axes.get_xaxis_transform()
        axes.plot(at, np.zeros(len(at)), "|", color=BLUE, markersize=7, markeredgewidth=0.7, transform=level)
    if "missing" in data:
        _missing(axes, float(log_odds(data["missing"]["probability"])))
    bottom, top = _scale(data)
    axes.set_ylim(bottom, top)
    show_log_odds(axes.yaxis, bottom, top)
    axes.set_ylabel(f"probability of {words.event}")


def paint_levels(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """Mean probability and the band of single records for the most frequent levels, by rising probability."""
    frequent = np.argsort(-np.array(data["rows_at"]), kind="stable")[:MOST_LEVELS]
    shown = frequent[np.argsort(np.array(data["probability"])[frequent], kind="stable")]
    at = np.arange(len(shown))
    middle, low, high = (log_odds(data[name])[shown] for name in ("probability", "low", "high"))
    axes.hlines(at, low, high, color=BLUE, linewidth=5, alpha=0.25)
    axes.plot(middle, at, "o", color=BLUE, markersize=4)
    axes.set_yticks(at.tolist(), [plain(data["labels"][index], LABEL_LENGTH) for index in shown])
    axes.set_ylim(-0.7, max(len(shown), 3) - 0.3)
    left, right = _scale(data)
    axes.set_xlim(left, right)
    show_log_odds(axes.xaxis, left, right, closest=0.25)
    axes.set_xlabel(f"probability of {words.event}")


def _missing(axes: Axes, height: float) -> None:
    axes.axhline(height, color=ORANGE, linestyle=":", linewidth=1.2)
    axes.annotate(
        "missing",
        (0.99, height),
        (0, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        color=ORANGE,
    )


def _scale(data: Mapping[str, Any]) -> tuple[float, float]:
    return float(log_odds(data["bottom"])) - 0.3, float(log_odds(data["top"])) + 0.3
