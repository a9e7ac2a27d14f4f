"""Group commit: requests that come together are kept in one transaction, and answered once it has ended."""

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
from fraud_detection_api.services.storage.decision_writer import Result
from fraud_detection_api.services.storage.journal import DecisionJournal
from fraud_detection_api.services.storage.store_metrics import StoreMetrics
from fraud_detection_api.telemetry import log_event, log_failure

RETRY_SECONDS = 0.5
"""So often a store that failed is tried again."""

RECORDS_A_TRANSACTION = 2_000
"""More wait for the next one, unless a single request has more."""

_NOT_OPENED = "the decision store is not open"


class _Group(NamedTuple):
    """Requests handed in together; `done` is told of their results, in order, by another thread."""

    requests: Sequence[StoredRequest]
    done: Callable[[Sequence[Result]], None]


class GroupCommit:
    """Keeps decisions in a thread of its own. At most `limit` records wait.

    While the store fails, requests are refused; with a `journal` they are written down there, and put into the store when it
    is back.
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
        self._fault: str | None = _NOT_OPENED
        self._journal_fault: str | None = None
        self._writer: threading.Thread | None = None
        self._healer: threading.Thread | None = None

    def start(self) -> None:
        """Open the store, and begin. A store that cannot be opened now is tried again until it can."""
        self._closing.clear()
        self._writer = threading.Thread(target=self._write, name="decision-keeper", daemon=True)
        self._writer.start()
        if not self._heal():
            self._heal_later()

    def close(self) -> None:
        """Keep what waits, then end."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        for thread in (self._writer, self._healer):
            if thread is not None:
                thread.join()
        self._fault = _NOT_OPENED
        self._store.close()
        if self._journal is not None:
            self._journal.close()

    @property
    def fault(self) -> str | None:
        """Why nothing can be kept now; None where it can, be it in the journal."""
        return self._fault if self._journal is None else self._journal_fault

    @property
    def waiting(self) -> int:
        """Records that wait for a transaction."""
        return self._records

    def require_room(self) -> None:
        """Raise StoreUnavailable where nothing can be kept now, StoreBusy where too much waits."""
        if (fault := self.fault) is not None:
            raise StoreUnavailable(fault)
        if self._records >= self._limit:
            raise StoreBusy(retry_after_seconds=1)

    def submit(self, requests: Sequence[StoredRequest], done: Callable[[Sequence[Result]], None]) -> None:
        """Have all of them kept; `done` is called with a result for each, in the writer's thread."""
        with self._changed:
            self._waiting.append(_Group(requests, done))
            self._records += sum(len(request.decisions) for request in requests)
            self._changed.notify()

    def _write(self) -> None:
        while groups := self._next():
            requests = [request for group in groups for request in group.requests]
            results = self._results(requests)
            # before anybody is told: whoever has an answer finds it counted
            self._metrics.kept(_kept_records(requests, results))
            remaining = iter(results)
            for group in groups:
                told = [next(remaining) for _ in group.requests]
                try:
                    group.done(told)
                except Exception as error:  # noqa: BLE001 whoever asked has gone; the writer lives on for the others
                    log_failure("decision_not_told", error)

    def _next(self) -> list[_Group]:
        """Groups for one transaction, once there are some; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            taken, records = [], 0
            while self._waiting and records < RECORDS_A_TRANSACTION:
                taken.append(self._waiting.popleft())
                records += sum(len(request.decisions) for request in taken[-1].requests)
            self._records -= records
            return taken

    def _results(self, requests: Sequence[StoredRequest]) -> Sequence[Result]:
        if self._fault is not None:
            return self._without_store(requests, StoreUnavailable(self._fault))
        try:
            began = time.perf_counter()
            results = self._store.keep(requests)
            self._metrics.committed(time.perf_counter() - began)
        except StoreUnavailable as error:
            self._failed(str(error))
            return self._without_store(requests, error)
        except Exception as error:  # noqa: BLE001 one request's fault is not the others', and the writer lives on
            if len(requests) == 1:
                log_failure("decision_not_kept", error)
                return [error]
            return [result for request in requests for result in self._results([request])]
        return results

    def _without_store(self, requests: Sequence[StoredRequest], error: StoreUnavailable) -> Sequence[Result]:
        """Written down in the journal, where there is one; but a promise to answer a key once needs the store."""
        if self._journal is None:
            return [error] * len(requests)
        with self._journaling:
            if self._fault is not None:
                return self._journaled(self._journal, requests, error)
        return self._results(requests)  # it has come back meanwhile, and nobody looks into the journal any more

    def _journaled(
        self, journal: DecisionJournal, requests: Sequence[StoredRequest], error: StoreUnavailable
    ) -> Sequence[Result]:
        try:
            journal.append([request for request in requests if request.idempotency is None])
        except StoreUnavailable as failed:
            self._journal_failed(str(failed))
            return [failed] * len(requests)
        return [None if request.idempotency is None else error for request in requests]

    def _failed(self, reason: str) -> None:
        log_event("store_failed", level=logging.ERROR, reason=reason)
        self._metrics.failed()
        self._fault = reason
        self._heal_later()

    def _journal_failed(self, reason: str) -> None:
        if reason != self._journal_fault:
            log_event("journal_failed", level=logging.ERROR, reason=reason)
        self._journal_fault = reason

    def _heal_later(self) -> None:
        self._healer = threading.Thread(target=self._heal_until_well, name="decision-store-healer", daemon=True)
        self._healer.start()

    def _heal_until_well(self) -> None:
        while not self._closing.wait(RETRY_SECONDS):
            if self._heal():
                return
            self._try_journal()

    def _try_journal(self) -> None:
        """Readiness must not wait for the first decision that nothing could keep, nor its end for the next one."""
        if self._journal is None:
            return
        try:
            self._journal.check()
        except StoreUnavailable as error:
            self._journal_failed(str(error))
        else:
            self._journal_fault = None

    def _heal(self) -> bool:
        """Whether the store works; then what was written down meanwhile is in it."""
        try:
            self._store.migrate()
            self._store.check()
            self._drain()  # most of it, while the writer goes on writing down
            with self._journaling:
                self._drain()
                self._fault = self._journal_fault = None
        except FraudError as error:
            self._metrics.failed()
            if str(error) != self._fault:
                log_event("store_failed", level=logging.ERROR, reason=str(error))
            self._fault = str(error)
            return False
        except Exception as error:  # noqa: BLE001 a healer that dies would leave the store away for ever
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
            self._put_in(requests, self._journal)
            drained += sum(len(request.decisions) for request in requests)
        if drained:
            log_event("journal_drained", records=drained)

    def _put_in(self, requests: Sequence[StoredRequest], journal: DecisionJournal) -> None:
        """Keep what was written down. What the store does not take is put aside, or the store would never be ready again."""
        try:
            self._store.keep(requests)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 one request's fault is not the others'
            if len(requests) > 1:
                middle = len(requests) // 2
                self._put_in(requests[:middle], journal)
                self._put_in(requests[middle:], journal)
                return
            log_failure("decision_not_kept", error)
            journal.put_aside(requests)


def _kept_records(requests: Sequence[StoredRequest], results: Sequence[Result]) -> int:
    return sum(len(request.decisions) for request, result in zip(requests, results, strict=True) if result is None)


class LocalKeeper:
    """A DecisionWriter in this very process."""

    def __init__(self, keeper: GroupCommit) -> None:
        self._keeper = keeper

    @property
    def fault(self) -> str | None:
        return self._keeper.fault

    @property
    def waiting(self) -> int:
        return self._keeper.waiting

    async def start(self) -> None:
        await asyncio.to_thread(self._keeper.start)

    async def close(self) -> None:
        await asyncio.to_thread(self._keeper.close)

    def require_room(self) -> None:
        self._keeper.require_room()

    def submit(self, requests: Sequence[SealedRequest], done: Callable[[Sequence[Result]], None]) -> None:
        loop = asyncio.get_running_loop()

        def back_in_the_loop(results: Sequence[Result]) -> None:
            loop.call_soon_threadsafe(done, results)

        self._keeper.submit([request.opened() for request in requests], back_in_the_loop)
