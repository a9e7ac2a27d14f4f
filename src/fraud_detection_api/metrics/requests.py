"""Requests that were answered: how many, and how long each took."""

from collections import deque
from collections.abc import Iterable
from threading import Lock

from fraud_detection_api.metrics.catalogue import HTTP_REQUEST_DURATION, HTTP_REQUESTS
from fraud_detection_api.metrics.tallies import CounterCell, HistogramCell, Tallies

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "other"
"""Callers may send any word as a method, and no word of theirs makes a series."""


NOTED_AT_MOST = 1_000


class RequestMetrics:
    """Counts requests. They are noted one by one and counted together, when a snapshot is taken at the latest.

    An answer is sent just before, and after that system call counting would take several times as long as in a row.
    """

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._cells: dict[tuple[str, str, int], tuple[CounterCell, HistogramCell]] = {}
        self._noted: deque[tuple[str, str, int, float]] = deque()
        self._counting = Lock()
        tallies.read_with(self._count)

    def expect(self, route: str, method: str, statuses: Iterable[int]) -> None:
        """Show these with 0 until there are some: of a series that begins with 1, Prometheus does not see the first one."""
        for status in statuses:
            self._made(route, method, status)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request. `route` is a template, never a caller's path; the status is 0 where nothing was answered."""
        self._noted.append((route, method, status, seconds))
        if len(self._noted) >= NOTED_AT_MOST:
            self._count()

    def _count(self) -> None:
        with self._counting:  # a cell is for one thread at a time
            while self._noted:
                route, method, status, seconds = self._noted.popleft()
                cells = self._cells.get((route, method, status))
                requests, durations = cells or self._made(route, method, status)
                requests.add()
                durations.observe(seconds)

    def _made(self, route: str, method: str, status: int) -> tuple[CounterCell, HistogramCell]:
        known = method if method in METHODS else OTHER_METHOD
        cells = (
            self._tallies.counter(HTTP_REQUESTS, route, known, str(status)),
            self._tallies.histogram(HTTP_REQUEST_DURATION, route, known, str(status)),
        )
        if known == method:
            self._cells[route, method, status] = cells
        return cells
