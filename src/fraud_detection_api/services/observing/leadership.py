"""One observer leads and the others stand by: the loop of the observer's process."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from fraud_detection_api.errors import FraudError
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.observing.observer import Observer
from fraud_detection_api.services.observing.shadow import ObserverMetrics
from fraud_detection_api.services.storage.decision_store import ExclusiveLock
from fraud_detection_api.telemetry import log_event, log_failure

LOCK = "observer"
POLL_SECONDS = 1.0
STAND_BY_SECONDS = 5.0
REPORT_SECONDS = 30.0


class LeaderElection:
    """Observes for as long as it holds the lock. `reports` are called now and then meanwhile; they stop nothing."""

    def __init__(  # noqa: PLR0913 each is one of its parts
        self,
        observer: Observer,
        challenger: AliasFollower[ServedModel],
        lock: ExclusiveLock,
        metrics: ObserverMetrics,
        *,
        reload_seconds: float,
        reports: Sequence[Callable[[], None]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observer, self._challenger, self._lock, self._metrics = observer, challenger, lock, metrics
        self._reload_seconds, self._reports, self._clock = reload_seconds, reports, clock
        self._reload_at = self._report_at = 0.0
        self._problem = ""

    def run(self, ended: threading.Event) -> None:
        """Lead, or stand by until the leader has gone, until `ended` is set."""
        while not ended.is_set():
            try:
                with self._lock.held(LOCK) as leads:
                    if leads:
                        self._lead(ended)
                self._metrics.stand_by()
                self._problem = ""
                pause = STAND_BY_SECONDS
            except FraudError as error:
                self._failed(str(error))
                pause = POLL_SECONDS
            except Exception as error:  # noqa: BLE001 a restarted process would fail in the same way
                log_failure("observer_failed", error)
                self._observer.stalled()
                pause = STAND_BY_SECONDS
            ended.wait(pause)

    def _lead(self, ended: threading.Event) -> None:
        self._observer.begin()
        log_event("observer_leads")
        while not ended.is_set():
            self._lock.require(LOCK)
            if self._clock() >= self._reload_at:
                self._challenger.refresh()
                self._reload_at = self._clock() + self._reload_seconds
            more = self._observer.observe()
            self._problem = ""
            self._report()
            if not more:
                ended.wait(POLL_SECONDS)
        self._observer.end()

    def _report(self) -> None:
        if self._clock() < self._report_at:
            return
        for report in self._reports:
            try:
                report()
            except FraudError as error:
                log_event("observer_report_failed", level=logging.WARNING, reason=str(error))
            except Exception as error:  # noqa: BLE001 a report that cannot be made is no reason to count nothing
                log_failure("observer_report_failed", error)
        self._report_at = self._clock() + REPORT_SECONDS

    def _failed(self, reason: str) -> None:
        if reason != self._problem:
            log_event("observer_waits", level=logging.WARNING, reason=reason)
        self._problem = reason
        self._observer.stalled()
