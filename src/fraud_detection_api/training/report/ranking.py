"""How well the model ranks: ROC, precision and recall, and the distribution of the scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, GREY, ORANGE
from fraud_detection_api.report.document import Gallery, Plot, Section, Words
from fraud_detection_api.report.numbers import count, percent, percent_with_interval
from fraud_detection_api.report.scales import limit_shares, log_odds, show_log_odds, show_percents
from fraud_detection_api.training.report.headline import metric_text
from fraud_detection_api.training.report.material import Material


def ranking(material: Material) -> Section:
    """ROC and precision-recall curves, side by side, and the histogram of probabilities."""
    return Section(
        "ranking",
        "Ranking",
        [Gallery([_roc(material), _precision_recall(material)]), _scores(material)],
    )


def _roc(material: Material) -> Plot:
    words, recall = material.words, material.metrics.get("recall_at_1pct_fpr")
    here = ""
    if recall is not None:
        caught = percent_with_interval(recall["value"] or 0.0, recall["low"] or 0.0, recall["high"] or 0.0)
        here = f"At 1 % of {words.others} flagged, {caught} of the {words.events} are caught."
    return Plot(
        paint_roc,
        "ROC curve",
        {**material.evidence["roc"], "marked": None if recall is None else recall["value"]},
        f"Each point is a threshold: the share of {words.others} that it flags, and of {words.events} that it catches. The "
        "closer to the upper left corner, the better; the dashed line is guessing.",
        here,
    )


def _precision_recall(material: Material) -> Plot:
    words, metric = material.words, material.metrics.get("average_precision")
    base_rate = material.evidence["base_rate"]
    here = ""
    if metric is not None:
        average = metric_text("average_precision", metric["value"] or 0.0)
        here = f"The area below is the average precision, {average}; guessing gives {percent(base_rate)}."
    return Plot(
        paint_precision_recall,
        "Precision and recall",
        {**material.evidence["precision_recall"], "base_rate": base_rate},
        f"The more {words.events} a threshold catches (further right), the fewer of its alerts are right (lower). The "
        "left end is ragged because it rests on few records.",
        here,
    )


def _scores(material: Material) -> Plot:
    words, scores = material.words, material.evidence["scores"]
    total = max(1, sum(scores["fraud"]))
    edges = scores["edges"]
    below = sum(frauds for frauds, right in zip(scores["fraud"], edges[1:], strict=True) if right <= 0.5)
    here = f"{count(below)} of {count(total)} {words.events} have a probability below about 50 %."
    return Plot(
        paint_scores,
        "Distribution of the probabilities",
        scores,
        f"Share of each class in bins of probability (log-odds scale). Where the two overlap, the model cannot tell "
        f"{words.events} from {words.others}.",
        here,
    )


_QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def paint_roc(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """The ROC curve, with the point where 1 % of legitimate records are flagged."""
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=0.9)
    axes.plot(data["false_positive_rate"], data["recall"], color=BLUE)
    if data.get("marked") is not None:
        axes.plot([0.01], [data["marked"]], "o", color=ORANGE, markersize=5)
        axes.annotate("at 1 %", (0.01, data["marked"]), (8, -3), textcoords="offset points", color=ORANGE)
    _unit_square(axes, f"{words.others} flagged", f"{words.events} caught (recall)")


def paint_precision_recall(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """The precision-recall curve, over the base rate."""
    axes.axhline(data["base_rate"], color=GREY, linestyle="--", linewidth=0.9)
    axes.plot(data["recall"], data["precision"], color=BLUE)
    _unit_square(axes, f"{words.events} caught (recall)", "alerts that are right (precision)")


def paint_scores(figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
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
