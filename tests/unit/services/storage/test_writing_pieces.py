"""Large requests are stored in pieces, whole or not at all, and others go between the pieces."""

import threading

import pytest

from fraud_detection_api.decision.stored import IdempotencyKey
from fraud_detection_api.errors import CommitInDoubt, StoreUnavailable
from fraud_detection_api.services.storage import recovery, writing
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.services.storage.writing import GroupCommit
from support.fakes import InMemoryDecisionStore, InMemoryJournal
from support.kept import left_held, numbers_of, request_of
from support.polling import eventually

LARGE = range(100, 105)
"""Three pieces."""


class Store(InMemoryDecisionStore):
    """Notes the decisions of each `save`, which waits until it is `free` and fails from the one numbered `fails_at` on."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[list[int]] = []
        self.transactions = 0
        self.begun, self.free = threading.Semaphore(0), threading.Event()
        self.free.set()
        self.fails_at = 1_000

    def save(self, requests):
        self.begun.release()
        assert self.free.wait(20)
        if len(self.saved) >= self.fails_at:
            raise StoreUnavailable("the disk is full")
        results = super().save(requests)
        self.saved.append([number for request in requests for number in numbers_of(request.decisions)])
        return results

    def save_while(self, goes_on, requests):
        self.transactions += 1
        return super().save_while(goes_on, requests)

    def kept(self) -> list[int]:
        return numbers_of(self.following(DecisionFilter(), limit=1000))


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def journal():
    return InMemoryJournal()


@pytest.fixture(params=["refuse"])
def writer(request, store, journal, monkeypatch):
    monkeypatch.setattr(recovery, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(writing, "RECORDS_A_TRANSACTION", 5)
    monkeypatch.setattr(writing, "RECORDS_A_PIECE", 2)
    of_outages = InMemoryJournal() if request.param == "journal" else None
    writer = GroupCommit(store, limit=1000, journal=of_outages, holding=journal)
    writer.start()
    yield writer
    store.free.set()
    writer.close()


def submit(writer, *requests) -> list:
    """What the results will be put into."""
    results: list = []
    writer.submit(requests, results.extend)
    return results


def stored(writer, *requests) -> list:
    results = submit(writer, *requests)
    eventually(lambda: len(results) == len(requests), "the requests are answered")
    return results


def test_it_takes_one_transaction_if_nothing_else_waits(writer, store):
    assert stored(writer, request_of(*LARGE)) == [None]
    assert (store.kept(), store.transactions) == ([*LARGE], 1)


def test_small_requests_go_between_the_pieces(writer, store):
    store.free.clear()
    large = submit(writer, request_of(*LARGE))
    store.begun.acquire()
    small = [submit(writer, request_of(number)) for number in (1, 2)]
    store.free.set()
    eventually(lambda: large, "the large request is answered")
    assert small == [[None], [None]]
    assert store.saved == [[100, 101], [1, 2], [102, 103], [104]]


def test_requests_that_were_submitted_together_stay_in_one_transaction(writer, store):
    assert stored(writer, request_of(1), request_of(*LARGE)) == [None, None]
    assert (store.saved, store.transactions) == ([[1, *LARGE]], 0)


def test_nothing_is_stored_if_the_first_piece_is_not(writer, store, journal):
    store.fails_at = 0
    [error] = stored(writer, request_of(*LARGE))
    assert isinstance(error, StoreUnavailable)
    store.fails_at = 1_000
    eventually(lambda: writer.error is None, "the store works again")
    assert (store.kept(), journal.written) == ([], [])


@pytest.mark.parametrize(
    ("writer", "answer"), [("refuse", CommitInDoubt), ("journal", type(None))], indirect=["writer"]
)
def test_a_request_of_which_a_piece_is_stored_is_completed_later(writer, store, journal, answer):
    store.fails_at = 1
    store.free.clear()
    results = submit(writer, request_of(*LARGE))
    store.begun.acquire()
    submit(writer, request_of(1))  # so that the first piece is committed by itself
    store.free.set()
    eventually(lambda: results, "it is answered")
    assert [type(result) for result in results] == [answer]
    store.fails_at = 1_000
    eventually(lambda: {*LARGE} <= {*store.kept()}, "the journal is drained")
    eventually(lambda: not journal.written, "the journal is empty")


def test_what_a_killed_writer_left_is_stored_at_the_start(store, journal):
    left_held(journal, request_of(*LARGE))
    writer = GroupCommit(store, limit=1000, holding=journal)
    writer.start()
    assert store.kept() == [*LARGE]
    writer.close()


@pytest.mark.parametrize(
    "request_",
    [request_of(*LARGE), request_of(*LARGE)._replace(idempotency=IdempotencyKey("caller", "key", b""), answer=b"[]")],
)
def test_without_the_journal_and_with_keys_it_is_stored_whole(writer, store, journal, request_):
    if not request_.idempotency:
        journal.error = "the folder is read-only"
    assert stored(writer, request_) == [None]
    assert (store.saved, store.transactions) == ([[*LARGE]], 0)
    assert writer.error is None
