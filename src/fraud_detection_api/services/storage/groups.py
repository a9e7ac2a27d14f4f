"""Requests that are stored together, and the one report of what became of them."""

import math
from collections.abc import Callable, Iterable, Sequence

from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.storage.decision_writer import Result
from fraud_detection_api.services.storage.store_metrics import StoreMetrics
from fraud_detection_api.telemetry import log_failure

Done = Callable[[Sequence[Result]], None]


class Group:
    """Requests that were submitted together, to be reported until `due`, on the clock of `time.monotonic`.

    Several threads may have results: one that hung goes on at some time. The first to claim the group reports it.
    """

    __slots__ = ("_done", "due", "records", "requests")

    def __init__(self, requests: Sequence[StoredRequest], done: Done, due: float) -> None:
        self.requests, self.due = requests, due
        self.records = sum(len(request.decisions) for request in requests)
        self._done = [done]

    @property
    def may_be_cut(self) -> bool:
        """Whether it is one request without an idempotency key, which a transaction claims together with all decisions."""
        return len(self.requests) == 1 and self.requests[0].idempotency is None

    def pieces(self, records: int) -> list[StoredRequest]:
        """The decisions of its request in pieces of so many."""
        rows, losses = self.requests[0].decisions, self.requests[0].losses
        return [StoredRequest(rows[first : first + records], losses=losses) for first in range(0, len(rows), records)]

    def is_late(self, now: float) -> bool:
        """Whether it is due and was not reported. A late group whose report is under way has no end: it is due no more."""
        return self.due <= now and self.due < math.inf and bool(self._done)

    def claim(self) -> Done | None:
        """What reports the results; None where another thread has claimed it."""
        try:
            return self._done.pop()  # one step for the interpreter, so that one thread gets it
        except IndexError:
            return None


def report(groups: Iterable[tuple[Group, Sequence[Result]]], metrics: StoreMetrics) -> None:
    """Report each group's results, unless they were reported. Count first: who has an answer must find it counted."""
    claimed = [(done, group, results) for group, results in groups if (done := group.claim()) is not None]
    metrics.stored(sum(_stored_records(group, results) for _, group, results in claimed))
    for done, _, results in claimed:
        try:
            done(results)
        except Exception as error:  # noqa: BLE001 one caller is gone; the others still wait
            log_failure("decision_not_told", error)


def _stored_records(group: Group, results: Sequence[Result]) -> int:
    return sum(
        len(request.decisions) for request, result in zip(group.requests, results, strict=True) if result is None
    )
