"""Group commit: shared transactions, refusals, and outages of the store."""

import threading
from concurrent.futures import Future

import pytest

from fraud_detection_api.decision.stored import StoredAnswer
from fraud_detection_api.errors import StoreBusy, StoreUnavailable
from fraud_detection_api.services.storage import recovery, writing
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.services.storage.writing import GroupCommit
from support.fakes import InMemoryDecisionStore, InMemoryJournal
from support.kept import keyed, numbers_of, request_of
from support.polling import eventually

POISON = {"outcome": "perhaps"}


class Store(InMemoryDecisionStore):
    """A store that notes the requests and records of its transactions, and ends none until it is `free`."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: list[int] = []
        self.records: list[int] = []
        self.begun, self.free = threading.Semaphore(0), threading.Event()
        self.free.set()

    def save(self, requests):
        self.begun.release()
        assert self.free.wait(20)
        results = super().save(requests)
        self.transactions.append(len(requests))
        self.records.append(sum(len(request.decisions) for request in requests))
        return results

    def held(self) -> list[int]:
        return numbers_of(self.following(DecisionFilter(), limit=10_000))


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(recovery, "RETRY_SECONDS", 0.01)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def journal():
    return InMemoryJournal()


@pytest.fixture
def writer_of(store):
    """Starts a writer, and closes it in the end."""
    writers = []

    def start(*, limit: int = 100, journal=None) -> GroupCommit:
        writers.append(GroupCommit(store, limit=limit, journal=journal))
        writers[-1].start()
        return writers[-1]

    yield start
    store.free.set()
    for writer in writers:
        writer.close()


def submit(writer, *requests) -> Future:
    """A future of the results."""
    results: Future = Future()
    writer.submit(requests, results.set_result)
    return results


def save(writer, *requests):
    return submit(writer, *requests).result(20)


def fail(store, writer, error: str = "the disk is full") -> None:
    """Make the store fail, and wait until the writer notices."""
    store.error = error
    save(writer, request_of(9999))
    assert writer.error == error


def recover(store, writer) -> None:
    """Make the store work again, and wait until the writer has drained the journal and recovered."""
    store.error = None
    eventually(lambda: writer._recovery.store_error is None, "the writer recovers")


def test_results_come_in_the_requests_order(writer_of, store):
    writer = writer_of()
    save(writer, keyed(1))
    assert save(writer, request_of(2), keyed(3), request_of(4)) == [None, StoredAnswer(b"digest", b"answer 1"), None]
    assert store.held() == [1, 2, 4]


def test_requests_during_a_transaction_share_the_next_one(writer_of, store):
    writer = writer_of()
    store.free.clear()
    first = submit(writer, request_of(1))
    store.begun.acquire()
    later = [submit(writer, request_of(number), request_of(number + 100)) for number in (2, 3, 4)]
    assert not first.done()
    store.free.set()
    assert [results.result(20) for results in (first, *later)] == [[None], *[[None, None]] * 3]
    assert store.transactions == [1, 6]


def test_a_transaction_takes_a_limited_number_of_records(writer_of, store, monkeypatch):
    monkeypatch.setattr(writing, "RECORDS_A_TRANSACTION", 5)
    writer = writer_of(limit=1000)
    store.free.clear()
    first = submit(writer, request_of(0))
    store.begun.acquire()
    later = [submit(writer, request_of(*range(number, number + 3))) for number in (10, 20, 30, 40)]
    store.free.set()
    for results in (first, *later):
        results.result(20)
    assert store.transactions == [1, 2, 2]


def test_a_small_request_waits_for_one_large_one_at_most(writer_of, store, monkeypatch):
    monkeypatch.setattr(writing, "RECORDS_A_TRANSACTION", 5)
    writer = writer_of(limit=1000)
    store.free.clear()
    first = submit(writer, request_of(*range(5)))
    store.begun.acquire()
    sizes = (6, 7, 1, 2, 8)
    later = [submit(writer, request_of(*range(10 * size, 11 * size))) for size in sizes]
    store.free.set()
    for results in (first, *later):
        results.result(20)
    assert store.records == [5, 3, 6, 7, 8]


def test_the_number_of_waiting_records_is_limited(writer_of, store):
    writer = writer_of(limit=4)
    store.free.clear()
    submit(writer, request_of(0))
    store.begun.acquire()
    writer.require_room()
    submit(writer, request_of(1, 2, 3))
    writer.require_room()
    submit(writer, request_of(4))
    with pytest.raises(StoreBusy) as caught:
        writer.require_room()
    assert caught.value.retry_after_seconds == 1
    store.free.set()
    eventually(lambda: len(store.held()) == 5, "all are stored")
    writer.require_room()
    assert writer.waiting == 0


def test_closing_stores_what_waits(store):
    writer = GroupCommit(store, limit=100)
    writer.start()
    store.free.clear()
    waiting = [submit(writer, request_of(number)) for number in range(5)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    store.free.set()
    closing.join(20)
    assert [results.result(0) for results in waiting] == [[None]] * 5
    assert store.held() == [0, 1, 2, 3, 4]
    assert writer.error == "the decision store is not open"


def test_it_may_be_started_again(store):
    writer = GroupCommit(store, limit=100)
    for number in (1, 2):
        writer.start()
        assert save(writer, request_of(number)) == [None]
        writer.close()
    assert store.held() == [1, 2]


def test_a_writer_that_is_not_started_refuses(store):
    with pytest.raises(StoreUnavailable, match="is not open"):
        GroupCommit(store, limit=100).require_room()


def test_a_request_that_cannot_be_stored_fails_alone(writer_of, store):
    writer = writer_of()
    store.free.clear()
    first = submit(writer, request_of(0))
    store.begun.acquire()
    later = [submit(writer, request_of(1)), submit(writer, request_of(2, **POISON)), submit(writer, request_of(3))]
    store.free.set()
    assert [result for results in (first, *later) for result in results.result(20)].count(None) == 3
    [failed] = later[1].result()
    assert isinstance(failed, ValueError)
    assert store.held() == [0, 1, 3]
    assert writer.error is None


def test_a_failed_store_refuses_until_it_recovers(writer_of, store):
    writer = writer_of()
    store.error = "the disk is full"
    [failed] = save(writer, request_of(1))
    assert isinstance(failed, StoreUnavailable)
    assert str(failed) == "the disk is full"
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        writer.require_room()
    recover(store, writer)
    writer.require_room()
    assert save(writer, request_of(2)) == [None]
    assert store.held() == [2]


def test_waiting_requests_are_refused_when_the_store_fails(writer_of, store):
    writer = writer_of()
    store.free.clear()
    waiting = [submit(writer, request_of(0))]
    store.begun.acquire()
    waiting += [submit(writer, request_of(number)) for number in range(1, 5)]
    store.error = "the disk is full"
    store.free.set()
    assert all(isinstance(results.result(20)[0], StoreUnavailable) for results in waiting)
    recover(store, writer)
    assert store.held() == []


def test_a_store_that_is_unavailable_at_the_start_is_tried_again(store):
    store.error = "it is unavailable"
    writer = GroupCommit(store, limit=100)
    writer.start()
    assert writer.error == "it is unavailable"
    recover(store, writer)
    assert save(writer, request_of(1)) == [None]
    writer.close()


def test_the_latest_error_is_reported(writer_of, store):
    writer = writer_of()
    fail(store, writer, "the disk is full")
    store.error = "the file is damaged"
    eventually(lambda: writer.error == "the file is damaged", "the new error is reported")


def test_a_writer_with_an_unavailable_store_can_close(writer_of, store):
    writer = writer_of()
    fail(store, writer)
    writer.close()
    assert store.transactions == []


def test_an_outage_writes_to_the_journal_and_drains_it_later(writer_of, store, journal):
    writer = writer_of(journal=journal)
    store.error = "it is unavailable"
    assert save(writer, request_of(1), request_of(2, 3)) == [None, None]
    assert writer.error is None
    writer.require_room()
    assert save(writer, request_of(4)) == [None]
    assert journal.written == [request_of(1), request_of(2, 3), request_of(4)]
    recover(store, writer)
    assert journal.written == []
    assert store.held() == [1, 2, 3, 4]
    assert save(writer, request_of(5)) == [None]
    assert journal.written == []


def test_an_earlier_journal_is_drained_at_the_start(writer_of, store, journal):
    journal.append([request_of(1), request_of(2), request_of(3)])
    writer = writer_of(journal=journal)
    assert writer.error is None
    assert store.held() == [1, 2, 3]


def test_a_request_with_a_key_is_refused_while_the_store_is_unavailable(writer_of, store, journal):
    writer = writer_of(journal=journal)
    store.error = "it is unavailable"
    kept, refused = save(writer, request_of(1), keyed(2))
    assert kept is None
    assert isinstance(refused, StoreUnavailable)
    recover(store, writer)
    assert store.held() == [1]


def test_requests_are_refused_if_neither_store_nor_journal_works(writer_of, store, journal):
    writer = writer_of(journal=journal)
    store.error, journal.error = "it is unavailable", "the journal's disk is full"
    [failed] = save(writer, request_of(1))
    assert str(failed) == "the journal's disk is full"
    assert writer.error == "the journal's disk is full"
    journal.error = None
    eventually(lambda: writer.error is None, "the journal works again")
    assert save(writer, request_of(2)) == [None]
    recover(store, writer)
    assert store.held() == [2]


def test_a_store_that_fails_during_draining_gets_everything_later(writer_of, store, journal):
    writer = writer_of(journal=journal)
    store.error = "it is unavailable"
    assert save(writer, *map(request_of, range(7))) == [None] * 7
    save_anything = store.save

    def fail_at_the_second_piece(requests):
        if store.held():
            store.save, store.error = save_anything, "unavailable again"
        return save_anything(requests)

    store.save = fail_at_the_second_piece
    store.error = None
    eventually(lambda: writer._recovery.store_error == "unavailable again", "it fails again")
    assert save(writer, request_of(7)) == [None]
    recover(store, writer)
    assert store.held() == list(range(8))
    assert journal.written == []


def test_journaled_requests_that_the_store_rejects_are_put_aside(writer_of, store, journal):
    writer = writer_of(journal=journal)
    store.error = "it is unavailable"
    poison = request_of(3, **POISON)
    assert save(writer, request_of(1), request_of(2), poison, request_of(4), request_of(5)) == [None] * 5
    recover(store, writer)
    assert store.held() == [1, 2, 4, 5]
    assert journal.aside == [poison]


def test_everything_answered_is_stored_once_through_outages_under_load(writer_of, store, journal):
    writer, answered, stop = writer_of(limit=10_000, journal=journal), [], threading.Event()

    def load(first: int) -> None:
        number = first
        while not stop.is_set():
            if save(writer, request_of(number)) == [None]:
                answered.append(number)
            number += 1

    clients = [threading.Thread(target=load, args=(client * 1_000_000,)) for client in range(4)]
    for client in clients:
        client.start()
    for _ in range(10):
        before = len(answered)
        store.error = "it is unavailable"
        eventually(lambda at=before: len(answered) > at + 20, "answers go on without the store")
        store.error = None
        eventually(lambda: writer._recovery.store_error is None, "the store has recovered")
    stop.set()
    for client in clients:
        client.join()
    recover(store, writer)
    assert sorted(answered) == sorted(set(store.held())) == numbers_of(store.following(DecisionFilter(), limit=10**9))


def test_a_callback_that_fails_does_not_stop_the_writer(writer_of, store):
    writer = writer_of()
    reported = []

    def gone(_results) -> None:
        raise RuntimeError("the event loop is closed")

    writer.submit([request_of(1)], gone)
    writer.submit([request_of(2)], reported.extend)
    eventually(lambda: reported == [None], "the second callback is called")
