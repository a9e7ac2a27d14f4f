"""Group commit: requests that arrive together are stored in one transaction, and answered once it has ended."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import CommitInDoubt, StoreBusy, StoreUnavailable
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.decision_writer import DecisionJournal, Result
from fraud_detection_api.services.storage.groups import Done, Group, report
from fraud_detection_api.services.storage.late import JOURNAL_HANGS, JOURNAL_SECONDS, LateRequests
from fraud_detection_api.services.storage.recovery import Recovery, hangs
from fraud_detection_api.services.storage.store_metrics import StoreMetrics
from fraud_detection_api.telemetry import log_event, log_failure

RECORDS_A_TRANSACTION = 2_000
"""More records wait for the next transaction. A group that has as many is large."""

RECORDS_A_PIECE = 250
"""Of a large group; what small groups wait for, 10 ms in SQLite."""

GRACE_SECONDS = 0.25
"""A store's own timeouts say more than the watch from outside, so they come first."""

_SHORTEST_LOOK_SECONDS = 0.005

MOST_ABANDONED = 8
"""Writing threads that may hang. The store is not used again before one of so many goes on."""


_Save: TypeAlias = Callable[[Sequence[StoredRequest]], Sequence[Result]]


@dataclass(slots=True)
class _Work:
    """What a thread stores now; it hangs if it takes longer than until `ends`."""

    groups: Sequence[Group]
    ends: float


class _Unfinished(Exception):
    """Some pieces of a request are stored, and the journal that holds it must be drained for the others."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class GroupCommit:
    """Stores decisions in a thread of its own. At most `limit` records wait.

    While the store fails, requests are refused; with a `journal`, decisions are written there instead, and moved into the
    store when it works again. A store that does not answer within `timeout_seconds` has failed: a thread that watches
    reports what the writing thread was to store, and abandons it. What that thread does later is reported to nobody.

    A large group is written to `holding` first, which is a journal, too; then its pieces are stored, and others between
    them. What a crash leaves there is moved into the store, so each request is stored whole or not at all. Without
    `holding`, large groups have transactions of their own.
    """

    def __init__(
        self,
        store: DecisionStore,
        *,
        limit: int,
        timeout_seconds: float = 5.0,
        journal: DecisionJournal | None = None,
        holding: DecisionJournal | None = None,
        metrics: StoreMetrics | None = None,
    ) -> None:
        self._store, self._journal, self._holding, self._limit = store, journal, holding, limit
        self._timeout_seconds, self._longest_seconds = timeout_seconds, timeout_seconds + GRACE_SECONDS
        self._metrics = metrics or StoreMetrics(Tallies())
        self._recovery = Recovery(
            store,
            journal,
            self._metrics,
            drained=[each for each in dict.fromkeys((journal, holding)) if each is not None],
            longest_seconds=self._longest_seconds,
            require=self._require_few_abandoned,
        )
        self._waiting: deque[Group] = deque()
        self._had_large = False
        self._records = 0
        self._changed = threading.Condition()
        self._closing, self._closed, self._sooner = threading.Event(), threading.Event(), threading.Event()
        self._look_at = 0.0
        self._work: _Work | None = None
        self._late = LateRequests(journal, self._recovery, self._metrics)
        self._writer: threading.Thread | None = None
        self._abandoned: list[threading.Thread] = []

    def start(self) -> None:
        """Open the store, and begin. If it cannot be opened now, keep trying until it can."""
        self._closing.clear()
        self._closed.clear()
        self._write_in_a_thread()
        self._recovery.start()
        threading.Thread(target=self._watch, name="store-watch", daemon=True).start()

    def close(self) -> None:
        """Store what waits, then end; a store that hangs is left alone."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        ends = time.monotonic() + self._longest_seconds + JOURNAL_SECONDS
        works = self._recovery.store_error is None
        while (writer := self._writer) is not None and writer.is_alive() and time.monotonic() < ends:
            writer.join(0.05)  # the watcher may replace it
        self._recovery.close()
        self._closed.set()
        self._sooner.set()
        closing = threading.Thread(target=self._release, name="store-close", daemon=True)
        closing.start()
        closing.join(self._longest_seconds if works else JOURNAL_SECONDS)

    @property
    def error(self) -> str | None:
        """Why nothing can be stored now; None if it can, be it in the journal."""
        recovery = self._recovery
        return recovery.store_error if self._journal is None or recovery.store_error is None else recovery.journal_error

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

    def submit(self, requests: Sequence[StoredRequest], done: Done, *, seconds: float | None = None) -> None:
        """Store all of them; another thread calls `done` with a result for each.

        What the store does not take within `seconds` goes to the journal, where there is one.
        """
        if seconds is None or seconds > self._longest_seconds or self._journal is None:
            seconds = self._longest_seconds
        group = Group(requests, done, time.monotonic() + seconds)
        with self._changed:
            self._waiting.append(group)
            self._records += group.records
            self._changed.notify()
            if group.due < self._look_at:
                self._look_at = group.due
                self._sooner.set()

    def _write_in_a_thread(self) -> None:
        self._writer = threading.Thread(target=self._write, name="decision-writer", daemon=True)
        self._writer.start()

    def _write(self) -> None:
        while (work := self._next()) is not None:
            large = work.groups[0]
            if self._holding is None or large.records < RECORDS_A_TRANSACTION or not large.may_be_cut:
                self._write_groups(work, work.groups)
            else:
                self._write_pieces(work, large, self._holding)

    def _write_groups(self, work: _Work, groups: Sequence[Group]) -> None:
        results = iter(self._results(work, [request for group in groups for request in group.requests]))
        report([(group, [next(results) for _ in group.requests]) for group in groups], self._metrics)

    def _write_pieces(self, work: _Work, large: Group, holding: DecisionJournal) -> None:
        """Have the journal hold all of a large request, then store it in pieces."""
        work.ends = self._longest_end()
        pieces = large.pieces(RECORDS_A_PIECE)
        error: Result = None
        try:
            with holding.holding() as held:
                for piece in pieces:
                    held.add(piece)
                    if (going_on := self._write_small_beside(large)) is None:
                        return
                    work = going_on
                held.complete()
                error = self._store_pieces(work, large, pieces)
        except _Unfinished as unfinished:
            self._recovery.journaled()
            error = self._of_unfinished(unfinished.error)
        except Exception as failed:  # noqa: BLE001 whatever is wrong with the journal, the store may take the request
            log_event("large_request_whole", level=logging.WARNING, reason=str(failed))
            self._write_groups(work, [large])
            return
        report([(large, [error])], self._metrics)

    def _of_unfinished(self, error: Exception) -> Result:
        """The result of a request of which pieces are stored, and the rest will be unless the store refuses a row."""
        if not isinstance(error, StoreUnavailable):
            return error
        return CommitInDoubt(str(error)) if self._journal is None else None

    def _longest_end(self) -> float:
        return time.monotonic() + self._longest_seconds

    def _store_pieces(self, work: _Work, large: Group, pieces: Sequence[StoredRequest]) -> Result:
        """Store the pieces, in one transaction if no small groups wait. The error is for nothing stored.

        Raises _Unfinished where only some are stored.
        """
        stored = 0
        while stored < len(pieces):
            results = self._results(work, pieces[stored:], self._save_until_small_wait)
            if isinstance(error := results[0], Exception):
                if stored:
                    raise _Unfinished(error)
                return error
            stored += len(results)
            if (going_on := self._write_small_beside(large)) is None:
                raise _Unfinished(StoreUnavailable(hangs(self._timeout_seconds)))
            work = going_on
        return None

    def _save_until_small_wait(self, pieces: Sequence[StoredRequest]) -> Sequence[Result]:
        return [None] * self._store.save_while(lambda: not self._has_small(), pieces)

    def _has_small(self) -> bool:
        with self._changed:
            return any(group.records < RECORDS_A_TRANSACTION for group in self._waiting)

    def _write_small_beside(self, large: Group) -> _Work | None:
        """Store the small groups that wait; returns the work that goes on, None for a thread that was abandoned."""
        with self._changed:
            if not self._is_current():
                return None
            small = self._small()
            self._take(small)
            self._work = work = _Work([*small, large], self._longest_end())
        if small:
            self._write_groups(work, small)
            work.ends = self._longest_end()
        return work

    def _next(self) -> _Work | None:
        """Groups for one transaction, as soon as there are any; None at the end, and for a thread that was abandoned."""
        with self._changed:
            if not self._is_current():
                return None
            self._work = None
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            taken = self._taken()
            self._take(taken)
            self._work = _Work(taken, math.inf) if taken else None
            return self._work

    def _taken(self) -> list[Group]:
        """The first small groups that wait, or a large one. So a small one waits for one large one at most."""
        large = next((group for group in self._waiting if group.records >= RECORDS_A_TRANSACTION), None)
        small = self._small() if large is None or self._had_large else []
        self._had_large = not small
        return small or ([] if large is None else [large])

    def _small(self) -> list[Group]:
        """The first small groups that wait, for one transaction."""
        taken, records = [], 0
        for group in self._waiting:
            if records >= RECORDS_A_TRANSACTION:
                break
            if group.records < RECORDS_A_TRANSACTION:
                taken.append(group)
                records += group.records
        return taken

    def _take(self, groups: Sequence[Group]) -> None:
        for group in groups:
            self._waiting.remove(group)
            self._records -= group.records

    def _is_current(self) -> bool:
        return self._writer is threading.current_thread()

    def _results(self, work: _Work, requests: Sequence[StoredRequest], save: _Save | None = None) -> Sequence[Result]:
        """What became of the requests. `save`, in place of the store's, may stop after the first ones."""
        if (reason := self._recovery.store_error) is not None:
            return self._without_store(work, requests, StoreUnavailable(reason))
        try:
            began = time.monotonic()
            work.ends = began + self._longest_seconds
            results = (save or self._store.save)(requests)
            self._metrics.committed(time.monotonic() - began)
        except StoreUnavailable as error:
            if self._is_current():
                self._recovery.store_failed(str(error))
            return self._without_store(work, requests, error)
        except Exception as error:  # noqa: BLE001 one bad request must not fail the others, nor end the writer
            if len(requests) == 1 or save is not None:
                log_failure("decision_not_kept", error)
                return [error]
            return [result for request in requests for result in self._results(work, [request])]
        return results

    def _without_store(
        self, work: _Work, requests: Sequence[StoredRequest], error: StoreUnavailable
    ) -> Sequence[Result]:
        """Write to the journal, if there is one; but only the store can promise that a key is answered once."""
        if self._journal is None or not self._is_current():
            return [error] * len(requests)
        dues = [group.due for group in work.groups if group.due < math.inf]
        work.ends = max(time.monotonic() + JOURNAL_SECONDS, min(dues, default=0.0))
        return self._journaled(self._journal, requests, error)

    def _journaled(
        self, journal: DecisionJournal, requests: Sequence[StoredRequest], error: StoreUnavailable
    ) -> Sequence[Result]:
        try:
            journal.append([request for request in requests if request.idempotency is None])
        except StoreUnavailable as failed:
            self._recovery.journal_failed(str(failed))
            return [failed] * len(requests)
        self._recovery.journaled()
        return [None if request.idempotency is None else error for request in requests]

    def _watch(self) -> None:
        while not self._closed.is_set():
            try:
                self._look(time.monotonic())
            except Exception as error:  # noqa: BLE001 without this thread a request could wait for ever
                log_failure("store_watch_failed", error)
            self._sooner.wait(max(_SHORTEST_LOOK_SECONDS, self._look_at - time.monotonic()))
            self._sooner.clear()

    def _look(self, now: float) -> None:
        """Report what is overdue, and replace a writing thread that hangs."""
        self._late.look(now)
        with self._changed:
            waiting = [group for group in self._waiting if group.due <= now]
            if waiting:
                self._waiting = deque(group for group in self._waiting if group.due > now)
                self._records -= sum(group.records for group in waiting)
            work = self._work
            stuck = work is not None and work.ends <= now
            begun = [] if work is None else [each for each in work.groups if each.is_late(math.inf if stuck else now)]
            if stuck:
                self._note_hang()  # first, or the next thread would hang, too
                self._abandon_writer()
            ends = [] if self._work is None else [self._work.ends, *(group.due for group in self._work.groups)]
            dues = [self._late.ends, self._recovery.next_look(now), *ends, *(group.due for group in self._waiting)]
            self._look_at = min([now + self._longest_seconds, *(due for due in dues if due > now)])
        self._recovery.look()
        if waiting or begun:
            self._late.take(waiting, begun, hangs(self._timeout_seconds))
            self._look_at = min(self._look_at, self._late.ends)

    def _abandon_writer(self) -> None:
        """Continue with another thread; the old one ends when it no longer hangs."""
        assert self._writer is not None
        self._abandoned = [thread for thread in [*self._abandoned, self._writer] if thread.is_alive()]
        self._work = None
        self._write_in_a_thread()

    def _note_hang(self) -> None:
        if self._recovery.store_error is None:
            self._recovery.store_failed(hangs(self._timeout_seconds))
        elif self._journal is not None:
            self._recovery.journal_failed(JOURNAL_HANGS)

    def _require_few_abandoned(self) -> None:
        if sum(thread.is_alive() for thread in self._abandoned) >= MOST_ABANDONED:
            raise StoreUnavailable("the decision store hung too often; restart the server once it answers again")

    def _release(self) -> None:
        """Close files and connections, which hangs where they do."""
        self._store.close()
        if self._journal is not None:
            self._journal.close()
