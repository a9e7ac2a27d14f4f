"""Metrics of the review queue: how many cases wait, and how long."""

from collections.abc import Callable

from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.reviewing.review_store import ReviewStore
from fraud_detection_api.services.reviewing.reviewing import MOST_COUNTED


class QueueMetrics:
    """Sets the gauges of the queue. `wall_clock` is that of the store, in seconds since 1970."""

    def __init__(self, reviews: ReviewStore, tallies: Tallies, *, wall_clock: Callable[[], float]) -> None:
        self._reviews, self._tallies, self._wall_clock = reviews, tallies, wall_clock

    def tell(self) -> None:
        """Of the cases that are open now. Raises StoreUnavailable."""
        now = self._wall_clock()
        for waits_for, is_escalated in (("anybody", False), ("lead", True)):
            length = self._reviews.length(is_escalated=is_escalated, most=MOST_COUNTED)
            seconds = 0.0 if length.oldest is None else max(0.0, now - length.oldest / 1000)
            self._tallies.gauge(catalogue.REVIEW_CASES, waits_for).set(length.cases)
            self._tallies.gauge(catalogue.REVIEW_OLDEST_AGE, waits_for).set(seconds)
