"""Counts and measurements of this process: plain numbers in cells that their writers hold.

An addition costs tens of nanoseconds, for there is no lock and no look-up in it. So a cell is for one thread at a time.
"""

import resource
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from fraud_detection_api.metrics.catalogue import (
    METRIC_NAMED,
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_OPEN_FDS,
    PROCESS_START_TIME,
    Metric,
)


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
        for index, count in enumerate(counts):
            self.counts[index] += int(count)
        self.total += total


Cell = TypeVar("Cell", CounterCell, GaugeCell, HistogramCell)


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
        return self._cell("counter", metric, labels, CounterCell)

    def gauge(self, metric: Metric, *labels: str) -> GaugeCell:
        """A gauge's cell."""
        return self._cell("gauge", metric, labels, lambda: GaugeCell(self._clock))

    def histogram(self, metric: Metric, *labels: str) -> HistogramCell:
        """A histogram's cell."""
        return self._cell("histogram", metric, labels, lambda: HistogramCell(metric.buckets))

    def forget(self, metric: Metric) -> None:
        """Drop all series of a gauge, which no longer apply. Cells that a caller holds are no longer read."""
        assert metric.kind == "gauge", "a counter never falls"
        with self._hold:
            for key in [key for key in self._cells if key[0] is metric]:
                del self._cells[key]

    def read_with(self, reading: Callable[[], None]) -> None:
        """Call this before each snapshot, for gauges that are looked up and not set."""
        self._readings.append(reading)

    def snapshot(self, process: str) -> Snapshot:
        """Everything as it is now. From one thread at a time; others may go on counting."""
        for reading in self._readings:
            reading()
        with self._hold:
            cells = list(self._cells.items())
        return Snapshot(
            process, self._clock(), [(metric.name, labels, _plain(cell)) for (metric, labels), cell in cells]
        )

    def continue_from(self, snapshot: Snapshot) -> None:
        """Add what a process counted that this one replaces; its gauges ended with it."""
        for name, labels, value in snapshot.series:
            metric = METRIC_NAMED.get(name)
            if metric is None or len(labels) != len(metric.labels):
                continue  # of another version
            if metric.kind == "counter":
                self.counter(metric, *labels).add(value)
            elif metric.kind == "histogram" and len(value[0]) == len(metric.buckets) + 1:
                self.histogram(metric, *labels).add_counts(*value)

    def _cell(self, kind: str, metric: Metric, labels: tuple[str, ...], make: Callable[[], Cell]) -> Cell:
        assert metric.kind == kind, f"{metric.name} is a {metric.kind}"
        assert len(labels) == len(metric.labels), f"{metric.name} has the labels {metric.labels}"
        with self._hold:
            cell: Cell | None = self._cells.get((metric, labels))
            if cell is None:
                cell = self._cells[metric, labels] = make()
            return cell


def _plain(cell: CounterCell | GaugeCell | HistogramCell) -> Any:
    """As Python's own numbers, whatever kind of number was added."""
    match cell:
        case CounterCell():
            return float(cell.value)
        case GaugeCell():
            return float(cell.value), cell.moment
        case HistogramCell():
            return [int(count) for count in cell.counts], float(cell.total)


_STATM, _OPEN_FILES = Path("/proc/self/statm"), Path("/proc/self/fd")


def measure_process(tallies: Tallies) -> None:
    """Measure this process from now on. Where the system has no /proc, memory and open files are left out."""
    tallies.gauge(PROCESS_START_TIME).set(time.time())
    cpu, counted = tallies.counter(PROCESS_CPU), 0.0

    def read() -> None:
        nonlocal counted
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = usage.ru_utime + usage.ru_stime
        cpu.add(used - counted)  # not set: the count goes on from the process that had the slot before
        counted = used
        with suppress(OSError):
            pages = int(_STATM.read_bytes().split()[1])
            tallies.gauge(PROCESS_MEMORY).set(pages * resource.getpagesize())
            tallies.gauge(PROCESS_OPEN_FDS).set(sum(1 for _ in _OPEN_FILES.iterdir()) - 1)  # without the one that looks

    tallies.read_with(read)
