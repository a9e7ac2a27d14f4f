"""What else happens in PostgreSQL while a purge or an erasure runs; SQLite has one writer at a time."""

import threading

import pytest

from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase, PostgresFiles
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.log import LogKey
from support.logged import NOW, SEALING, Logged
from support.polling import eventually
from support.sealed_rows import DAY, keep_rows, kept_row

WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def connect(postgres_url):
    opened = []

    def database():
        opened.append(PostgresDatabase(postgres_url, timeout_seconds=20))
        return opened[-1]

    yield database
    for each in opened:
        each.close()


@pytest.fixture
def logged(connect):
    return Logged(connect())


def is_waiting(database) -> bool:
    with database.reading() as session:
        return bool(session.rows(WAITING))


class Meanwhile:
    """Something that another process does as soon as it is started; goes on once that has ended or waits for a lock."""

    def __init__(self, database, task) -> None:
        self._database, self._thread = database, threading.Thread(target=task)

    def __call__(self) -> float:
        if not self._thread.ident:
            self._thread.start()
            eventually(lambda: not self._thread.is_alive() or is_waiting(self._database), "it ends or waits")
        return NOW / 1000

    def join(self) -> None:
        self._thread.join(20)


def test_an_old_decision_that_is_stored_during_a_purge_stays_in_the_log(logged, connect):
    late = kept_row(50, recorder=SEALING, at=logged.rows[0].decided_at + 1)
    meanwhile = Meanwhile(logged.database, lambda: keep_rows(logged.store, [late]))

    class Key(LogKey):
        def tombstones(self, subjects):
            meanwhile()
            return super().tombstones(subjects)

    database = connect()
    recorder = type("Sealing", (), {"log_key": Key(SEALING.seal_key)})()
    SqlStoreUpkeep(database, PostgresFiles(database), recorder).remove_older(NOW - 30 * DAY, limit=100)
    meanwhile.join()
    logged.sign()
    assert logged.faults() == []


@pytest.mark.parametrize("remove", ["erase", "purge"])
def test_a_label_that_is_recorded_during_a_removal_is_part_of_it(logged, connect, remove):
    def removal():
        if remove == "erase":
            logged.upkeep.erase("4")
        else:
            logged.upkeep.purge(30 * DAY / 1000, lambda _removed: None)

    meanwhile = Meanwhile(logged.database, removal)
    labels = SqlLabelStore(connect(), SEALING, wall_clock=meanwhile)
    assert labels.record([Finding(logged.rows[4].decision_id, True, "analyst", note="she called")]) == ["recorded"]
    meanwhile.join()
    logged.sign()
    assert logged.faults() == []
    with logged.database.reading() as session:
        assert session.rows("SELECT 1 FROM labels WHERE note = 'she called'") == []
