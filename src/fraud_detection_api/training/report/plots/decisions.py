"""What budgets catch, and what thresholds cost."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, GREEN, GREY, ORANGE, PURPLE
from fraud_detection_api.report.scales import limit_shares, log_odds, show_log_odds, show_percents
from fraud_detection_api.report.words import Words

_LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))
_HIGHEST_COST = 1.5


def capture(figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """Recall and precision with intervals at each alert budget, on a logarithmic axis."""
    budgets = data["budgets"]
    shares = np.array([budget["alert_share"] for budget in budgets])
    axes.set_xscale("log")
    named = (
        ("recall", f"{words.events} caught", BLUE, "o-", 0.97),
        ("precision", "alerts that are right", ORANGE, "s--", 1.03),
    )
    for name, label, color, style, aside in named:
        middle, low, high = (np.array([budget[name + end] for budget in budgets]) for end in ("", "_low", "_high"))
        axes.plot(shares * aside, middle, style, color=color, markersize=4, label=label)
        axes.vlines(shares * aside, low, high, color=color, linewidth=1)
    show_percents(axes.xaxis, [0.001, 0.01, 0.05, 0.2] if shares[0] < 0.005 else shares.tolist())
    axes.set_xticks([], minor=True)
    axes.set_xlim(shares[0] * 0.85, shares[-1] * 1.18)
    limit_shares(axes, 1.0)
    axes.set_xlabel("share of the records checked")
    axes.set_ylabel("share, with 95 % interval")
    figure.legend(loc="outside upper left", ncols=2)


def costs(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Cost divided by that of the better trivial rule, by threshold; a line for each ratio."""
    at = log_odds(data["threshold"])
    axes.axhline(1, color=GREY, linewidth=0.9)
    best_at = log_odds([ratio["theoretical_threshold"] for ratio in data["ratios"]])
    for ratio, best, (color, style) in zip(data["ratios"], best_at, _LINES, strict=False):
        axes.plot(at, ratio["relative"], style, color=color, label=f"r = {ratio['ratio']}")
        axes.plot([best], [ratio["theoretical_relative"]], "o", color=color, markersize=5)
    axes.set_ylim(0, _HIGHEST_COST)
    # the best thresholds differ even where all probabilities look the same
    low, high = min(float(at[0]), float(best_at.min()) - 0.3), max(float(at[-1]), float(best_at.max()) + 0.3)
    axes.set_xlim(low, high)
    show_log_odds(axes.xaxis, low, high)
    axes.set_xlabel("threshold: flag from this probability (log-odds scale)")
    axes.set_ylabel("cost / cost of the better trivial rule")
    figure.legend(loc="outside upper left", ncols=4)
