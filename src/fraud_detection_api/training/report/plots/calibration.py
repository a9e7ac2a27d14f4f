"""Reliability: fraud rate by probability."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, GREY
from fraud_detection_api.report.scales import log_odds, show_log_odds
from fraud_detection_api.report.words import Words


def reliability(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """Fraud rate with its interval against the mean probability, bin by bin, both in log-odds."""
    stated, observed, low, high = (
        log_odds([each[name] for each in data["bins"]]) for name in ("mean_probability", "fraud_rate", "low", "high")
    )
    floor = min(float(stated.min()), float(high.min())) - 0.7
    ceiling = max(float(stated.max()), float(high.max())) + 0.4
    axes.plot([floor, ceiling], [floor, ceiling], color=GREY, linestyle="--", linewidth=0.9)
    axes.vlines(stated, np.maximum(low, floor), high, color=BLUE, linewidth=1.2, alpha=0.6)
    is_shown = observed > floor
    axes.plot(stated[is_shown], observed[is_shown], "o", color=BLUE, markersize=3.5)
    axes.plot(stated[~is_shown], np.full(int((~is_shown).sum()), floor), "v", color=BLUE, markersize=4, clip_on=False)
    axes.set_xlim(floor, ceiling)
    axes.set_ylim(floor, ceiling)
    show_log_odds(axes.xaxis, floor, ceiling)
    show_log_odds(axes.yaxis, floor, ceiling)
    axes.set_xlabel("mean probability (log-odds scale)")
    axes.set_ylabel(words.rate)
