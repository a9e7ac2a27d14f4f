"""ROC, precision and recall, and the histogram of probabilities."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, GREY, ORANGE
from fraud_detection_api.report.scales import limit_shares, log_odds, show_log_odds, show_percents
from fraud_detection_api.report.words import Words

_QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def roc(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """The ROC curve, with the point where 1 % of legitimate records are flagged."""
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=0.9)
    axes.plot(data["false_positive_rate"], data["recall"], color=BLUE)
    if data.get("marked") is not None:
        axes.plot([0.01], [data["marked"]], "o", color=ORANGE, markersize=5)
        axes.annotate("at 1 %", (0.01, data["marked"]), (8, -3), textcoords="offset points", color=ORANGE)
    _unit_square(axes, f"{words.others} flagged", f"{words.events} caught (recall)")


def precision_recall(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """The precision-recall curve, over the base rate."""
    axes.axhline(data["base_rate"], color=GREY, linestyle="--", linewidth=0.9)
    axes.plot(data["recall"], data["precision"], color=BLUE)
    _unit_square(axes, f"{words.events} caught (recall)", "alerts that are right (precision)")


def scores(figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """Histograms of both classes, each as shares of its class."""
    edges = log_odds(data["edges"])
    heights = {name: np.array(data[name]) / max(1, sum(data[name])) for name in ("legitimate", "fraud")}
    axes.stairs(heights["legitimate"], edges, fill=True, color=BLUE, alpha=0.35, label=words.others)
    axes.stairs(heights["fraud"], edges, color=ORANGE, linewidth=1.6, label=words.events)
    show_log_odds(axes.xaxis, edges[0], edges[-1])
    axes.set_xlim(edges[0], edges[-1])
    limit_shares(axes, float(max(height.max() for height in heights.values())))
    axes.set_xlabel("calibrated probability (log-odds scale)")
    axes.set_ylabel("share of the class in a bin")
    figure.legend(loc="outside upper left", ncols=2)


def _unit_square(axes: Axes, horizontal: str, vertical: str) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.03)
    show_percents(axes.xaxis, _QUARTERS)
    show_percents(axes.yaxis, _QUARTERS)
    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
