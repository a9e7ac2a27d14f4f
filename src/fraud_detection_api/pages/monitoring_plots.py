"""Plots of monitoring: shares of bins and levels, and how they changed over the week."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.report.canvas import BLUE, GREEN, GREY, ORANGE, PALE, plain
from fraud_detection_api.report.document import Words
from fraud_detection_api.report.numbers import count
from fraud_detection_api.report.scales import limit_shares, share_ticks, show_percents

MOST_LABELS, MOST_LEVELS, MOST_DAYS = 6, 13, 4
LONGEST_LABEL, LONGEST_LEVEL = 11, 26
_OUTCOME_COLOURS = {"approve": GREEN, "review": BLUE, "decline": ORANGE}


def drift_bins(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Shares of the training data as bars and those of the window as dots, bin by bin at even distances."""
    at = np.arange(len(data["bins"]))
    then = np.array([each["reference"] for each in data["bins"]])
    now = np.array([each["live"] for each in data["bins"]])
    axes.bar(at, then, width=0.86, color=PALE, label="training data")
    axes.plot(at, now, "o", color=ORANGE if data["drifted"] else BLUE, markersize=3.5, label=data["window"])
    axes.vlines(at, 0, now, color=ORANGE if data["drifted"] else BLUE, linewidth=1)
    names = [plain(each["name"].split(" to ")[0], LONGEST_LABEL) for each in data["bins"]]
    shown = sorted({0, len(names) - 1, *range(0, len(names), max(1, -(-len(names) // MOST_LABELS)))})
    if len(shown) > 1 and shown[-1] - shown[-2] < max(1, len(names) // MOST_LABELS):
        del shown[-2]
    axes.set_xticks([float(at[k]) for k in shown], [names[k] for k in shown], rotation=30, ha="right")
    axes.set_xlim(-0.7, len(names) - 0.3)
    axes.grid(visible=False, axis="x")
    limit_shares(axes, max(float(then.max()), float(now.max())))
    axes.set_ylabel("share of the records")
    axes.set_xlabel("from")
    figure.legend(loc="outside upper left", ncols=2)


def drift_levels(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """The same for a category, level by level from the top, with whole names; rare levels are one."""
    bins = shown_levels(data["bins"])
    at = -np.arange(len(bins))
    then, now = (np.array([each[side] for each in bins]) for side in ("reference", "live"))
    axes.barh(at, then, height=0.8, color=PALE, label="training data")
    axes.plot(now, at, "o", color=ORANGE if data["drifted"] else BLUE, markersize=3.5, label=data["window"])
    axes.hlines(at, 0, now, color=ORANGE if data["drifted"] else BLUE, linewidth=1)
    axes.set_yticks(at.astype(float).tolist(), [plain(each["name"], LONGEST_LEVEL) for each in bins])
    axes.set_ylim(-max(len(bins), 3) + 0.3, 0.7)
    axes.grid(visible=False, axis="y")
    top = max(float(then.max()), float(now.max()), 0.001)
    axes.set_xlim(0, top * 1.04)
    show_percents(axes.xaxis, share_ticks(top)[::2])
    axes.set_xlabel("share of the records")
    figure.legend(loc="outside upper left", ncols=2)


_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CALENDARS = (_MONTHS, _WEEKDAYS)
_SHORTENED = 3


def shown_levels(bins: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Levels in the order in which a reader looks for them: months and weekdays by the calendar, others as they are.

    Beyond MOST_LEVELS, the most frequent ones, and one for all others.

    >>> [each["name"] for each in shown_levels([{"name": name} for name in ("Mar", "0", "Jan", "Feb")])]
    ['Jan', 'Feb', 'Mar', '0']
    """
    for calendar in _CALENDARS:
        places = [_place(each["name"], calendar) for each in bins]
        if sum(place < len(calendar) for place in places) > len(bins) / 2:
            return [bins[k] for k in sorted(range(len(bins)), key=lambda k: places[k])]
    if len(bins) <= MOST_LEVELS:
        return list(bins)
    frequent = sorted(range(len(bins)), key=lambda k: -max(bins[k]["reference"], bins[k]["live"]))[: MOST_LEVELS - 1]
    rest = [each for k, each in enumerate(bins) if k not in frequent]
    sums = {side: sum(each[side] for each in rest) for side in ("reference", "live")}
    return [*(bins[k] for k in sorted(frequent)), {"name": f"{count(len(rest))} others", **sums}]


def _place(name: str, calendar: Sequence[str]) -> int:
    """Index of a name, or of its first three letters, in the calendar; its length for any other name."""
    found = name.lower().rstrip(".")
    names = (k for k, full in enumerate(calendar) if found in (full, full[:_SHORTENED]))
    return next(names, len(calendar))


def drift_trend(_figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """PSI of each part of the week, and the level above which it is drift."""
    hours = _hours(data["since"])
    axes.plot(hours, data["alarm_level"], "--", color=GREY, linewidth=0.9)
    axes.plot(hours, data["psi"], "o-", color=BLUE, markersize=3)
    high = np.array(data["psi"]) > np.array(data["alarm_level"])
    axes.plot(hours[high], np.array(data["psi"])[high], "o", color=ORANGE, markersize=4.5)
    axes.set_ylim(0, max(*data["psi"], *data["alarm_level"]) * 1.1)
    axes.set_ylabel("PSI")
    _show_days(axes, data["since"])


def outcome_trend(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Share of decisions by outcome over the week, except the mildest, which is the rest."""
    hours = _hours(data["since"])
    tops = []
    for outcome, shares in data["shares"].items():
        axes.plot(hours, shares, "o-", color=_OUTCOME_COLOURS[outcome], markersize=3, label=outcome)
        tops.append(max(shares))
    limit_shares(axes, max(*tops, 0.001))
    axes.set_ylabel("share of the decisions")
    _show_days(axes, data["since"])
    figure.legend(loc="outside upper left", ncols=2)


def _hours(since: list[int]) -> Any:
    return (np.array(since) - since[0]) / 3_600_000


def _show_days(axes: Axes, since: list[int]) -> None:
    """A tick at each midnight, UTC."""
    first, last, day = since[0], since[-1], DAY_MS
    midnights = list(range(-(-first // day) * day, last + 1, day)) or [first]
    midnights = midnights[:: -(-len(midnights) // MOST_DAYS)]
    names = [f"{day_of.day} {day_of:%b}" for day_of in (datetime.fromtimestamp(each / 1000, UTC) for each in midnights)]
    axes.set_xticks([(each - first) / 3_600_000 for each in midnights], names)
    axes.set_xlabel("day, UTC")
