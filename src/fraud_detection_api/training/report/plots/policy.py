"""What outcomes cost by probability, and what moving the thresholds would cost."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, GREEN, GREY, ORANGE
from fraud_detection_api.report.scales import log_odds, show_log_odds
from fraud_detection_api.report.words import Words

_STYLES = {"approve": (GREEN, "-."), "review": (BLUE, "-"), "decline": (ORANGE, "--")}
_HEADROOM = 1.25
_LOWEST, _HIGHEST = 0.6, 3.0  # ends of the axis of mean costs, in units of the policy's cost


def outcome_costs(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Expected cost of each outcome against the probability, and lines at the thresholds."""
    at = log_odds(data["at"])
    review = np.full(len(at), data["review"])
    for outcome, costs in (("approve", data["approve"]), ("review", review), ("decline", data["decline"])):
        color, style = _STYLES[outcome]
        axes.plot(at, costs, style, color=color, label=outcome)
    _mark(axes, data)
    # approving a certain fraud may cost a thousand times as much as anything else
    ends = [max(data["decline"]), min(data["review"], max(data["decline"] + data["approve"]))]
    axes.set_ylim(0, _HEADROOM * (max(ends) or 1.0))
    _show_probabilities(axes, at, "probability (log-odds scale)")
    axes.set_ylabel("expected cost of the record")
    figure.legend(loc="outside upper left", ncols=3)


def threshold_costs(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Mean cost against each threshold, and dots at the policy's."""
    at = log_odds(data["at"])
    for outcome in ("review", "decline"):
        if data[outcome] is None:
            continue
        color, style = _STYLES[outcome]
        axes.plot(at, data[outcome], style, color=color, label=f"{outcome} above")
        threshold = float(log_odds(data["thresholds"][outcome]))
        axes.plot([threshold], [np.interp(threshold, at, data[outcome])], "o", color=color, markersize=5)
    axes.axhline(data["policy"], color=GREY, linewidth=0.9, label="the policy")
    lines = [line for line in (data["review"], data["decline"]) if line is not None]
    lowest = min([data["policy"], *(min(line) for line in lines)])
    highest = max([data["policy"], *(max(line) for line in lines)])
    axes.set_ylim(_LOWEST * lowest, min(1.05 * highest, _HIGHEST * data["policy"]) or 1.0)
    _show_probabilities(axes, at, "threshold (log-odds scale)")
    axes.set_ylabel("mean cost of a record")
    figure.legend(loc="outside upper left", ncols=3)


def _mark(axes: Axes, data: Mapping[str, Any]) -> None:
    for threshold in data["thresholds"].values():
        if threshold is not None:
            axes.axvline(float(log_odds(threshold)), color=GREY, linewidth=0.9, linestyle=":")


def _show_probabilities(axes: Axes, at: Any, label: str) -> None:
    low, high = float(at[0]), float(at[-1])
    axes.set_xlim(low, high)
    show_log_odds(axes.xaxis, low, high)
    axes.set_xlabel(label)
