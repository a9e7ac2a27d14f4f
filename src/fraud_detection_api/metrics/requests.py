"""Requests that were answered: how many, and how long each took."""

from bisect import bisect_left
from collections.abc import Iterable

from fraud_detection_api.metrics.catalogue import DURATION_BUCKETS, HTTP_REQUEST_DURATION, HTTP_REQUESTS
from fraud_detection_api.metrics.tallies import CounterCell, HistogramCell, Tallies

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "other"
"""Callers may send any word as a method, and no word of theirs makes a series."""


class RequestMetrics:
    """Counts requests, for one thread only: the event loop's."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._cells: dict[tuple[str, str, int], tuple[CounterCell, HistogramCell]] = {}

    def expect(self, route: str, method: str, statuses: Iterable[int]) -> None:
        """Show these with 0 until there are some: of a series that begins with 1, Prometheus does not see the first one."""
        for status in statuses:
            self._made(route, method, status)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request. `route` is a template, never a caller's path; the status is 0 where nothing was answered."""
        cells = self._cells.get((route, method, status))
        requests, durations = cells or self._made(route, method, status)
        requests.value += 1
        # as `observe` does: a call would double what this costs each request
        durations.counts[bisect_left(DURATION_BUCKETS, seconds)] += 1
        durations.total += seconds

    def _made(self, route: str, method: str, status: int) -> tuple[CounterCell, HistogramCell]:
        known = method if method in METHODS else OTHER_METHOD
        cells = (
            self._tallies.counter(HTTP_REQUESTS, route, known, str(status)),
            self._tallies.histogram(HTTP_REQUEST_DURATION, route, str(status)),
        )
        if known == method:
            self._cells[route, method, status] = cells
        return cells
