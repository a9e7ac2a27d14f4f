"""What is kept, what fails and what waits is told by what keeps."""

import threading

import pytest

from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.storage import writing as keeping
from fraud_detection_api.services.storage.journal import JournalBacklog
from fraud_detection_api.services.storage.store_metrics import StoreMetrics, measure_journal, measure_queue
from fraud_detection_api.services.storage.writing import GroupCommit
from support.fakes import InMemoryDecisionStore, InMemoryJournal
from support.kept import keyed, request_of
from support.polling import eventually


class Store(InMemoryDecisionStore):
    """One that may be away."""

    away = False

    def save(self, requests):
        self._require()
        return super().save(requests)

    def check(self) -> None:
        self._require()

    def _require(self) -> None:
        if self.away:
            raise StoreUnavailable("the store is away")


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(keeping, "RETRY_SECONDS", 0.01)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def tallies():
    return Tallies()


@pytest.fixture
def keeper_of(store, tallies):
    keepers = []

    def start(journal=None) -> GroupCommit:
        keepers.append(GroupCommit(store, limit=100, journal=journal, metrics=StoreMetrics(tallies)))
        keepers[-1].start()
        return keepers[-1]

    yield start
    store.away = False
    for keeper in keepers:
        keeper.close()


def told(tallies):
    return {name: value for name, _labels, value in tallies.snapshot("keeper").series}


def keep(keeper, *requests):
    """Waits until it is known what became of them."""
    ended, results = threading.Event(), []
    keeper.submit(requests, lambda told: (results.extend(told), ended.set()))
    assert ended.wait(20)
    return results


def test_what_is_committed_is_counted_before_anybody_is_told(keeper_of, tallies):
    keeper, seen = keeper_of(), []
    ended = threading.Event()
    keeper.submit([request_of(1), request_of(2)], lambda _: (seen.append(told(tallies)), ended.set()))
    assert ended.wait(20)
    assert seen[0]["fraud_store_records_kept_total"] == 2
    assert sum(seen[0]["fraud_store_commit_duration_seconds"][0]) == 1


def test_what_was_answered_before_is_kept_once(keeper_of, tallies):
    keeper = keeper_of()
    keep(keeper, keyed(1))
    keep(keeper, keyed(2))
    assert told(tallies)["fraud_store_records_kept_total"] == 1


def test_what_is_refused_is_not_kept_and_failures_count_while_they_last(keeper_of, store, tallies):
    keeper = keeper_of()
    store.away = True
    assert isinstance(keep(keeper, request_of(1))[0], StoreUnavailable)
    eventually(lambda: told(tallies)["fraud_store_failures_total"] > 3, "it is tried again and again")
    assert told(tallies)["fraud_store_records_kept_total"] == 0
    assert sum(told(tallies)["fraud_store_commit_duration_seconds"][0]) == 0


def test_what_the_journal_takes_is_kept_and_not_again_when_it_is_drained(keeper_of, store, tallies):
    keeper = keeper_of(InMemoryJournal())
    store.away = True
    assert keep(keeper, request_of(1), request_of(2)) == [None, None]
    assert told(tallies)["fraud_store_records_kept_total"] == 2
    store.away = False
    eventually(lambda: keeper._store_error is None, "the store is back")
    assert told(tallies)["fraud_store_records_kept_total"] == 2


def test_one_request_s_fault_leaves_the_others_counted(keeper_of, tallies):
    poisoned, sound = keep(keeper_of(), request_of(1, outcome="perhaps"), request_of(2))
    assert isinstance(poisoned, Exception)
    assert sound is None
    assert told(tallies)["fraud_store_records_kept_total"] == 1


def test_additions_of_several_threads_are_all_there(tallies):
    metrics = StoreMetrics(tallies)

    def count() -> None:
        for _ in range(20_000):
            metrics.kept(1)
            metrics.failed()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(tallies)["fraud_store_records_kept_total"] == told(tallies)["fraud_store_failures_total"] == 80_000


def test_the_queue_is_looked_at_when_somebody_asks(tallies):
    waiting = [3]
    measure_queue(tallies, lambda: waiting[0], limit=100)
    waiting[0] = 8
    assert told(tallies)["fraud_store_queue_records"][0] == 8
    assert told(tallies)["fraud_store_queue_limit_records"][0] == 100


def test_a_journal_that_cannot_be_read_leaves_the_numbers_of_before(tallies):
    class Journal(InMemoryJournal):
        away = False

        def backlog(self) -> JournalBacklog:
            if self.away:
                raise StoreUnavailable("the journal cannot be read")
            return JournalBacklog(2, 1000, 1)

    journal = Journal()
    measure_journal(tallies, journal)
    for journal.away in (False, True):
        shown = told(tallies)
        assert [shown[f"fraud_journal_{name}"][0] for name in ("files", "size_bytes", "damaged_files")] == [2, 1000, 1]
