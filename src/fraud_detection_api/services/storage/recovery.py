"""Whether the store and the journal work, and the way back after an outage."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import FraudError, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.decision_writer import DecisionJournal
from fraud_detection_api.services.storage.store_metrics import StoreMetrics
from fraud_detection_api.telemetry import log_event, log_failure

RETRY_SECONDS = 0.5
"""Seconds between two attempts to reach a store that failed."""

MOST_THREADS = 4
"""Attempts at a time, as one may hang long after the store works again."""

_NEXT_ATTEMPT = 0.4
"""The part of an attempt's longest time after which another one begins beside it."""

_END_SECONDS = 1.0

NOT_OPENED = "the decision store is not open"


class Recovery:
    """Knows the errors of `store` and `journal`, and moves what the `drained` journals have into the store.

    After a failure, its own thread tries the store until it works again. An attempt longer than `longest_seconds` hangs;
    others begin beside it before that. `require` raises StoreUnavailable where the store may not be used again.
    """

    def __init__(
        self,
        store: DecisionStore,
        journal: DecisionJournal | None,
        metrics: StoreMetrics,
        *,
        drained: Sequence[DecisionJournal],
        longest_seconds: float,
        require: Callable[[], None],
    ) -> None:
        self._store, self._journal, self._metrics = store, journal, metrics
        self._drained, self._longest_seconds, self._require = drained, longest_seconds, require
        self.store_error: str | None = NOT_OPENED
        self.journal_error: str | None = None
        self._hold = threading.Lock()
        self._closing, self._attempted = threading.Event(), threading.Event()
        self._threads: dict[threading.Thread, float | None] = {}  # when each began its attempt, None between attempts
        self._must_drain = False
        self._recovered_at = -math.inf

    def start(self) -> None:
        """Open the store, and wait for that, but not for a store that hangs."""
        self._closing.clear()
        self._attempted.clear()
        self._ensure(at_once=True)
        self._attempted.wait(self._longest_seconds)
        self.look()

    def close(self) -> None:
        """End the threads, but do not wait for one that hangs."""
        self._closing.set()
        ends = time.monotonic() + (self._longest_seconds if self.store_error is None else _END_SECONDS)
        for thread in list(self._threads):
            thread.join(max(0.0, ends - time.monotonic()))
        self.store_error = NOT_OPENED

    def store_failed(self, reason: str) -> None:
        """Note that the store does not work, and begin to recover."""
        self._metrics.failed()
        self._note(reason)
        self._ensure()

    def journal_failed(self, reason: str) -> None:
        """Note that the journal does not work."""
        if reason != self.journal_error:
            log_event("journal_failed", level=logging.ERROR, reason=reason)
        self.journal_error = reason
        self._must_drain = True
        self._ensure()

    def journaled(self) -> None:
        """Have the journal drained, now that it was written to."""
        if self.store_error is None:  # otherwise the recovery drains it after it has cleared the error
            self._must_drain = True
            self._ensure()

    def look(self) -> None:
        """Notice attempts that hang. If no attempt is young, begin one, which opens connections of its own."""
        if self.store_error is None:
            return
        if self._older_than(self._longest_seconds):
            self._note(hangs(self._longest_seconds))
        self._ensure(at_once=True)

    def next_look(self, now: float) -> float:
        """When to `look` again."""
        return math.inf if self.store_error is None else now + self._longest_seconds * _NEXT_ATTEMPT / 2

    def _older_than(self, seconds: float) -> int:
        before = time.monotonic() - seconds
        return sum(began is not None and began <= before for began in list(self._threads.values()))

    def _ensure(self, *, at_once: bool = False) -> None:
        """Have a thread that recovers, and has not tried for long."""
        with self._hold:
            old = self._older_than(self._longest_seconds * _NEXT_ATTEMPT)
            if self._closing.is_set() or not old == len(self._threads) < MOST_THREADS:
                return
            thread = threading.Thread(target=self._run, args=(at_once,), name="decision-store-recovery", daemon=True)
            self._threads[thread] = None
            thread.start()

    def _run(self, at_once: bool) -> None:  # noqa: FBT001 a thread's argument
        me = threading.current_thread()
        while at_once or not self._closing.wait(RETRY_SECONDS):
            began, failed = time.monotonic(), self.store_error is not None
            self._threads[me] = began
            recovered = self._recover(began)
            at_once = failed and recovered  # what was journaled meanwhile is drained at once
            self._attempted.set()
            if not recovered:
                self._try_journal()
            with self._hold:
                self._threads[me] = None
                if self.store_error is None and not self._must_drain:
                    del self._threads[me]
                    return
        with self._hold:
            del self._threads[me]

    def _recover(self, began: float) -> bool:
        """Whether the store works; if so, it holds what the journal took meanwhile."""
        failed, works = self.store_error is not None, False
        try:
            self._require()
            self._store.migrate()
            self._store.check()
            works = not failed
            self._must_drain = False
            self._drain()  # most of it, while the writer continues with the journal
            self._recovered_at = time.monotonic()
            self.store_error = self.journal_error = None
            self._drain()  # what was written to it until then
        except FraudError as error:
            self._metrics.failed()
            self._must_drain = True
            if works:
                self.journal_failed(str(error))
            elif began > self._recovered_at:  # otherwise another thread knows better by now
                self._note(str(error))
            return False
        except Exception as error:  # noqa: BLE001 without this thread the store would stay unavailable for ever
            self._metrics.failed()
            self._must_drain = True
            log_failure("store_failed", error)
            return False
        if failed:
            log_event("store_ready")
        return True

    def _note(self, reason: str) -> None:
        if reason != self.store_error:
            log_event("store_failed", level=logging.ERROR, reason=reason)
        self.store_error = reason

    def _try_journal(self) -> None:
        """Readiness must not wait for the first decision that cannot be written, nor recover only with the next one."""
        if self._journal is None:
            return
        try:
            self._journal.check()
        except StoreUnavailable as error:
            self.journal_failed(str(error))
        else:
            self.journal_error = None

    def _drain(self) -> None:
        moved = 0
        for journal in self._drained:
            for requests in journal.waiting():
                self._move(requests, journal)
                moved += sum(len(request.decisions) for request in requests)
        if moved:
            log_event("journal_drained", records=moved)

    def _move(self, requests: Sequence[StoredRequest], journal: DecisionJournal) -> None:
        """Store what the journal holds. Put aside what the store refuses, or the store would never be ready again."""
        try:
            self._store.save(requests)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 one bad request must not block the others
            if len(requests) > 1:
                middle = len(requests) // 2
                self._move(requests[:middle], journal)
                self._move(requests[middle:], journal)
                return
            log_failure("decision_not_kept", error)
            journal.put_aside(requests)


def hangs(seconds: float) -> str:
    """The error of a store that hangs."""
    return f"the decision store did not answer within {seconds:g} seconds"
