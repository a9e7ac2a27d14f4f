"""Group commit over a store or a journal that hangs: results come in time, and each once."""

import threading
import time
from concurrent.futures import Future

import pytest

from fraud_detection_api.errors import CommitInDoubt, StoreBusy, StoreUnavailable
from fraud_detection_api.services.storage import late, recovery, writing
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.services.storage.writing import GroupCommit
from support.fakes import InMemoryDecisionStore, InMemoryJournal
from support.kept import keyed, numbers_of, request_of
from support.polling import eventually

TIMEOUT_SECONDS = 0.1
HANGS = "the decision store did not answer within 0.1 seconds"


class Hanging:
    """Its operations wait while it is not `free`."""

    def __init__(self) -> None:
        super().__init__()
        self.free, self.begun = threading.Event(), threading.Semaphore(0)
        self.free.set()

    def _wait(self) -> None:
        self.begun.release()
        assert self.free.wait(20)


class Store(Hanging, InMemoryDecisionStore):
    def save(self, requests):
        self._wait()
        return super().save(requests)

    def check(self) -> None:
        self._wait()
        super().check()

    def held(self) -> list[int]:
        return numbers_of(self.following(DecisionFilter(), limit=10_000))


class Journal(Hanging, InMemoryJournal):
    def append(self, requests) -> None:
        self._wait()
        super().append(requests)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(recovery, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(writing, "GRACE_SECONDS", 0.01)
    monkeypatch.setattr(writing, "JOURNAL_SECONDS", 0.1)
    monkeypatch.setattr(late, "JOURNAL_SECONDS", 0.1)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def writer_of(store, journal):
    """Starts a writer, and closes it in the end."""
    writers = []

    def start(**options) -> GroupCommit:
        writers.append(GroupCommit(store, limit=100, timeout_seconds=TIMEOUT_SECONDS, **options))
        writers[-1].start()
        return writers[-1]

    yield start
    store.free.set()
    journal.free.set()
    for writer in writers:
        writer.close()


class Submitted:
    """Every report of one submission."""

    def __init__(self, writer, *requests, **options) -> None:
        self.reports: list[object] = []
        self._first: Future = Future()
        writer.submit(requests, self._take, **options)

    def _take(self, results) -> None:
        self.reports.append(results)
        if not self._first.done():
            self._first.set_result(list(results))

    def results(self) -> list[object]:
        return self._first.result(20)


def hang(thing) -> None:
    thing.free.clear()
    while thing.begun.acquire(blocking=False):
        """Forget what has begun before."""


def test_a_commit_that_hangs_is_in_doubt_and_the_store_has_failed(writer_of, store):
    writer = writer_of()
    hang(store)
    [result] = Submitted(writer, request_of(1)).results()
    assert isinstance(result, CommitInDoubt)
    assert result.reason == HANGS
    eventually(lambda: writer.error == HANGS, "readiness fails")
    with pytest.raises(StoreUnavailable, match="did not answer"):
        writer.require_room()


def test_what_waits_behind_it_is_refused_and_is_not_in_doubt(writer_of, store):
    writer = writer_of()
    hang(store)
    Submitted(writer, request_of(1))
    store.begun.acquire()
    behind = Submitted(writer, request_of(2))
    [result] = behind.results()
    assert type(result) is StoreUnavailable
    store.free.set()
    eventually(lambda: writer.error is None, "the store is found again")
    assert 2 not in store.held()


def test_what_waits_too_long_behind_a_store_that_works_is_refused_as_busy(writer_of, store):
    writer = writer_of()
    writer._longest_seconds = 60
    hang(store)
    first = Submitted(writer, request_of(1))
    assert store.begun.acquire(timeout=20)
    behind = Submitted(writer, request_of(2))
    writer._waiting[0].due = 0.0  # as if it had waited behind others
    writer._look(time.monotonic())
    store.free.set()
    assert isinstance(behind.results()[0], StoreBusy)
    assert first.results() == [None]
    assert store.held() == [1]


def test_a_thread_that_goes_on_stores_what_it_had_and_reports_nothing(writer_of, store):
    writer = writer_of()
    hang(store)
    submitted = Submitted(writer, request_of(1))
    submitted.results()
    store.free.set()
    eventually(lambda: store.held() == [1], "the thread goes on")
    eventually(lambda: writer.error is None, "the store is found again")
    assert Submitted(writer, request_of(2)).results() == [None]
    assert len(submitted.reports) == 1


def test_a_store_that_hangs_again_and_again_leaves_few_threads(writer_of, store, monkeypatch):
    monkeypatch.setattr(writing, "MOST_ABANDONED", 2)
    writer = writer_of()
    check = store.check
    monkeypatch.setattr(store, "check", lambda: None)  # the store seems to work, and saving hangs
    hang(store)
    for number in (1, 2):
        eventually(lambda: writer.error is None, "the store seems to work")
        Submitted(writer, request_of(1)).results()
        eventually(lambda n=number: len(writer._abandoned) == n, "the thread is abandoned")
    eventually(lambda: "hung too often" in (writer.error or ""), "it is not tried again")
    monkeypatch.setattr(store, "check", check)
    store.free.set()
    eventually(lambda: writer.error is None, "the threads have gone on")


def test_decisions_without_a_key_go_to_the_journal_instead(writer_of, store, journal):
    writer = writer_of(journal=journal)
    hang(store)
    stored, refused = Submitted(writer, request_of(1), keyed(2)).results()
    assert stored is None
    assert isinstance(refused, CommitInDoubt)
    eventually(lambda: writer._recovery.store_error == HANGS, "the store has failed")
    assert writer.error is None
    assert Submitted(writer, request_of(3)).results() == [None]
    store.free.set()
    eventually(lambda: writer._recovery.store_error is None and not journal.written, "the journal is drained")
    eventually(lambda: store.held() == [1, 2, 3], "what hung has ended, too")


def test_a_key_whose_commit_was_in_doubt_has_its_answer_afterwards(writer_of, store):
    writer = writer_of()
    hang(store)
    [result] = Submitted(writer, keyed(1)).results()
    assert isinstance(result, CommitInDoubt)
    store.free.set()
    eventually(lambda: store.held() == [1] and writer.error is None, "the store is found again")
    [answered] = Submitted(writer, keyed(2)).results()
    assert answered.answer == b"answer 1"
    assert store.held() == [1]


def test_a_request_with_little_time_is_journaled_while_the_store_still_works_on_it(writer_of, store, journal):
    writer = writer_of(journal=journal)
    writer._longest_seconds = 60
    hang(store)
    assert Submitted(writer, request_of(1), seconds=0.02).results() == [None]
    assert numbers_of(journal.written[0].decisions) == [1]
    store.free.set()
    eventually(lambda: not journal.written, "the journal is drained, although the store did not fail")
    assert store.held() == [1]
    assert writer.error is None


def test_a_journal_that_hangs_too_refuses_in_time(writer_of, store, journal):
    writer = writer_of(journal=journal)
    hang(store)
    hang(journal)
    [result] = Submitted(writer, request_of(1)).results()
    assert isinstance(result, CommitInDoubt)
    eventually(lambda: writer.error == "the journal did not answer within 0.5 seconds", "readiness fails")
    journal.free.set()
    store.free.set()
    eventually(lambda: writer.error is None and not journal.written, "all is well again")
    assert store.held() == [1]


def test_a_store_that_hangs_at_the_start_holds_nobody_up(writer_of, store):
    hang(store)
    writer = writer_of()
    assert writer.error == "the decision store did not answer within 0.11 seconds"
    store.free.set()
    eventually(lambda: writer.error is None, "the store is opened")


def test_a_writer_closes_beside_a_store_that_hangs(writer_of, store):
    writer = writer_of()
    hang(store)
    submitted = Submitted(writer, request_of(1))
    closing = threading.Thread(target=writer.close)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    assert isinstance(submitted.results()[0], CommitInDoubt)
