"""Counts and measurements of this process: plain numbers in cells that their writers hold.

An addition costs tens of nanoseconds, for there is no lock and no look-up in it. So a cell is for one thread at a time.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple

from fraud_detection_api.metrics.catalogue import METRIC_NAMED, Metric


class CounterCell:
    """One series of a counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        """Count; the amount is not negative."""
        self.value += amount


class GaugeCell:
    """One series of a gauge; `moment` is when it was set, in seconds since 1970."""

    __slots__ = ("_clock", "moment", "value")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.value, self.moment = 0.0, clock()

    def set(self, value: float) -> None:
        """Say how much it is now."""
        self.value, self.moment = value, self._clock()


class HistogramCell:
    """One series of a histogram: how many fell into each bucket (not cumulated; the last one is +Inf), and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts, self.total = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, measured: float, times: int = 1) -> None:
        """Count a measurement, or several that are the same. NaN belongs in no histogram."""
        self.counts[bisect_left(self.bounds, measured)] += times
        self.total += measured * times

    def add_counts(self, counts: Sequence[int], total: float) -> None:
        """Count many: how many fall into each bucket, +Inf the last, and their sum."""
        for place, count in enumerate(counts):
            self.counts[place] += int(count)
        self.total += total


class Snapshot(NamedTuple):
    """What one process has tallied by `moment`, in seconds since 1970.

    `series` are (name of the metric, values of its labels, value): a number for a counter, (value, moment) for a gauge,
    (counts, sum) for a histogram.
    """

    process: str
    moment: float
    series: list[tuple[str, tuple[str, ...], Any]]


class Tallies:
    """All cells of a process, by metric and values of labels. Asking for a cell makes it, with 0, from any thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._hold = Lock()
        self._cells: dict[tuple[Metric, tuple[str, ...]], Any] = {}
        self._readings: list[Callable[[], None]] = []

    def counter(self, metric: Metric, *labels: str) -> CounterCell:
        """A counter's cell."""
        cell: CounterCell = self._cell("counter", metric, labels, CounterCell)
        return cell

    def gauge(self, metric: Metric, *labels: str) -> GaugeCell:
        """A gauge's cell."""
        cell: GaugeCell = self._cell("gauge", metric, labels, lambda: GaugeCell(self._clock))
        return cell

    def histogram(self, metric: Metric, *labels: str) -> HistogramCell:
        """A histogram's cell."""
        cell: HistogramCell = self._cell("histogram", metric, labels, lambda: HistogramCell(metric.buckets))
        return cell

    def forget(self, metric: Metric) -> None:
        """Drop all series of a gauge: what they told of is no more. Cells that somebody holds are cut off."""
        assert metric.kind == "gauge", "a counter never falls"
        with self._hold:
            for key in [key for key in self._cells if key[0] is metric]:
                del self._cells[key]

    def read_with(self, reading: Callable[[], None]) -> None:
        """Call this before each snapshot, for gauges that are looked up and not told of."""
        self._readings.append(reading)

    def snapshot(self, process: str) -> Snapshot:
        """Everything as it is now. From one thread at a time; others may go on counting."""
        for reading in self._readings:
            reading()
        with self._hold:
            cells = list(self._cells.items())
        return Snapshot(
            process, self._clock(), [(metric.name, labels, _told(cell)) for (metric, labels), cell in cells]
        )

    def continue_from(self, snapshot: Snapshot) -> None:
        """Add what a process counted that this one takes the place of; its gauges ended with it."""
        for name, labels, told in snapshot.series:
            metric = METRIC_NAMED.get(name)
            if metric is None or len(labels) != len(metric.labels):
                continue  # of another version
            if metric.kind == "counter":
                self.counter(metric, *labels).add(told)
            elif metric.kind == "histogram" and len(told[0]) == len(metric.buckets) + 1:
                self.histogram(metric, *labels).add_counts(*told)

    def _cell(self, kind: str, metric: Metric, labels: tuple[str, ...], make: Callable[[], Any]) -> Any:
        assert metric.kind == kind, f"{metric.name} is a {metric.kind}"
        assert len(labels) == len(metric.labels), f"{metric.name} has the labels {metric.labels}"
        with self._hold:
            if (cell := self._cells.get((metric, labels))) is None:
                cell = self._cells[metric, labels] = make()
            return cell


def _told(cell: CounterCell | GaugeCell | HistogramCell) -> Any:
    """As Python's own numbers, whatever kind of number was added."""
    match cell:
        case CounterCell():
            return float(cell.value)
        case GaugeCell():
            return float(cell.value), cell.moment
        case HistogramCell():
            return [int(count) for count in cell.counts], float(cell.total)
