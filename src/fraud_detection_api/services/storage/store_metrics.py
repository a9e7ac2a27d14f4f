"""Metrics of the store: what is stored, what waits to be stored, and failures."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock

from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.storage.decision_writer import DecisionJournal, DecisionWriter, JournalBacklog


class StoreMetrics:
    """Counts what is stored; from any thread."""

    def __init__(self, tallies: Tallies) -> None:
        self._hold = Lock()  # the writing thread and the recovering one both count
        self._stored = tallies.counter(catalogue.STORE_RECORDS_KEPT)
        self._failures = tallies.counter(catalogue.STORE_FAILURES)
        self._commits = tallies.histogram(catalogue.STORE_COMMIT_DURATION)

    def committed(self, seconds: float) -> None:
        """Count a transaction that ended well."""
        with self._hold:
            self._commits.observe(seconds)

    def stored(self, records: int) -> None:
        """Count records that were committed or written to the journal."""
        with self._hold:
            self._stored.add(records)

    def failed(self) -> None:
        """Count a failure to open the store or to write to it."""
        with self._hold:
            self._failures.add()


def measure_queue(tallies: Tallies, waiting: Callable[[], int], limit: int) -> None:
    """Report how many records wait to be stored, from now on."""
    queue = tallies.gauge(catalogue.STORE_QUEUE)
    tallies.gauge(catalogue.STORE_QUEUE_LIMIT).set(limit)
    tallies.read_with(lambda: queue.set(waiting()))


def measure_writer(tallies: Tallies, writer: DecisionWriter, limit: int) -> None:
    """Report what a worker sees of its decision writer, from now on."""
    up = tallies.gauge(catalogue.STORE_UP)
    tallies.read_with(lambda: up.set(0 if writer.error is not None else 1))
    measure_queue(tallies, lambda: writer.waiting, limit)


def measure_journals(tallies: Tallies, journals: Sequence[DecisionJournal]) -> None:
    """Report what waits in the journals, of all processes, from now on."""
    size, files = tallies.gauge(catalogue.JOURNAL_SIZE), tallies.gauge(catalogue.JOURNAL_FILES)
    damaged = tallies.gauge(catalogue.JOURNAL_DAMAGED_FILES)

    def read() -> None:
        with suppress(StoreUnavailable):  # the last known numbers stay
            backlog = JournalBacklog.of(journals)
            size.set(backlog.size_bytes)
            files.set(backlog.files)
            damaged.set(backlog.damaged)

    tallies.read_with(read)
