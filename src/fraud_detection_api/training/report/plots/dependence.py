"""Partial dependence: a small plot for each column, all on one scale of log-odds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, ORANGE, plain
from fraud_detection_api.report.scales import log_odds, place_few, place_values, show_log_odds
from fraud_detection_api.report.words import Words

FEW = 4
"""With fewer values no line is drawn."""
MOST_LEVELS = 8
LABEL_LENGTH = 20


def dependence(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
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
        _rug(axes, at)
    if "missing" in data:
        _missing(axes, float(log_odds(data["missing"]["probability"])))
    bottom, top = _scale(data)
    axes.set_ylim(bottom, top)
    show_log_odds(axes.yaxis, bottom, top)
    axes.set_ylabel(f"probability of {words.event}")


def levels(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
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


def _rug(axes: Axes, at: Any) -> None:
    axes.plot(
        at, np.zeros(len(at)), "|", color=BLUE, markersize=7, markeredgewidth=0.7, transform=axes.get_xaxis_transform()
    )


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
