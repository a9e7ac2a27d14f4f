"""Group commit: requests that arrive together are stored in one transaction, and answered once it has ended."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fraud_detection_api.decision.stored import SealedRequest, StoredRequest
from fraud_detection_api.errors import FraudError, StoreBusy, StoreUnavailable
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.decision_writer import DecisionJournal, Result
from fraud_detection_api.services.storage.store_metrics import StoreMetrics
from fraud_detection_api.telemetry import log_event, log_failure

RETRY_SECONDS = 0.5
"""Seconds between two attempts to reach a store that failed."""

RECORDS_A_TRANSACTION = 2_000
"""More records wait for the next transaction, unless a single request has more."""

_NOT_OPENED = "the decision store is not open"


class _Group(NamedTuple):
    """Requests that were submitted together; another thread calls `done` with their results, in order."""

    requests: Sequence[StoredRequest]
    done: Callable[[Sequence[Result]], None]


class GroupCommit:
    """Stores decisions in a thread of its own. At most `limit` records wait.

    While the store fails, requests are refused; with a `journal`, decisions are written there instead, and moved into the
    store when it works again.
    """

    def __init__(
        self,
        store: DecisionStore,
        *,
        limit: int,
        journal: DecisionJournal | None = None,
        metrics: StoreMetrics | None = None,
    ) -> None:
        self._store, self._journal, self._limit = store, journal, limit
        self._metrics = metrics or StoreMetrics(Tallies())
        self._waiting: deque[_Group] = deque()
        self._records = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._journaling = threading.Lock()
        self._store_error: str | None = _NOT_OPENED
        self._journal_error: str | None = None
        self._writer: threading.Thread | None = None
        self._recovery: threading.Thread | None = None

    def start(self) -> None:
        """Open the store, and begin. If it cannot be opened now, keep trying until it can."""
        self._closing.clear()
        self._writer = threading.Thread(target=self._write, name="decision-writer", daemon=True)
        self._writer.start()
        if not self._recover():
            self._recover_later()

    def close(self) -> None:
        """Store what waits, then end."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        for thread in (self._writer, self._recovery):
            if thread is not None:
                thread.join()
        self._store_error = _NOT_OPENED
        self._store.close()
        if self._journal is not None:
            self._journal.close()

    @property
    def error(self) -> str | None:
        """Why nothing can be stored now; None if it can, be it in the journal."""
        return self._store_error if self._journal is None else self._journal_error

    @property
    def waiting(self) -> int:
        """Records that wait for a transaction."""
        return self._records

    def require_room(self) -> None:
        """Raise StoreUnavailable when nothing can be stored now, StoreBusy when too much is waiting."""
        if (error := self.error) is not None:
            raise StoreUnavailable(error)
        if self._records >= self._limit:
            raise StoreBusy(retry_after_seconds=1)

    def submit(self, requests: Sequence[StoredRequest], done: Callable[[Sequence[Result]], None]) -> None:
        """Store all of them; the writer's thread calls `done` with a result for each."""
        with self._changed:
            self._waiting.append(_Group(requests, done))
            self._records += sum(len(request.decisions) for request in requests)
            self._changed.notify()

    def _write(self) -> None:
        while groups := self._next():
            requests = [request for group in groups for request in group.requests]
            results = self._results(requests)
            # count before reporting: who has an answer must find it counted
            self._metrics.stored(_stored_records(requests, results))
            remaining = iter(results)
            for group in groups:
                own = [next(remaining) for _ in group.requests]
                try:
                    group.done(own)
                except Exception as error:  # noqa: BLE001 one caller is gone; the writer continues for the others
                    log_failure("decision_not_told", error)

    def _next(self) -> list[_Group]:
        """Groups for one transaction, as soon as there are any; an empty list at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            taken, records = [], 0
            while self._waiting and records < RECORDS_A_TRANSACTION:
                taken.append(self._waiting.popleft())
                records += sum(len(request.decisions) for request in taken[-1].requests)
            self._records -= records
            return taken

    def _results(self, requests: Sequence[StoredRequest]) -> Sequence[Result]:
        if self._store_error is not None:
            return self._without_store(requests, StoreUnavailable(self._store_error))
        try:
            began = time.perf_counter()
            results = self._store.save(requests)
            self._metrics.committed(time.perf_counter() - began)
        except StoreUnavailable as error:
            self._store_failed(str(error))
            return self._without_store(requests, error)
        except Exception as error:  # noqa: BLE001 one bad request must not fail the others, nor end the writer
            if len(requests) == 1:
                log_failure("decision_not_kept", error)
                return [error]
            return [result for request in requests for result in self._results([request])]
        return results

    def _without_store(self, requests: Sequence[StoredRequest], error: StoreUnavailable) -> Sequence[Result]:
        """Write to the journal, if there is one; but only the store can promise that a key is answered once."""
        if self._journal is None:
            return [error] * len(requests)
        with self._journaling:
            if self._store_error is not None:
                return self._journaled(self._journal, requests, error)
        return self._results(requests)  # the store has recovered meanwhile, and nothing drains the journal any more

    def _journaled(
        self, journal: DecisionJournal, requests: Sequence[StoredRequest], error: StoreUnavailable
    ) -> Sequence[Result]:
        try:
            journal.append([request for request in requests if request.idempotency is None])
        except StoreUnavailable as failed:
            self._journal_failed(str(failed))
            return [failed] * len(requests)
        return [None if request.idempotency is None else error for request in requests]

    def _store_failed(self, reason: str) -> None:
        log_event("store_failed", level=logging.ERROR, reason=reason)
        self._metrics.failed()
        self._store_error = reason
        self._recover_later()

    def _journal_failed(self, reason: str) -> None:
        if reason != self._journal_error:
            log_event("journal_failed", level=logging.ERROR, reason=reason)
        self._journal_error = reason

    def _recover_later(self) -> None:
        self._recovery = threading.Thread(target=self._retry, name="decision-store-recovery", daemon=True)
        self._recovery.start()

    def _retry(self) -> None:
        while not self._closing.wait(RETRY_SECONDS):
            if self._recover():
                return
            self._try_journal()

    def _try_journal(self) -> None:
        """Readiness must not wait for the first decision that cannot be written, nor recover only with the next one."""
        if self._journal is None:
            return
        try:
            self._journal.check()
        except StoreUnavailable as error:
            self._journal_failed(str(error))
        else:
            self._journal_error = None

    def _recover(self) -> bool:
        """Whether the store works; if so, it holds what the journal took meanwhile."""
        try:
            self._store.migrate()
            self._store.check()
            self._drain()  # most of it, while the writer continues with the journal
            with self._journaling:
                self._drain()
                self._store_error = self._journal_error = None
        except FraudError as error:
            self._metrics.failed()
            if str(error) != self._store_error:
                log_event("store_failed", level=logging.ERROR, reason=str(error))
            self._store_error = str(error)
            return False
        except Exception as error:  # noqa: BLE001 without this thread the store would stay unavailable for ever
            self._metrics.failed()
            log_failure("store_failed", error)
            return False
        log_event("store_ready")
        return True

    def _drain(self) -> None:
        if self._journal is None:
            return
        drained = 0
        for requests in self._journal.waiting():
            self._move(requests, self._journal)
            drained += sum(len(request.decisions) for request in requests)
        if drained:
            log_event("journal_drained", records=drained)

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


def _stored_records(requests: Sequence[StoredRequest], results: Sequence[Result]) -> int:
    return sum(len(request.decisions) for request, result in zip(requests, results, strict=True) if result is None)


class LocalWriter:
    """A DecisionWriter in this process: takes requests from an event loop to the thread of `commit`, and results back.

    GroupCommit itself knows no event loop: the other DecisionWriter's process gives it requests that are parsed already.
    """

    def __init__(self, commit: GroupCommit) -> None:
        self._commit = commit

    @property
    def error(self) -> str | None:
        return self._commit.error

    @property
    def waiting(self) -> int:
        return self._commit.waiting

    async def start(self) -> None:
        await asyncio.to_thread(self._commit.start)

    async def close(self) -> None:
        await asyncio.to_thread(self._commit.close)

    def require_room(self) -> None:
        self._commit.require_room()

    def submit(self, requests: Sequence[SealedRequest], done: Callable[[Sequence[Result]], None]) -> None:
        loop = asyncio.get_running_loop()

        def report(results: Sequence[Result]) -> None:
            loop.call_soon_threadsafe(done, results)

        self._commit.submit([request.opened() for request in requests], report)
