"""The week in parts of six hours: outcomes, and how far the score is from that of training."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from fraud_detection_api.console.figures.plots import Kind, LinePlot, line_plot
from fraud_detection_api.console.words import say
from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.monitoring.drift import SCORE
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.report.numbers import percent
from fraud_detection_api.services.reporting.drift import TrendPoint

_DRAWN: tuple[Outcome, ...] = ("review", "decline")
"""Approvals are the rest."""


def trend_plots(trend: Sequence[TrendPoint]) -> tuple[LinePlot, ...]:
    """Outcomes and the score's PSI; none of a single part."""
    return tuple(_plots(trend)) if len(trend) > 1 else ()


def _plots(trend: Sequence[TrendPoint]) -> Iterator[LinePlot]:
    times = [float(point.since) for point in trend]
    shares = {each: [point.outcomes.get(each, 0) / point.records for point in trend] for each in _DRAWN}
    yield line_plot(
        say("monitoring.plot_outcomes"),
        [(each, say(f"outcome.{each}"), times, shares[each]) for each in _DRAWN],
        reading=say("monitoring.plot_outcomes_reading", **{each: percent(shares[each][-1]) for each in _DRAWN}),
        x_label=say("monitoring.day"),
        x_ticks=_midnights(trend[0].since, trend[-1].since),
        top=1.05 * max(*shares["review"], *shares["decline"], 0.001),
    )
    psi, level = ([getattr(point, name).get(SCORE, 0.0) for point in trend] for name in ("psi", "alarm_level"))
    lines: list[tuple[Kind, str, Sequence[float], Sequence[float]]] = [
        ("limit", say("monitoring.alarm_level"), times, level),
        ("now", say("monitoring.psi"), times, psi),
    ]
    yield line_plot(
        say("monitoring.plot_score"),
        lines,
        reading=say("monitoring.plot_score_reading", psi=f"{psi[-1]:.3f}", level=f"{level[-1]:.3f}"),
        x_label=say("monitoring.day"),
        x_ticks=_midnights(trend[0].since, trend[-1].since),
        top=1.1 * max(*psi, *level),
        y_text=lambda height: f"{height:.2f}",
    )


MOST_TICKS = 4


def _midnights(first: int, last: int) -> list[tuple[float, str]]:
    """A few midnights, UTC; the first moment where there is none between."""
    found = list(range(-(-first // DAY_MS) * DAY_MS, last + 1, DAY_MS)) or [first]
    found = found[:: -(-len(found) // MOST_TICKS)]
    days = [datetime.fromtimestamp(each / 1000, UTC) for each in found]
    return [(float(each), f"{day.day} {day:%b}") for each, day in zip(found, days, strict=True)]
