"""The view of the page Monitoring. Each of its sections has a view of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from fraud_detection_api.console.figures.measuring import Measurements, wait_of
from fraud_detection_api.console.figures.plots import LinePlot
from fraud_detection_api.console.monitoring.drift import DriftView, drift_view
from fraud_detection_api.console.monitoring.queue import QueueHealth, QueueHealthReader
from fraud_detection_api.console.monitoring.trends import trend_plots
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.report.document import Words, words_for
from fraud_detection_api.report.numbers import MONITORED, count, decimal, measure_text, range_of
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.reporting.drift import TrendPoint, WindowDrift
from fraud_detection_api.services.reporting.monitoring import MaturedPerformance, MonitoringService
from fraud_detection_api.statistics.estimates import Estimate

FRESH_SECONDS = 30.0
PERFORMANCE_SECONDS = 300.0


Mark: TypeAlias = Literal["", "more", "fewer", "steep", "flat"]

_MARKS: dict[str, tuple[Mark, Mark]] = {
    "observed_to_expected": ("fewer", "more"),
    "calibration_slope": ("flat", "steep"),
}
"""Of measures that should be 1: what it is called when they are below and above."""


class MeasureRow(NamedTuple):
    """A measure by its name, which its explanation has too, and in words; with its 95 % interval.

    `mark` names what the interval leaves no doubt of, empty where it does.
    """

    measure: str
    name: str
    value: str
    interval: str
    mark: Mark = ""


class PerformanceView(NamedTuple):
    """How good the matured decisions were. `rows` are empty where none is matured."""

    since: str
    until: str
    records: str
    frauds: str
    labelled: str
    is_complete: bool
    rows: tuple[MeasureRow, ...]
    by_chance: str


@dataclass(frozen=True, slots=True)
class MonitoringView:
    """What the page shows of the champion. A section is None while it is measured."""

    version: str
    events: str
    performance: PerformanceView | None
    drift: DriftView | None
    trends: tuple[LinePlot, ...]
    queue: QueueHealth | None


@dataclass(frozen=True)
class MonitoringReader:
    """Reads what the observer counted, in the background."""

    champion: AliasFollower[Deployment[RecordParser]]
    monitoring: MonitoringService
    queue: QueueHealthReader
    measurements: Measurements

    def view(self, window: str, *, patiently: bool) -> MonitoringView:
        """With the drift of that window, `hour`, `day` or `week`; of any other name, of the longest with records.

        Raises ModelNotReady, NoStore, StoreUnavailable, Overloaded.
        """
        model, wait = self.champion.require().champion, wait_of(patiently=patiently)
        digest, words = model.bundle.digest, words_for(model.bundle.contract.purpose)

        def counted() -> tuple[Sequence[WindowDrift], Sequence[TrendPoint]]:
            return self.monitoring.drift(model), self.monitoring.trend(model)

        drift = self.measurements.get(("drift", digest), counted, fresh_seconds=FRESH_SECONDS, wait_seconds=wait).value
        performance = self.measurements.get(
            ("performance", digest),
            lambda: self.monitoring.performance(model),
            fresh_seconds=PERFORMANCE_SECONDS,
            wait_seconds=wait,
        ).value
        policy = model.bundle.policy
        queue = self.measurements.get(
            ("queue", digest, policy.version),
            lambda: self.queue.read(policy.reviews_a_day),
            fresh_seconds=FRESH_SECONDS,
            wait_seconds=wait,
        ).value
        return MonitoringView(
            model.version,
            words.events,
            None if performance is None else performance_view(performance, words),
            None if drift is None else drift_view(drift[0], window),
            () if drift is None else trend_plots(drift[1]),
            queue,
        )


def mark_of(measure: str, found: Estimate) -> Mark:
    """What an interval that excludes 1 means, of measures that should be 1."""
    below, above = _MARKS.get(measure, ("", ""))
    return above if found.lower > 1 else below if found.upper < 1 else ""


def performance_view(matured: MaturedPerformance, words: Words) -> PerformanceView:
    """The measures in the order in which they are read."""
    found, by_chance = matured.performance, matured.performance.calibration_error_by_chance
    rows = [
        MeasureRow(
            name,
            measure_text(name, words),
            decimal(each.estimate),
            range_of(each.lower, each.upper),
            mark_of(name, each),
        )
        for name in MONITORED
        if (each := found.measures.get(name)) is not None
    ]
    return PerformanceView(
        moment(max(matured.since, 0)),
        moment(max(matured.until, 0)),
        count(found.records),
        count(found.frauds),
        count(matured.labelled),
        matured.complete,
        tuple(rows),
        "" if by_chance is None else decimal(by_chance),
    )
