"""Requests that the store did not take in time: to the journal where that is allowed, or refused in time."""

import math
import threading
import time
from collections.abc import Sequence

from fraud_detection_api.errors import CommitInDoubt, FraudError, StoreBusy, StoreUnavailable
from fraud_detection_api.services.storage.decision_writer import DecisionJournal, Result
from fraud_detection_api.services.storage.groups import Group, report
from fraud_detection_api.services.storage.recovery import Recovery
from fraud_detection_api.services.storage.store_metrics import StoreMetrics

JOURNAL_SECONDS = 0.5
"""How long the journal may take for what the store did not take in time."""

JOURNAL_HANGS = f"the journal did not answer within {JOURNAL_SECONDS:g} seconds"


class LateRequests:
    """Reports late requests. One thread writes to the journal; while that one hangs, requests are refused at once."""

    def __init__(self, journal: DecisionJournal | None, recovery: Recovery, metrics: StoreMetrics) -> None:
        self._journal, self._recovery, self._metrics = journal, recovery, metrics
        self._writing: Sequence[Group] = ()
        self.ends = math.inf  # when the thread is to be done

    def take(self, waiting: Sequence[Group], begun: Sequence[Group], reason: str) -> None:
        """Report these; what is `begun` may be stored all the same, as the database works on it. Returns at once."""
        works = self._recovery.store_error is None
        refused = StoreBusy(retry_after_seconds=1) if works else StoreUnavailable(reason)
        errors = [*((group, refused) for group in waiting), *((group, CommitInDoubt(reason)) for group in begun)]
        for group, _ in errors:
            group.due = math.inf
        if self._journal is None or self._writing or self._recovery.journal_error is not None:
            self._refuse(errors)
        elif errors:
            self._writing, self.ends = [group for group, _ in errors], time.monotonic() + JOURNAL_SECONDS
            arguments = (self._journal, errors)
            threading.Thread(target=self._write, args=arguments, name="late-requests", daemon=True).start()

    def look(self, now: float) -> None:
        """Refuse what the journal does not take in time, either."""
        if self.ends <= now:
            self.ends = math.inf
            self._recovery.journal_failed(JOURNAL_HANGS)
            self._refuse([(group, CommitInDoubt(JOURNAL_HANGS)) for group in self._writing])

    def _write(self, journal: DecisionJournal, errors: Sequence[tuple[Group, FraudError]]) -> None:
        results: list[tuple[Group, Sequence[Result]]] = []
        try:
            requests = [each for group, _ in errors for each in group.requests if each.idempotency is None]
            journal.append(requests)
            self._recovery.journaled()
            for group, error in errors:
                results.append((group, [None if each.idempotency is None else error for each in group.requests]))
        except StoreUnavailable as failed:
            self._recovery.journal_failed(str(failed))
        finally:
            self._writing, self.ends = (), math.inf
            report(results, self._metrics)
            self._refuse(errors)  # those that were not reported

    def _refuse(self, errors: Sequence[tuple[Group, FraudError]]) -> None:
        report([(group, [error] * len(group.requests)) for group, error in errors], self._metrics)
