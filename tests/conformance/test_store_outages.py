"""Databases that fail under load and recover: everything answered is stored once, without manual steps."""

import shutil
import sqlite3
import threading
from itertools import count

import pytest

from fraud_detection_api.adapters.journal import FileJournal
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.storage import recovery
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.services.storage.writing import GroupCommit
from support.kept import numbers_of, request_of
from support.polling import eventually
from support.postgres_servers import start_postgres, stop_postgres

CLIENTS = 4


class LockedFile:
    """A SQLite file that another process holds meanwhile."""

    def __init__(self, folder) -> None:
        self._path = folder / "decisions.db"

    def database(self):
        return SqliteDatabase(self._path, timeout_seconds=0.1)

    def begin(self) -> None:
        self._other = sqlite3.connect(self._path, isolation_level=None, timeout=20)
        self._other.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        self._other.close()


class MissingFolder(LockedFile):
    """A SQLite file whose folder is missing meanwhile, as on a failing disk."""

    def begin(self) -> None:
        self._path.parent.rename(self._path.parent.with_name("away"))

    def end(self) -> None:
        self._path.parent.with_name("away").rename(self._path.parent)


class KilledServer:
    """A PostgreSQL server that crashes and restarts."""

    def __init__(self) -> None:
        self.server = start_postgres()

    def database(self):
        return PostgresDatabase(self.server.url(), timeout_seconds=2)

    def begin(self) -> None:
        self.server.kill()

    def end(self) -> None:
        self.server.restart()


@pytest.fixture(params=["locked file", "missing folder", "killed server"])
def outage(request, tmp_path):
    if request.param == "killed server":
        outage = KilledServer()
        yield outage
        stop_postgres(outage.server)
        return
    (tmp_path / "store").mkdir()
    yield (LockedFile if request.param == "locked file" else MissingFolder)(tmp_path / "store")
    shutil.rmtree(tmp_path / "store")


class Load:
    """Clients that each send decision after decision; `answered` are those that were answered."""

    def __init__(self, writer: GroupCommit) -> None:
        self._writer, self._stop = writer, threading.Event()
        self.answered: list[int] = []
        self.refusals: list[Exception] = []
        self._clients = [threading.Thread(target=self._send, args=(client,)) for client in range(CLIENTS)]
        for client in self._clients:
            client.start()

    def end(self) -> None:
        self._stop.set()
        for client in self._clients:
            client.join()

    def goes_on(self) -> None:
        """Wait until more is answered."""
        before = len(self.answered)
        eventually(lambda: len(self.answered) > before + 3 * CLIENTS, "decisions are answered")

    def _send(self, client: int) -> None:
        for number in count(client, CLIENTS):
            if self._stop.is_set():
                return
            done, results = threading.Event(), []
            self._writer.submit(
                [request_of(number)], lambda found, to=results, done=done: (to.extend(found), done.set())
            )
            assert done.wait(30)
            if results == [None]:
                self.answered.append(number)
            else:
                self.refusals += results
                self._stop.wait(0.01)


@pytest.mark.parametrize("with_journal", [False, True])
def test_what_was_answered_is_stored_once(outage, with_journal, tmp_path, monkeypatch):
    monkeypatch.setattr(recovery, "RETRY_SECONDS", 0.05)
    store = SqlDecisionStore(outage.database(), idempotency_seconds=86_400)
    journal = FileJournal(tmp_path / "journal") if with_journal else None
    writer = GroupCommit(store, limit=1000, journal=journal)
    writer.start()
    assert writer.error is None
    load = Load(writer)
    for _ in range(3):
        load.goes_on()
        outage.begin()
        eventually(lambda: writer._recovery.store_error is not None, "the outage is noticed")
        if with_journal:
            load.goes_on()
        outage.end()
        eventually(lambda: writer._recovery.store_error is None, "the store is found again")
        load.goes_on()
    load.end()
    # a request that was on its way to the journal when the store was found again is drained after that
    eventually(lambda: journal is None or not journal.backlog().files, "the journal is empty")
    kept = numbers_of(store.following(DecisionFilter(), limit=10**9))
    writer.close()
    assert len(kept) == len(set(kept))
    assert set(load.answered) <= set(kept)
    assert all(isinstance(refusal, StoreUnavailable) for refusal in load.refusals)
    if with_journal:
        assert sorted(load.answered) == kept
        assert list((tmp_path / "journal").iterdir()) == []
