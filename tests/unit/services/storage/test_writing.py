"""Group commit: what is kept together, what is refused, and what happens while the store is away."""

import threading
from concurrent.futures import Future

import pytest

from fraud_detection_api.decision.stored import StoredAnswer
from fraud_detection_api.errors import StoreBusy, StoreUnavailable
from fraud_detection_api.services.storage import writing as keeping
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.services.storage.writing import GroupCommit
from support.fakes import InMemoryDecisionStore, InMemoryJournal
from support.kept import keyed, numbers_of, request_of
from support.polling import eventually

POISON = {"outcome": "perhaps"}


class Store(InMemoryDecisionStore):
    """One that notes its transactions, and lets none end while it is `held up`."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: list[int] = []
        self.begun, self.free = threading.Semaphore(0), threading.Event()
        self.free.set()

    def save(self, requests):
        self.begun.release()
        assert self.free.wait(20)
        results = super().save(requests)
        self.transactions.append(len(requests))
        return results

    def held(self) -> list[int]:
        return numbers_of(self.following(DecisionFilter(), limit=10_000))


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(keeping, "RETRY_SECONDS", 0.01)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def journal():
    return InMemoryJournal()


@pytest.fixture
def keeper_of(store):
    """Starts a keeper of the store; closes it in the end."""
    keepers = []

    def start(*, limit: int = 100, journal=None) -> GroupCommit:
        keepers.append(GroupCommit(store, limit=limit, journal=journal))
        keepers[-1].start()
        return keepers[-1]

    yield start
    store.free.set()
    for keeper in keepers:
        keeper.close()


def submit(keeper, *requests) -> Future:
    """The future results."""
    results: Future = Future()
    keeper.submit(requests, results.set_result)
    return results


def keep(keeper, *requests):
    return submit(keeper, *requests).result(20)


def fail(store, keeper, fault: str = "the disk is full") -> None:
    """Make the store fail, and the keeper notice."""
    store.error = fault
    keep(keeper, request_of(9999))
    assert keeper.error == fault


def heal(store, keeper) -> None:
    """Make the store work again, and wait until the keeper has put in what was written down, and noticed."""
    store.error = None
    eventually(lambda: keeper._store_error is None, "the keeper finds the store well")


def test_results_come_in_the_requests_order(keeper_of, store):
    keeper = keeper_of()
    keep(keeper, keyed(1))
    assert keep(keeper, request_of(2), keyed(3), request_of(4)) == [None, StoredAnswer(b"digest", b"answer 1"), None]
    assert store.held() == [1, 2, 4]


def test_what_comes_during_a_transaction_shares_the_next(keeper_of, store):
    keeper = keeper_of()
    store.free.clear()
    first = submit(keeper, request_of(1))
    store.begun.acquire()
    later = [submit(keeper, request_of(number), request_of(number + 100)) for number in (2, 3, 4)]
    assert not first.done()
    store.free.set()
    assert [results.result(20) for results in (first, *later)] == [[None], *[[None, None]] * 3]
    assert store.transactions == [1, 6]


def test_a_transaction_takes_no_more_than_it_should(keeper_of, store, monkeypatch):
    monkeypatch.setattr(keeping, "RECORDS_A_TRANSACTION", 5)
    keeper = keeper_of(limit=1000)
    store.free.clear()
    first = submit(keeper, request_of(0))
    store.begun.acquire()
    later = [submit(keeper, request_of(*range(number, number + 3))) for number in (10, 20, 30, 40)]
    store.free.set()
    for results in (first, *later):
        results.result(20)
    assert store.transactions == [1, 2, 2]


def test_so_many_records_may_wait_and_no_more(keeper_of, store):
    keeper = keeper_of(limit=4)
    store.free.clear()
    submit(keeper, request_of(0))
    store.begun.acquire()
    keeper.require_room()
    submit(keeper, request_of(1, 2, 3))
    keeper.require_room()
    submit(keeper, request_of(4))
    with pytest.raises(StoreBusy) as caught:
        keeper.require_room()
    assert caught.value.retry_after_seconds == 1
    store.free.set()
    eventually(lambda: len(store.held()) == 5, "all are kept")
    keeper.require_room()


def test_closing_keeps_what_waits(store):
    keeper = GroupCommit(store, limit=100)
    keeper.start()
    store.free.clear()
    waiting = [submit(keeper, request_of(number)) for number in range(5)]
    closing = threading.Thread(target=keeper.close)
    closing.start()
    store.free.set()
    closing.join(20)
    assert [results.result(0) for results in waiting] == [[None]] * 5
    assert store.held() == [0, 1, 2, 3, 4]
    assert keeper.error == "the decision store is not open"


def test_it_may_be_started_again(store):
    keeper = GroupCommit(store, limit=100)
    for number in (1, 2):
        keeper.start()
        assert keep(keeper, request_of(number)) == [None]
        keeper.close()
    assert store.held() == [1, 2]


def test_before_it_is_started_there_is_no_room(store):
    with pytest.raises(StoreUnavailable, match="is not open"):
        GroupCommit(store, limit=100).require_room()


def test_a_request_that_cannot_be_kept_fails_alone(keeper_of, store):
    keeper = keeper_of()
    store.free.clear()
    first = submit(keeper, request_of(0))
    store.begun.acquire()
    later = [submit(keeper, request_of(1)), submit(keeper, request_of(2, **POISON)), submit(keeper, request_of(3))]
    store.free.set()
    assert [result for results in (first, *later) for result in results.result(20)].count(None) == 3
    [failed] = later[1].result()
    assert isinstance(failed, ValueError)
    assert store.held() == [0, 1, 3]
    assert keeper.error is None


def test_a_store_that_fails_refuses_until_it_is_well(keeper_of, store):
    keeper = keeper_of()
    store.error = "the disk is full"
    [failed] = keep(keeper, request_of(1))
    assert isinstance(failed, StoreUnavailable)
    assert str(failed) == "the disk is full"
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        keeper.require_room()
    heal(store, keeper)
    keeper.require_room()
    assert keep(keeper, request_of(2)) == [None]
    assert store.held() == [2]


def test_what_waited_when_the_store_failed_is_refused(keeper_of, store):
    keeper = keeper_of()
    store.free.clear()
    waiting = [submit(keeper, request_of(0))]
    store.begun.acquire()
    waiting += [submit(keeper, request_of(number)) for number in range(1, 5)]
    store.error = "the disk is full"
    store.free.set()
    assert all(isinstance(results.result(20)[0], StoreUnavailable) for results in waiting)
    heal(store, keeper)
    assert store.held() == []


def test_a_store_that_is_away_at_the_start_is_waited_for(store):
    store.error = "it is away"
    keeper = GroupCommit(store, limit=100)
    keeper.start()
    assert keeper.error == "it is away"
    heal(store, keeper)
    assert keep(keeper, request_of(1)) == [None]
    keeper.close()


def test_the_reason_is_the_last_one(keeper_of, store):
    keeper = keeper_of()
    fail(store, keeper, "the disk is full")
    store.error = "the file is damaged"
    eventually(lambda: keeper.error == "the file is damaged", "the new reason is told")


def test_a_keeper_whose_store_stays_away_closes_all_the_same(keeper_of, store):
    keeper = keeper_of()
    fail(store, keeper)
    keeper.close()
    assert store.transactions == []


def test_with_a_journal_decisions_are_written_down_and_put_in_later(keeper_of, store, journal):
    keeper = keeper_of(journal=journal)
    store.error = "it is away"
    assert keep(keeper, request_of(1), request_of(2, 3)) == [None, None]
    assert keeper.error is None
    keeper.require_room()
    assert keep(keeper, request_of(4)) == [None]
    assert journal.written == [request_of(1), request_of(2, 3), request_of(4)]
    heal(store, keeper)
    assert journal.written == []
    assert store.held() == [1, 2, 3, 4]
    assert keep(keeper, request_of(5)) == [None]
    assert journal.written == []


def test_what_was_written_down_before_the_start_is_put_in_first(keeper_of, store, journal):
    journal.append([request_of(1), request_of(2), request_of(3)])
    keeper = keeper_of(journal=journal)
    assert keeper.error is None
    assert store.held() == [1, 2, 3]


def test_a_request_under_a_key_is_refused_where_its_key_cannot_be_looked_up(keeper_of, store, journal):
    keeper = keeper_of(journal=journal)
    store.error = "it is away"
    kept, refused = keep(keeper, request_of(1), keyed(2))
    assert kept is None
    assert isinstance(refused, StoreUnavailable)
    heal(store, keeper)
    assert store.held() == [1]


def test_where_neither_store_nor_journal_can_be_written_requests_are_refused(keeper_of, store, journal):
    keeper = keeper_of(journal=journal)
    store.error, journal.error = "it is away", "the journal's disk is full"
    [failed] = keep(keeper, request_of(1))
    assert str(failed) == "the journal's disk is full"
    assert keeper.error == "the journal's disk is full"
    journal.error = None
    eventually(lambda: keeper.error is None, "the journal works again")
    assert keep(keeper, request_of(2)) == [None]
    heal(store, keeper)
    assert store.held() == [2]


def test_a_store_that_fails_again_while_it_is_filled_gets_everything_later(keeper_of, store, journal):
    keeper = keeper_of(journal=journal)
    store.error = "it is away"
    assert keep(keeper, *map(request_of, range(7))) == [None] * 7
    keep_anything = store.save

    def fail_at_the_second_piece(requests):
        if store.held():
            store.save, store.error = keep_anything, "away again"
        return keep_anything(requests)

    store.save = fail_at_the_second_piece
    store.error = None
    eventually(lambda: keeper._store_error == "away again", "it fails again")
    assert keep(keeper, request_of(7)) == [None]
    heal(store, keeper)
    assert store.held() == list(range(8))
    assert journal.written == []


def test_what_the_store_does_not_take_from_the_journal_is_put_aside(keeper_of, store, journal):
    keeper = keeper_of(journal=journal)
    store.error = "it is away"
    poison = request_of(3, **POISON)
    assert keep(keeper, request_of(1), request_of(2), poison, request_of(4), request_of(5)) == [None] * 5
    heal(store, keeper)
    assert store.held() == [1, 2, 4, 5]
    assert journal.aside == [poison]


def test_under_load_everything_answered_is_kept_once_while_the_store_comes_and_goes(keeper_of, store, journal):
    keeper, answered, stop = keeper_of(limit=10_000, journal=journal), [], threading.Event()

    def load(first: int) -> None:
        number = first
        while not stop.is_set():
            if keep(keeper, request_of(number)) == [None]:
                answered.append(number)
            number += 1

    clients = [threading.Thread(target=load, args=(client * 1_000_000,)) for client in range(4)]
    for client in clients:
        client.start()
    for _ in range(10):
        before = len(answered)
        store.error = "it is away"
        eventually(lambda at=before: len(answered) > at + 20, "answers go on without the store")
        store.error = None
        eventually(lambda: keeper._store_error is None, "the store is well")
    stop.set()
    for client in clients:
        client.join()
    heal(store, keeper)
    assert sorted(answered) == sorted(set(store.held())) == numbers_of(store.following(DecisionFilter(), limit=10**9))


def test_one_who_cannot_be_told_holds_up_nobody(keeper_of, store):
    keeper = keeper_of()
    told = []

    def gone(_results) -> None:
        raise RuntimeError("the event loop is closed")

    keeper.submit([request_of(1)], gone)
    keeper.submit([request_of(2)], told.extend)
    eventually(lambda: told == [None], "the second one is told")
