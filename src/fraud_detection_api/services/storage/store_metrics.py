"""What is kept and what waits to be kept, told for the metrics."""

from collections.abc import Callable
from contextlib import suppress
from threading import Lock

from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.storage.decision_writer import DecisionWriter
from fraud_detection_api.services.storage.journal import DecisionJournal


class StoreMetrics:
    """Counts what is kept; from any thread."""

    def __init__(self, tallies: Tallies) -> None:
        self._hold = Lock()  # the store's writer and its healer
        self._kept = tallies.counter(catalogue.STORE_RECORDS_KEPT)
        self._failures = tallies.counter(catalogue.STORE_FAILURES)
        self._commits = tallies.histogram(catalogue.STORE_COMMIT_DURATION)

    def committed(self, seconds: float) -> None:
        """A transaction ended well."""
        with self._hold:
            self._commits.observe(seconds)

    def kept(self, records: int) -> None:
        """So many were kept: committed, or written to the journal."""
        with self._hold:
            self._kept.add(records)

    def failed(self) -> None:
        """The store could not be opened or written to."""
        with self._hold:
            self._failures.add()


def measure_queue(tallies: Tallies, waiting: Callable[[], int], limit: int) -> None:
    """From now on, tell how many records wait to be kept."""
    queue = tallies.gauge(catalogue.STORE_QUEUE)
    tallies.gauge(catalogue.STORE_QUEUE_LIMIT).set(limit)
    tallies.read_with(lambda: queue.set(waiting()))


def measure_keeper(tallies: Tallies, keeper: DecisionWriter, limit: int) -> None:
    """From now on, tell what a worker sees of what keeps its decisions."""
    up = tallies.gauge(catalogue.STORE_UP)
    tallies.read_with(lambda: up.set(0 if keeper.fault is not None else 1))
    measure_queue(tallies, lambda: keeper.waiting, limit)


def measure_journal(tallies: Tallies, journal: DecisionJournal) -> None:
    """From now on, tell what waits in the journal, whoever wrote it."""
    size, files = tallies.gauge(catalogue.JOURNAL_SIZE), tallies.gauge(catalogue.JOURNAL_FILES)
    damaged = tallies.gauge(catalogue.JOURNAL_DAMAGED_FILES)

    def read() -> None:
        with suppress(StoreUnavailable):  # the numbers of before stand
            backlog = journal.backlog()
            size.set(backlog.size_bytes)
            files.set(backlog.files)
            damaged.set(backlog.damaged)

    tallies.read_with(read)
