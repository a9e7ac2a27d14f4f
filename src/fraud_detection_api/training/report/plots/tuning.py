"""A study's history and importances."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fraud_detection_api.report.canvas import BLUE, GREEN, ORANGE, plain
from fraud_detection_api.report.words import Words

LABEL_LENGTH = 20
OBJECTIVE_LENGTH = 80
"""Most letters of an objective, which fill the axis on two lines."""


def tuning_history(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """The value of each trial, the default marked, and the best so far."""
    measured = [trial for trial in data["history"] if trial["value"] is not None]
    numbers, values = [trial["trial"] for trial in measured], [trial["value"] for trial in measured]
    default = data["default_value"]
    axes.plot(numbers, values, "o", color=ORANGE, markersize=3.5, label="trial")
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=BLUE, label="best so far")
    axes.plot([numbers[values.index(default)]], [default], "D", color=GREEN, markersize=6, label="default")
    low, high = min(default, float(np.quantile(values, 0.2))), max(values)
    margin = max((high - low) * 0.15, 1e-4)
    axes.set_ylim(low - margin, high + margin)  # a few very bad trials would compress the rest
    axes.set_xlabel("trial")
    axes.set_ylabel(fill(plain(data["objective"], OBJECTIVE_LENGTH), OBJECTIVE_LENGTH // 2))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    figure.legend(loc="outside upper left", ncols=3)


def tuning_importance(_figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """A bar for each parameter, the most important on top."""
    names = list(data["importance"])[::-1]
    at = np.arange(len(names))
    axes.barh(at, [data["importance"][name] for name in names], color=BLUE, height=0.6)
    axes.set_yticks(at.tolist(), [plain(name, LABEL_LENGTH) for name in names])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the variance explained")
    axes.grid(visible=False, axis="y")
