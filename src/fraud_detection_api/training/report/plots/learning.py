"""Learning curves."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fraud_detection_api.report.canvas import BLUE, ORANGE, PALE
from fraud_detection_api.report.numbers import number
from fraud_detection_api.report.words import Words


def rounds(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Log loss of both parts by round; the rounds that boosters kept are shaded as far as the lines go."""
    if kept := data.get("kept_rounds"):
        axes.axvspan(min(kept) - 0.5, min(max(kept), data["rounds"][-1]) + 0.5, color=PALE, alpha=0.6, linewidth=0)
    axes.plot(data["rounds"], data["train_log_loss"], "--", color=ORANGE, label="training")
    axes.plot(data["rounds"], data["held_out_log_loss"], color=BLUE, label="held out")
    axes.set_xlabel("round")
    axes.set_ylabel("log loss, nats")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    _plain_decimals(axes)
    figure.legend(loc="outside upper left", ncols=2)


def training_size(_figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Average precision, with its interval, against the number of training records."""
    points = data["points"]
    rows = [point["rows"] for point in points]
    axes.fill_between(
        rows,
        [point["low"] for point in points],
        [point["high"] for point in points],
        color=BLUE,
        alpha=0.18,
        linewidth=0,
    )
    axes.plot(rows, [point["average_precision"] for point in points], "o-", color=BLUE, markersize=4)
    axes.set_xlabel("training records")
    axes.set_ylabel("average precision")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda tick, _position: number(tick))
    _plain_decimals(axes)


def _plain_decimals(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
