"""Metrics of the store: what is stored, what fails and what waits."""

import threading

import pytest

from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.storage import recovery
from fraud_detection_api.services.storage.decision_writer import JournalBacklog
from fraud_detection_api.services.storage.store_metrics import StoreMetrics, measure_journals, measure_queue
from fraud_detection_api.services.storage.writing import GroupCommit
from support.fakes import InMemoryDecisionStore, InMemoryJournal
from support.kept import keyed, request_of
from support.polling import eventually


class Store(InMemoryDecisionStore):
    """A store that may be unavailable."""

    unavailable = False

    def save(self, requests):
        self._require()
        return super().save(requests)

    def check(self) -> None:
        self._require()

    def _require(self) -> None:
        if self.unavailable:
            raise StoreUnavailable("the store is unavailable")


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(recovery, "RETRY_SECONDS", 0.01)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def tallies():
    return Tallies()


@pytest.fixture
def writer_of(store, tallies):
    writers = []

    def start(journal=None) -> GroupCommit:
        writers.append(GroupCommit(store, limit=100, journal=journal, metrics=StoreMetrics(tallies)))
        writers[-1].start()
        return writers[-1]

    yield start
    store.unavailable = False
    for writer in writers:
        writer.close()


def reported(tallies):
    return {name: value for name, _labels, value in tallies.snapshot("writer").series}


def save(writer, *requests):
    """Submit requests, and wait for their results."""
    ended, results = threading.Event(), []
    writer.submit(requests, lambda found: (results.extend(found), ended.set()))
    assert ended.wait(20)
    return results


def test_committed_records_are_counted_before_callers_get_results(writer_of, tallies):
    writer, seen = writer_of(), []
    ended = threading.Event()
    writer.submit([request_of(1), request_of(2)], lambda _: (seen.append(reported(tallies)), ended.set()))
    assert ended.wait(20)
    assert seen[0]["fraud_store_records_kept_total"] == 2
    assert sum(seen[0]["fraud_store_commit_duration_seconds"][0]) == 1


def test_a_repeated_request_is_counted_once(writer_of, tallies):
    writer = writer_of()
    save(writer, keyed(1))
    save(writer, keyed(2))
    assert reported(tallies)["fraud_store_records_kept_total"] == 1


def test_refused_records_are_not_counted_and_each_failure_is(writer_of, store, tallies):
    writer = writer_of()
    store.unavailable = True
    assert isinstance(save(writer, request_of(1))[0], StoreUnavailable)
    eventually(lambda: reported(tallies)["fraud_store_failures_total"] > 3, "it is tried again and again")
    assert reported(tallies)["fraud_store_records_kept_total"] == 0
    assert sum(reported(tallies)["fraud_store_commit_duration_seconds"][0]) == 0


def test_journaled_records_are_counted_once(writer_of, store, tallies):
    writer = writer_of(InMemoryJournal())
    store.unavailable = True
    assert save(writer, request_of(1), request_of(2)) == [None, None]
    assert reported(tallies)["fraud_store_records_kept_total"] == 2
    store.unavailable = False
    eventually(lambda: writer._recovery.store_error is None, "the store is back")
    assert reported(tallies)["fraud_store_records_kept_total"] == 2


def test_a_failing_request_leaves_the_others_counted(writer_of, tallies):
    poisoned, sound = save(writer_of(), request_of(1, outcome="perhaps"), request_of(2))
    assert isinstance(poisoned, Exception)
    assert sound is None
    assert reported(tallies)["fraud_store_records_kept_total"] == 1


def test_several_threads_lose_no_counts(tallies):
    metrics = StoreMetrics(tallies)

    def count() -> None:
        for _ in range(20_000):
            metrics.stored(1)
            metrics.failed()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        reported(tallies)["fraud_store_records_kept_total"] == reported(tallies)["fraud_store_failures_total"] == 80_000
    )


def test_the_queue_is_measured_on_request(tallies):
    waiting = [3]
    measure_queue(tallies, lambda: waiting[0], limit=100)
    waiting[0] = 8
    assert reported(tallies)["fraud_store_queue_records"][0] == 8
    assert reported(tallies)["fraud_store_queue_limit_records"][0] == 100


def test_an_unreadable_journal_leaves_the_last_numbers(tallies):
    class Journal(InMemoryJournal):
        unavailable = False

        def backlog(self) -> JournalBacklog:
            if self.unavailable:
                raise StoreUnavailable("the journal cannot be read")
            return JournalBacklog(2, 1000, 1)

    journal = Journal()
    measure_journals(tallies, [journal])
    for journal.unavailable in (False, True):
        shown = reported(tallies)
        assert [shown[f"fraud_journal_{name}"][0] for name in ("files", "size_bytes", "damaged_files")] == [2, 1000, 1]
